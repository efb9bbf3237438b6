"""The flaws of the City's data, at their real rates; each can be changed or switched off."""

from dataclasses import dataclass, fields
from typing import Any, Self


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
    zone_changes_a_week: int = 6
    place_changes_a_week: int = 2
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

    def without_outages(self) -> Self:
        """The same, with a portal that always answers and a feed that never stands still."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**values | dict.fromkeys(OUTAGES, 0))


OUTAGES = ("stale_feeds", "frozen_feeds", "server_errors", "exceeded_quotas", "cut_bodies")
