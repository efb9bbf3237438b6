"""The rules of each parking zone: `sign-plates-located-in-each-parking-zone`."""

import re
from collections.abc import Iterable
from datetime import datetime

from melpark.contracts import SIGN_PLATES
from melpark.ingestion.sources.fields import Reason, Record, RecordError, integer, text
from melpark.ingestion.sources.record import Parsed, Reader, Row, join_key

WALL_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d):[0-5]\d")
LAST_MINUTE = 23 * 60 + 59
MIDNIGHT = 24 * 60


def parse(records: Iterable[object], observed_at: datetime) -> Parsed:
    """Rows of `parking.sign_plates` without what the loader computes."""
    return READER.parse(records, observed_at)


def _key(record: Record) -> str:
    return join_key(list(_row(record).values()))


def _row(record: Record, observed_at: datetime | None = None) -> Row:
    finish = _minute(record, "time_restrictions_finish")
    return {
        "zone_number": integer(record, "parkingzone"),
        "days": text(record, "restriction_days"),
        "start_minute": _minute(record, "time_restrictions_start"),
        # A plate cannot show 24:00.
        "finish_minute": MIDNIGHT if finish == LAST_MINUTE else finish,
        "code": text(record, "restriction_display"),
    }


def _minute(record: Record, field: str) -> int:
    match = WALL_CLOCK.fullmatch(text(record, field))
    if not match:
        raise RecordError(Reason.WRONG_TYPE, field)
    return int(match[1]) * 60 + int(match[2])


READER = Reader(SIGN_PLATES, _key, _row, first_of_key=lambda record: integer(record, "parkingzone"))
