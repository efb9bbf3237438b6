"""Zones in short words, for tests of the calendar: `2P Mon-Fri 07:30-18:30`, local times of Melbourne."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.rules import Window

MELBOURNE = ZoneInfo("Australia/Melbourne")
ZONE = 7001


def local(text: str, fold: int = 0) -> datetime:
    """The instant of a local time such as 2025-08-05 07:30; `fold` 1 is the second time that a clock shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=MELBOURNE, fold=fold).astimezone(UTC)


def plate(text: str) -> Plate:
    code, days, hours = text.split()
    start, finish = (_minute(clock) for clock in hours.split("-"))
    return Plate(days, start, finish, code)


def version(start: str, end: str, *plates: str, zone: int = ZONE) -> Version:
    return Version(zone, local(start), local(end), frozenset(plate(text) for text in plates))


def of_day(day: str, *plates: str, holidays_suspend_plates: bool = True) -> list[Window]:
    """The windows of one local day."""
    start = datetime.fromisoformat(day)
    end = start.replace(day=start.day + 1)
    only = version(f"{start}", f"{end}", *plates)
    return list(windows([only], holidays_suspend_plates=holidays_suspend_plates))


def hours(window: Window) -> float:
    return (window.end_at - window.start_at).total_seconds() / 3600


def shown(window: Window) -> tuple[str, str, str]:
    """Code, start and end as a clock on the wall shows them."""
    start, end = window.start_at.astimezone(MELBOURNE), window.end_at.astimezone(MELBOURNE)
    return window.code, f"{start:%H:%M}", f"{end:%H:%M}"


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)
