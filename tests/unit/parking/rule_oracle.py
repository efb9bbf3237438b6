"""The rules of a zone minute by minute, read from a clock on the wall: slow, and written without the calendar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from melpark.parking.rule_calendar import Version

WALL = ZoneInfo("Australia/Melbourne")
WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
HOLIDAYS = {
    "2025-04-18",
    "2025-04-19",
    "2025-04-20",
    "2025-04-21",
    "2025-04-25",
    "2025-11-04",
    "2025-12-25",
    "2025-12-26",
}
LIMITS = {
    "2P": ("timed", 120), "MP2P": ("timed", 120), "4P": ("timed", 240), "LZ30": ("loading", 30),
    "FP2P": ("free", 120), "FP15": ("free", 15), "PP": ("paid", None), "SP": ("timed", 5), "??": ("unknown", None),
}  # fmt: skip
DAYS = {
    "Mon-Fri": "Mon Tue Wed Thu Fri",
    "Sat-Sun": "Sat Sun",
    "Mon-Sun": "Mon Tue Wed Thu Fri Sat Sun",
    "Sun": "Sun",
    "Fri-Mon": "Fri Sat Sun Mon",
    "Tue-Thu": "Tue Wed Thu",
}
Rule = tuple[str, int | None]


@dataclass(frozen=True)
class Minute:
    """One minute of a zone: its codes, whether their limits differ, and since when each rule's clock has run."""

    at: datetime
    codes: frozenset[str]
    is_ambiguous: bool
    since: dict[Rule, datetime]


def minutes(versions: Sequence[Version]) -> Iterator[Minute]:
    """Every minute of the versions, which follow each other without a gap."""
    since: dict[Rule, datetime] = {}
    at = versions[0].start_at
    for version in versions:
        while at < version.end_at:
            codes = frozenset(_codes(version, at.astimezone(WALL)))
            rules = {LIMITS[code] for code in codes}
            since = {rule: since.get(rule, at) for rule in rules}
            limits = {"unknown" if kind == "unknown" else limit for kind, limit in rules}
            yield Minute(at, codes, len(limits) > 1, since)
            at += timedelta(minutes=1)


def _codes(version: Version, wall: datetime) -> Iterator[str]:
    is_holiday = f"{wall:%Y-%m-%d}" in HOLIDAYS
    for plate in version.plates:
        days = DAYS[plate.days].split()
        if WEEK[wall.weekday()] in days and (len(days) == 7 or not is_holiday):
            minute = wall.hour * 60 + wall.minute
            if plate.start_minute <= minute < plate.finish_minute:
                yield plate.code
