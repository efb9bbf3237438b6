"""Melbourne's wall clock as a table of days, so that SQL turns millions of local times into instants.

On a day whose clock turns there are two offsets: `before_us` holds for wall clocks under `before_until_us`,
`after_us` for those from `after_from_us` on. A time under neither does not exist, one under both comes twice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

MELBOURNE = ZoneInfo("Australia/Melbourne")
# The City's sensors began in 2011; a time far from that is no time.
FIRST_DAY, LAST_DAY = date(2009, 1, 1), date(2029, 12, 31)
SCHEMA = pa.schema(
    [
        ("day", pa.date32()),
        ("before_us", pa.int64()),
        ("before_until_us", pa.int64()),
        ("after_us", pa.int64()),
        ("after_from_us", pa.int64()),
    ]
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def days(first: date = FIRST_DAY, last: date = LAST_DAY) -> pa.Table:
    """One row per local day, both ends included; wall clocks and offsets from UTC in microseconds."""
    return pa.Table.from_pylist(list(_rows(first, last)), schema=SCHEMA)


def _rows(first: date, last: date) -> Iterator[dict[str, date | int]]:
    day = first
    while day <= last:
        begins = datetime(day.year, day.month, day.day, tzinfo=MELBOURNE).astimezone(UTC)
        next_day = day + timedelta(days=1)
        ends = datetime(next_day.year, next_day.month, next_day.day, tzinfo=MELBOURNE).astimezone(UTC)
        turns = _turn(begins, ends)
        yield {
            "day": day,
            "before_us": _offset(begins),
            "before_until_us": _since_epoch(turns) + _offset(begins),
            "after_us": _offset(turns),
            "after_from_us": _since_epoch(turns) + _offset(turns),
        }
        day = next_day


def _turn(begins: datetime, ends: datetime) -> datetime:
    """The first instant with the offset of the day's end: the day's begin on all but two days a year."""
    if _offset(begins) == _offset(ends):
        return begins
    low, high = begins, ends
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (middle, high) if _offset(middle) == _offset(begins) else (low, middle)
    return high.replace(microsecond=0)


def _offset(instant: datetime) -> int:
    offset = instant.astimezone(MELBOURNE).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _since_epoch(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND
