"""A zone, its windows and what the polls may say of a bay in it, in Melbourne's clock times: words for cases."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from melpark.parking.rules import Coverage, Kind, Window
from melpark.parking.stays import Event, Present

MELBOURNE = ZoneInfo("Australia/Melbourne")
ZONE = 7001
TUESDAY, WEDNESDAY = "2025-08-05", "2025-08-06"
CUP_DAY = "2025-11-04"
CLOCKS_BACK = "2025-04-06"


def local(clock: str, day: str = TUESDAY, fold: int = 0) -> datetime:
    naive = datetime.fromisoformat(f"{day}T{clock}")
    return naive.replace(tzinfo=MELBOURNE, fold=fold).astimezone(UTC)


def window(
    code: str,
    limit_minutes: int | None,
    start: str,
    end: str,
    day: str = TUESDAY,
    kind: Kind = Kind.TIMED,
    is_metered: bool = False,
    is_ambiguous: bool = False,
    clock_start: str | None = None,
) -> Window:
    clock_start_at = None if clock_start is None else local(clock_start, day)
    return Window(
        ZONE,
        local(start, day),
        local(end, day),
        limit_minutes,
        kind,
        is_metered,
        code,
        is_ambiguous,
        clock_start_at,
    )


def parked(arrival: datetime, departure: datetime) -> tuple[tuple[Event, ...], Present]:
    """A stay that close polls saw whole."""
    return (
        Event("Present", arrival, arrival, None),
        Event("Unoccupied", departure, departure, departure),
    ), Present(last_heard_at=departure)


def left_within(arrival: datetime, earliest: datetime, latest: datetime) -> tuple[tuple[Event, ...], Present]:
    """A stay whose departure hides in [earliest, latest]."""
    before = earliest + FEED_LAG
    return (
        Event("Present", arrival, arrival, None),
        Event("Unoccupied", latest, max(latest, before + 4 * FEED_LAG), before),
    ), Present(last_heard_at=latest)


def unseen(earliest: datetime, departure: datetime) -> tuple[tuple[Event, ...], Present]:
    """A stay whose arrival hides in [earliest, departure]."""
    before = earliest + FEED_LAG
    return (
        Event("Unoccupied", earliest - FEED_LAG, earliest, None),
        Event("Unoccupied", departure, max(departure, before), before),
    ), Present(last_heard_at=departure)


def standing(arrival: datetime, heard: datetime, is_online: bool = True) -> tuple[tuple[Event, ...], Present]:
    """A vehicle that is there at least until feed_lag before `heard`."""
    return (Event("Present", arrival, arrival, None),), Present(heard, is_online)


FEED_LAG = local("00:03") - local("00:00")
ALWAYS = (Coverage(ZONE, local("00:00", "2025-01-01"), local("00:00", "2026-01-01")),)

TWO_HOURS = tuple(window("2P", 120, "07:30", "18:30", day) for day in (TUESDAY, WEDNESDAY))
BESIDE_LOADING = (
    window("2P", 120, "07:30", "18:30", is_ambiguous=True),
    window("LZ30", 30, "07:30", "18:30", kind=Kind.LOADING, is_ambiguous=True),
)
ON_INTO_THE_EVENING = (
    window("MP2P", 120, "07:00", "19:00", is_metered=True),
    window("2P", 120, "19:00", "22:00", clock_start="07:00"),
)
ONE_THEN_TWO_HOURS = (window("1P", 60, "07:00", "12:00"), window("2P", 120, "12:00", "18:00"))
CLEARWAY = (window("NS", 0, "07:00", "09:30", kind=Kind.NO_STOPPING),)
PAID = (window("PP", None, "07:30", "18:30", kind=Kind.PAID, is_metered=True),)
PAID_BESIDE = (
    window("2P", 120, "07:30", "18:30", is_ambiguous=True),
    window("PP", None, "07:30", "18:30", kind=Kind.PAID, is_metered=True, is_ambiguous=True),
)
UNREADABLE = (window("XX9", None, "07:30", "18:30", kind=Kind.UNKNOWN),)
UNREADABLE_LATER = (
    window("2P", 120, "07:30", "12:00"),
    window("XX9", None, "12:00", "18:30", kind=Kind.UNKNOWN),
)
ALL_NIGHT = (window("DP2P", 120, "00:00", "18:00", CLOCKS_BACK, kind=Kind.DISABILITY),)
CUT_AT_AN_OVERLAP = (
    window("2P", 120, "07:30", "09:00"),
    window("2P", 120, "09:00", "10:00", is_ambiguous=True, clock_start="07:30"),
    window("LZ30", 30, "09:00", "10:00", kind=Kind.LOADING, is_ambiguous=True),
    window("2P", 120, "10:00", "18:30", clock_start="07:30"),
)
