"""The flaws of the City's data, at their real rates; each can be changed or switched off."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from melpark.errors import ConfigurationError
from melpark.settings import Settings


@dataclass(frozen=True)
class Dirt:
    """How many of each flaw. 0 or False is none of it. Shares are of sensors, or of zones with sensors."""

    # The tables.
    share_zones_without_plates: float = 0.012
    share_zones_without_segment: float = 0.11
    # The City's is 6 % of the zones with sensors, and 9 % of all zones that have a segment.
    share_zones_of_several_segments: float = 0.07
    share_sensors_without_zone: float = 0.07
    sensors_without_bay: int = 100
    repeated_ids: int = 13
    ids_that_are_no_numbers: int = 2
    # The feed.
    # Rows of 1970 in a poll, at most one: seven in 17 polls.
    epoch_zero_times: float = 7 / 17
    share_dead: float = 0.135
    share_stuck: float = 0.275
    # A sensor falls silent, or sticks, for hours or days so often in four weeks, and revives.
    passing_faults_in_four_weeks: float = 0.12
    is_late: bool = True
    # Bays that change zone, and place, in a week.
    zone_changes_a_week: int = 4
    place_changes_a_week: int = 1
    # Outages in four weeks, by kind.
    stale_feeds: float = 1.0
    frozen_feeds: float = 0.05
    server_errors: float = 1.0
    exceeded_quotas: float = 0.25
    cut_bodies: float = 0.5

    @classmethod
    def none(cls) -> Self:
        """Every flaw switched off."""
        values: dict[str, Any] = {field.name: 0 for field in fields(cls)}
        return cls(**values | {"is_late": False})

    @classmethod
    def of(cls, text: str) -> Self:
        """The City's flaws but for those that the text sets: `share_dead=0,is_late=0`.

        After the word `none` all flaws but those that follow are switched off: `none,is_late=1`.
        Raises ValueError that names every part that cannot be read.
        """
        parts = [part for part in map(str.strip, text.split(",")) if part]
        is_none = parts[:1] == ["none"]
        values: dict[str, Any] = {}
        problems = []
        for part in parts[1:] if is_none else parts:
            try:
                name, value = _setting(part)
            except ValueError as error:
                problems.append(str(error))
                continue
            if name in values:
                problems.append(f"{name} is set twice")
            values[name] = value
        if problems:
            raise ValueError("; ".join(problems))
        return replace(cls.none() if is_none else cls(), **values)

    def without_outages(self) -> Self:
        """The same, with a portal that always answers and a feed that never stands still."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**values | dict.fromkeys(OUTAGES, 0))


def asked_for(settings: Settings) -> Dirt:
    """The flaws of the city that the settings ask for. Raises ConfigurationError."""
    try:
        dirt = Dirt.of(settings.simulator_dirt)
    except ValueError as error:
        raise ConfigurationError(
            "The simulator's flaws cannot be read",
            str(error),
            "Mend simulator_dirt: docs/simulator.md names the flaws; nothing was started",
        ) from None
    return dirt if settings.simulator_outages else dirt.without_outages()


def _setting(part: str) -> tuple[str, Any]:
    """Name and value of `name=value`. Raises ValueError."""
    name, _, text = (word.strip() for word in part.partition("="))
    if name not in FLAWS:
        raise ValueError(f"{name} is no flaw")
    kind = type(getattr(Dirt(), name))
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name}: {text or 'nothing'} is no number") from None
    most = MOST.get(name, 1)
    if not 0 <= number <= most or (kind is not float and number != int(number)):
        raise ValueError(
            f"{name}: {text} is no {'whole number' if kind is not float else 'number'} of 0 to {most:,}"
        )
    return name, kind(number)


FLAWS = frozenset(field.name for field in fields(Dirt))
OUTAGES = ("stale_feeds", "frozen_feeds", "server_errors", "exceeded_quotas", "cut_bodies")
# Of shares and chances it is 1.
MOST: Mapping[str, int] = {
    "sensors_without_bay": 1000,
    "repeated_ids": 100,
    "ids_that_are_no_numbers": 100,
    "zone_changes_a_week": 1000,
    "place_changes_a_week": 1000,
} | dict.fromkeys(OUTAGES, 100)
