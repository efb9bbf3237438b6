"""Small answers of the portal, made up: times are minutes after T0."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import orjson

from melpark.contracts import SENSORS
from melpark.ingestion.body import Body
from melpark.ingestion.parking_api import Answer

T0 = datetime(2025, 8, 7, tzinfo=UTC)
PLACE = {"lon": 144.95, "lat": -37.81}


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def sensor(
    bay: int, heard: float, status: str = "Present", changed: float = -60, zone: int | None = 7001
) -> dict[str, object]:
    """A record of the feed: `heard` is its lastupdated, `changed` its status time."""
    return {
        "kerbsideid": bay,
        "status_description": status,
        "status_timestamp": at(changed).isoformat(),
        "lastupdated": at(heard).isoformat(),
        "zone_number": zone,
        "location": PLACE,
    }


def answer(
    records: Iterable[object] | bytes,
    observed: float,
    dataset: str = SENSORS.dataset,
    etag: str | None = None,
) -> Answer:
    content = records if isinstance(records, bytes) else orjson.dumps(list(records))
    moment = at(observed)
    return Answer(dataset, Body.of(content), etag or f'"{observed}"', moment, moment, moment)
