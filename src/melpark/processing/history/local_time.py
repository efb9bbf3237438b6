"""Melbourne's wall clock as a table of days, so that SQL turns millions of local times into instants.

On a day whose clock turns there are two offsets: `before_us` holds for wall clocks under `before_until_us`,
`after_us` for those from `after_from_us` on. A time under neither does not exist, one under both comes twice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pyarrow as pa

from melpark.parking.local_time import DAY, MELBOURNE, midnight, stretches

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


@cache
def days(first: date = FIRST_DAY, last: date = LAST_DAY) -> pa.Table:
    """One row per local day, both ends included; wall clocks and offsets from UTC in microseconds."""
    return pa.Table.from_pylist(list(_rows(first, last)), schema=SCHEMA)


def _rows(first: date, last: date) -> Iterator[dict[str, date | int]]:
    day = first
    while day <= last:
        begins, turns = midnight(day), stretches(day)[-1].start_at
        yield {
            "day": day,
            "before_us": _offset(begins),
            "before_until_us": _since_epoch(turns) + _offset(begins),
            "after_us": _offset(turns),
            "after_from_us": _since_epoch(turns) + _offset(turns),
        }
        day += DAY


def _offset(instant: datetime) -> int:
    offset = instant.astimezone(MELBOURNE).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _since_epoch(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND
