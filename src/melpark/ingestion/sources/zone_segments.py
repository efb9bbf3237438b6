"""Which streets a parking zone lies in: `parking-zones-linked-to-street-segments`."""

from collections.abc import Iterable
from datetime import datetime

from melpark.contracts import ZONE_SEGMENTS
from melpark.ingestion.sources.fields import Record, integer, optional_text, text
from melpark.ingestion.sources.record import Parsed, Reader, Row, join_key


def parse(records: Iterable[object], observed_at: datetime) -> Parsed:
    """Rows of `parking.zone_segments` without what the loader computes."""
    return READER.parse(records, observed_at)


def _key(record: Record) -> str:
    return join_key((integer(record, "parkingzone"), integer(record, "segment_id")))


def _row(record: Record, observed_at: datetime) -> Row:
    return {
        "zone_number": integer(record, "parkingzone"),
        "segment_id": integer(record, "segment_id"),
        "street": text(record, "onstreet"),
        "street_from": optional_text(record, "streetfrom"),
        "street_to": optional_text(record, "streetto"),
    }


READER = Reader(ZONE_SEGMENTS, _key, _row, first_of_key=lambda record: integer(record, "parkingzone"))
