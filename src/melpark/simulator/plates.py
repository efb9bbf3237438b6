"""What the sign plates of a simulated zone say, in the mix that the City's plates have."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Plate:
    """One rule: days, local start and finish (HH:MM) and code, as written on the plate."""

    days: str
    start: str
    finish: str
    code: str


@dataclass(frozen=True)
class Signs:
    """The plates of one zone; `stay_factor` is how long cars stay there, 1 being usual.

    `weight` is how often zones have them.
    """

    weight: float
    stay_factor: float
    plates: tuple[Plate, ...]


def _signs(weight: float, stay_factor: float, *rules: str) -> Signs:
    """Rules as `CODE days start-finish`."""
    plates = []
    for rule in rules:
        code, days, hours = rule.split()
        start, finish = hours.split("-")
        plates.append(Plate(days, start, finish, code))
    return Signs(weight, stay_factor, tuple(plates))


def _metered(weight: float, stay_factor: float, code: str) -> Signs:
    weekday, evening = f"{code} Mon-Fri 07:00-19:00", f"{code} Mon-Fri 19:00-22:00"
    return _signs(weight, stay_factor, weekday, evening, f"{code} Sat-Sun 07:00-22:00")


def _loading(weight: float, code: str) -> Signs:
    """A loading zone by day, metered afterwards."""
    afternoon, evening = f"{code} Mon-Fri 16:00-19:00", f"{code} Mon-Fri 19:00-22:00"
    weekend = f"{code} Sat-Sun 07:00-22:00"
    return _signs(weight, 0.4, "LZ30 Mon-Fri 07:00-16:00", afternoon, evening, weekend)


def _office_hours(weight: float, stay_factor: float, code: str) -> Signs:
    return _signs(weight, stay_factor, f"{code} Mon-Fri 07:30-18:30", f"{code} Sat 07:30-12:30")


MIX = (
    _metered(26, 1.0, "MP2P"),
    _metered(5, 1.3, "MP3P"),
    _metered(2, 1.6, "MP4P"),
    _loading(18, "MP2P"),
    _loading(4, "MP3P"),
    _office_hours(12, 1.0, "2P"),
    _office_hours(7, 1.7, "4P"),
    _office_hours(5, 0.6, "1P"),
    _office_hours(2, 2.5, "PP"),
    _signs(9, 1.0, "2P Mon-Sat 07:30-18:30"),
    _signs(4, 2.5, "PP Mon-Fri 07:30-18:30"),
    _signs(4, 1.7, "4P Mon-Fri 07:30-18:30"),
    _signs(2, 1.3, "3P Mon-Sat 07:30-18:30"),
    _signs(1, 0.6, "1P Mon-Sat 07:30-23:59"),
    _signs(1, 1.0, "2P Mon-Sun 07:30-23:00"),
    # Clearways in the peak hours.
    _signs(4, 0.9, "MP2P Mon-Fri 10:00-16:00", "MP2P Mon-Fri 19:00-22:00", "MP2P Sat-Sun 07:00-22:00"),
    # Two limits at one time: the plates stand at different bays of the zone.
    _signs(
        2,
        0.6,
        "LZ30 Mon-Fri 07:00-16:00",
        "MP2P Mon-Fri 07:00-19:00",
        "MP2P Mon-Fri 19:00-22:00",
        "MP2P Sat-Sun 07:00-22:00",
    ),
    _signs(0.5, 1.0, "DP2P Mon-Fri 07:00-19:00", "MP2P Mon-Fri 07:00-19:00", "MP2P Sat-Sun 07:00-22:00"),
    _signs(1, 0.9, "2P Mon-Fri 09:30-16:00", "2P Sat 07:30-18:30", "QP Mon-Fri 07:30-09:30"),
    _signs(1, 0.7, "SP Mon-Fri 07:30-09:30", "2P Mon-Fri 09:30-15:00", "SP Mon-Fri 15:00-16:30"),
    _signs(1, 1.0, "MP2P Mon-Sat 07:30-18:30", "FP2P Sun 07:30-18:30"),
    _signs(0.5, 0.7, "MP1P Mon-Sat 07:30-18:30", "FP1P Sun 07:30-18:30"),
    _signs(0.5, 0.5, "HP Mon-Fri 07:30-18:30", "FP15 Sat 07:30-12:30"),
    _signs(0.3, 1.2, "MP2P Mon-Thu 07:30-18:30", "MP2P Fri 07:30-21:00", "5P Sun 07:30-18:30"),
    _signs(0.3, 0.3, "LZ15 Mon-Sat 07:00-18:30"),
)
NO_SIGNS = Signs(0, 1.2, ())


_HOURS = re.compile(r"(?:MP|FP|DP)?(\d)P")
_MINUTES = {"HP": 30, "QP": 15, "SP": 5, "FP15": 15, "LZ30": 30, "LZ15": 15}


def limit_minutes(code: str) -> int | None:
    """The limit that a code sets; None where there is none. Raises ValueError for a code of no plate here."""
    if code in _MINUTES:
        return _MINUTES[code]
    if code == "PP":
        return None
    match = _HOURS.fullmatch(code)
    if match is None:
        raise ValueError(f"{code} is no code of a simulated plate")
    return int(match[1]) * 60


def deal(rng: random.Random, zones: int) -> list[Signs]:
    """Signs for so many zones, in the shares of MIX and in any order; every one of MIX at least once."""
    total = sum(signs.weight for signs in MIX)
    dealt = [signs for signs in MIX for _ in range(max(1, int(zones * signs.weight / total)))]
    dealt += rng.choices(MIX, [signs.weight for signs in MIX], k=max(0, zones - len(dealt)))
    rng.shuffle(dealt)
    return dealt[:zones]


def choices(plates: Sequence[Plate]) -> list[tuple[Plate, ...]]:
    """What a bay of a zone with these plates may stand under: where plates with different limits overlap, either of
    them, for they stand at different bays.
    """
    for number, plate in enumerate(plates):
        for other in plates[number + 1 :]:
            if _disagree(plate, other):
                without = [[one for one in plates if one is not gone] for gone in (other, plate)]
                return [choice for rest in without for choice in choices(rest)]
    return [tuple(plates)]


def _disagree(plate: Plate, other: Plate) -> bool:
    overlap = plate.start < other.finish and other.start < plate.finish
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    days = [
        set(names[names.index(first) : names.index(last or first) + 1])
        for first, _, last in (one.days.partition("-") for one in (plate, other))
    ]
    return overlap and bool(days[0] & days[1]) and limit_minutes(plate.code) != limit_minutes(other.code)
