"""Parking meters: `on-street-car-parking-meters-with-location`."""

from collections.abc import Iterable
from datetime import datetime

from melpark.contracts import METERS
from melpark.ingestion.sources.fields import (
    Record,
    identifier,
    optional_identifier,
    optional_text,
    optional_yes,
    point,
)
from melpark.ingestion.sources.record import Parsed, Reader, Row

# 14 of the City's are longer than 200 characters.
LONGEST_DESCRIPTION = 1000


def parse(records: Iterable[object], observed_at: datetime) -> Parsed:
    """Rows of `parking.meters` without what the loader computes."""
    return READER.parse(records, observed_at)


def _key(record: Record) -> str:
    return identifier(record, "meter_id")


def _row(record: Record, observed_at: datetime) -> Row:
    longitude, latitude = point(record, "longitude", "latitude")
    return {
        "meter_id": _key(record),
        "barcode": optional_text(record, "barcode"),
        "asset_id": optional_identifier(record, "asset_id"),
        "accepts_credit_card": optional_yes(record, "creditcard"),
        "accepts_tap_and_go": optional_yes(record, "tapandgo"),
        "location_description": optional_text(record, "location_description", LONGEST_DESCRIPTION),
        "longitude": longitude,
        "latitude": latitude,
    }


READER = Reader(METERS, _key, _row, repeated=frozenset({"location"}))
