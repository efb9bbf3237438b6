"""Every kerb bay: `on-street-parking-bays`."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import cast

from melpark.contracts import BAYS
from melpark.ingestion.sources.fields import (
    Record,
    degrees,
    optional_day,
    optional_identifier,
    optional_integer,
    optional_text,
    point,
)
from melpark.ingestion.sources.record import Parsed, Reader, Row, join_key


def parse(records: Iterable[object], observed_at: datetime) -> Parsed:
    """Rows of `parking.bays` without what the loader computes."""
    return READER.parse(records, observed_at)


def _key(record: Record) -> str:
    segment = optional_integer(record, "roadsegmentid")
    return join_key((segment, degrees(record, "latitude"), degrees(record, "longitude")))


def _row(record: Record, observed_at: datetime) -> Row:
    longitude, latitude = point(record, "longitude", "latitude")
    return {
        "bay_key": _key(record),
        "kerbside_id": optional_identifier(record, "kerbsideid"),
        "road_segment_id": optional_integer(record, "roadsegmentid"),
        "road_segment_description": optional_text(record, "roadsegmentdescription"),
        "longitude": longitude,
        "latitude": latitude,
        "updated_on": optional_day(record, "lastupdated"),
    }


def _newest(row: Row) -> tuple[date, ...]:
    return (cast(date | None, row["updated_on"]) or date.min,)


READER = Reader(
    BAYS,
    _key,
    _row,
    _newest,
    repeated=frozenset({"location"}),
    first_of_key=lambda record: optional_integer(record, "roadsegmentid"),
    more_key_fields=frozenset({"roadsegmentid", "latitude", "longitude"}),
)
