"""Local days of Melbourne: where they begin and end, where their clock jumps, which are public holidays."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

MELBOURNE = ZoneInfo("Australia/Melbourne")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stretch:
    """Part of a local day in which the wall clock runs without a jump, in minutes after midnight on that clock."""

    start_minute: int
    finish_minute: int
    start_at: datetime

    def at(self, minute: int) -> datetime:
        """The instant (UTC) at which the wall clock shows this minute."""
        return self.start_at + (minute - self.start_minute) * MINUTE


def midnight(day: date) -> datetime:
    """The instant (UTC) at which the local day begins."""
    return datetime.combine(day, time(), MELBOURNE).astimezone(UTC)


def local_day(at: datetime) -> date:
    """The local day that holds the instant."""
    return at.astimezone(MELBOURNE).date()


def days_between(start_at: datetime, end_at: datetime) -> Iterator[date]:
    """The local days that have time in [start_at, end_at)."""
    day = local_day(start_at)
    while midnight(day) < end_at:
        yield day
        day += DAY


@cache
def stretches(day: date) -> tuple[Stretch, ...]:
    """The day's wall clock without its jumps: one stretch, or two on a day of 23 or 25 hours.

    When the clock goes back, an hour is in both stretches: a wall clock shows it twice.
    """
    start_at, end_at = midnight(day), midnight(day + DAY)
    if end_at - start_at == DAY:
        return (Stretch(0, 24 * 60, start_at),)
    jump_at = start_at
    while jump_at.astimezone(MELBOURNE).utcoffset() == start_at.astimezone(MELBOURNE).utcoffset():
        jump_at += MINUTE
    shown = jump_at.astimezone(MELBOURNE)
    return (
        Stretch(0, (jump_at - start_at) // MINUTE, start_at),
        Stretch(shown.hour * 60 + shown.minute, 24 * 60, jump_at),
    )


@cache
def is_public_holiday(day: date) -> bool:
    """A public holiday of Victoria, Melbourne Cup Day included."""
    return day in _of_year(day.year)


def public_holidays(year: int) -> list[tuple[date, str]]:
    """The public holidays of Victoria in a year, each with its name, in order."""
    return sorted(holidays.country_holidays("AU", subdiv="VIC", years=year).items())


@cache
def _of_year(year: int) -> frozenset[date]:
    return frozenset(day for day, _ in public_holidays(year))
