"""The live feed: `on-street-parking-bay-sensors`."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import cast

from melpark.contracts import SENSORS
from melpark.ingestion.sources.fields import (
    Reason,
    Record,
    RecordError,
    identifier,
    instant,
    optional_integer,
    point,
    required,
)
from melpark.ingestion.sources.record import Parsed, Reader, Row

STATUSES = frozenset({"Present", "Unoccupied"})


def parse(records: Iterable[object], observed_at: datetime) -> Parsed:
    """Rows of `parking.sensors` without what the loader computes; `heard_at` is the record's `lastupdated`."""
    return READER.parse(records, observed_at)


def _key(record: Record) -> str:
    return identifier(record, "kerbsideid")


def _row(record: Record, observed_at: datetime) -> Row:
    longitude, latitude = _location(record)
    return {
        "kerbside_id": _key(record),
        "status": _status(record),
        "status_changed_at": instant(record, "status_timestamp", observed_at),
        "zone_number": optional_integer(record, "zone_number"),
        "longitude": longitude,
        "latitude": latitude,
        "heard_at": instant(record, "lastupdated", observed_at),
    }


def _status(record: Record) -> str:
    status = required(record, "status_description")
    if not isinstance(status, str):
        raise RecordError(Reason.WRONG_TYPE, "status_description")
    if status not in STATUSES:
        raise RecordError(Reason.UNKNOWN_STATUS, "status_description")
    return status


def _location(record: Record) -> tuple[float, float]:
    location = required(record, "location")
    if not isinstance(location, Mapping):
        raise RecordError(Reason.WRONG_TYPE, "location")
    return point(location, "lon", "lat")


def _newest(row: Row) -> tuple[date, ...]:
    return cast(datetime, row["heard_at"]), cast(datetime, row["status_changed_at"])


READER = Reader(SENSORS, _key, _row, _newest)
