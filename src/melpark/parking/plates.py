"""Sign plates as the City writes them: what their codes and days say.

Source: dataset `sign-plates-located-in-each-parking-zone`, fields `restriction_display` and `restriction_days`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from melpark.parking.rules import Kind

MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ALL_WEEK = frozenset(range(7))


@dataclass(frozen=True)
class Rule:
    """What a code asks: `limit_minutes` is None where there is no limit, or where `kind` is UNKNOWN."""

    kind: Kind
    limit_minutes: int | None
    is_metered: bool = False


@dataclass(frozen=True, order=True)
class Plate:
    """One rule on a zone's plates: text of days and code, minutes after local midnight (1440 is midnight)."""

    days: str
    start_minute: int
    finish_minute: int
    code: str


UNKNOWN = Rule(Kind.UNKNOWN, None)
WORDS = {
    "HP": Rule(Kind.TIMED, 30),
    "QP": Rule(Kind.TIMED, 15),
    "SP": Rule(Kind.TIMED, 5),
    "PP": Rule(Kind.PAID, None, is_metered=True),
}
# In FP15 the number is minutes, in FP2P hours: the P at the end tells.
HOURS = re.compile(r"(MP|FP|DP|)([1-9]\d?)P")
MINUTES = re.compile(r"(FP|LZ)([1-9]\d{0,2})")
KINDS = {
    "": Kind.TIMED,
    "MP": Kind.TIMED,
    "FP": Kind.FREE,
    "DP": Kind.DISABILITY,
    "LZ": Kind.LOADING,
}


def read_code(code: str) -> Rule:
    """The rule of a code such as MP2P. A code that nobody knows is UNKNOWN, never unlimited."""
    text = code.strip().upper()
    if text in WORDS:
        return WORDS[text]
    if match := HOURS.fullmatch(text):
        return Rule(KINDS[match[1]], int(match[2]) * MINUTES_PER_HOUR, is_metered=match[1] == "MP")
    if match := MINUTES.fullmatch(text):
        return Rule(KINDS[match[1]], int(match[2]))
    return UNKNOWN


def read_days(days: str) -> frozenset[int] | None:
    """Weekdays (0 is Monday) of a text such as Mon-Fri, Sat or Fri-Mon; None when it says nothing known."""
    first, _, last = (part.strip().title() for part in days.partition("-"))
    if "-" not in days:
        last = first
    if first not in WEEKDAYS or last not in WEEKDAYS:
        return None
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last) - start) % 7 + 1
    return frozenset((start + step) % 7 for step in range(length))


@dataclass(frozen=True)
class Reading:
    """A plate read: on which weekdays, between which minutes of the local day, which rule."""

    weekdays: frozenset[int]
    start_minute: int
    finish_minute: int
    rule: Rule


@lru_cache(maxsize=10_000)
def read(plate: Plate) -> Reading:
    """What the plate says.

    Where its days or hours cannot be read, its limit counts as unknown whenever it may hold: unlimited would be
    an invention, and so would an overstay.
    """
    weekdays = read_days(plate.days)
    if plate.start_minute >= plate.finish_minute:
        return Reading(weekdays or ALL_WEEK, 0, MINUTES_PER_DAY, UNKNOWN)
    if weekdays is None:
        return Reading(ALL_WEEK, plate.start_minute, plate.finish_minute, UNKNOWN)
    return Reading(weekdays, plate.start_minute, plate.finish_minute, read_code(plate.code))


def problem(plate: Plate) -> str | None:
    """Why the plate's limit is unknown, in words for a log; None when it was read."""
    if plate.start_minute >= plate.finish_minute:
        return f"plate {plate.code} does not end after its start"
    if read_days(plate.days) is None:
        return f"days {plate.days!r} are not known"
    if read_code(plate.code).kind is Kind.UNKNOWN:
        return f"code {plate.code!r} is not known"
    return None
