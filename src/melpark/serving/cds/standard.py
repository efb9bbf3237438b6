"""The words of the standard: versions, media types, identities, units of its times."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid5

from melpark.parking.local_time import MELBOURNE

VERSION = "1.0.1"
# What is negotiated has two parts only.
NEGOTIATED_VERSION = "1.0"
JSON_TYPE = "application/vnd.cds+json"
CSV_TYPE = "application/vnd.cds+csv"
TIME_ZONE = MELBOURNE.key
CURRENCY = "AUD"
DATA_SOURCE_TYPE = "in_ground"

NAMESPACE = UUID("8829ad7b-5841-5d98-8f30-82fa64d399f1")
# More than the city has bays and zones: their ids are asked for again and again.
REMEMBERED = 20_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Json = dict[str, object]


def media_type(kind: str = JSON_TYPE) -> str:
    """The Content-Type of an answer."""
    return f"{kind};version={NEGOTIATED_VERSION}"


def identity(kind: str, *parts: object) -> str:
    """The UUID (version 5) of one of our keys: the same in every run, on every machine."""
    return str(uuid5(NAMESPACE, ":".join((kind, *map(str, parts)))))


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since the Unix epoch."""
    return (at - EPOCH) // MILLISECOND


def instant(of_milliseconds: int) -> datetime:
    """The instant (UTC) of milliseconds since the Unix epoch. Raises OverflowError beyond the calendar."""
    return EPOCH + of_milliseconds * MILLISECOND


@lru_cache(REMEMBERED)
def device_id(kerbside_id: str) -> str:
    """The sensor: the feed names the bay only, so a swapped sensor cannot be told."""
    return identity("device", kerbside_id)


@lru_cache(REMEMBERED)
def space_id(kerbside_id: str) -> str:
    return identity("space", kerbside_id)


@lru_cache(REMEMBERED)
def zone_id(location_key: str) -> str:
    """A zone is our location: parking zone by street segment."""
    return identity("zone", location_key)


def zone_area_id(zone_number: int) -> str:
    return identity("area", "parking zone", zone_number)


def segment_area_id(segment_id: int) -> str:
    return identity("area", "street segment", segment_id)


def session_id(kerbside_id: str, start_at: datetime) -> str:
    return identity("session", kerbside_id, milliseconds(start_at))


def event_id(kerbside_id: str, event_type: str, at: datetime) -> str:
    return identity("event", kerbside_id, event_type, milliseconds(at))
