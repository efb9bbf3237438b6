"""The present of the city, built from change events: pure values, no clock and no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

JSON_OPTIONS = orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True)
class Bay:
    """One sensor's present, as the API shows it."""

    kerbside_id: str
    status: str
    status_changed_at: datetime
    zone_number: int | None
    longitude: float
    latitude: float
    is_online: bool
    is_retired: bool
    observed_at: datetime
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Removed:
    """A sensor whose row is gone."""

    kerbside_id: str


@dataclass(frozen=True, slots=True)
class Poll:
    """An accepted poll of the sensors: times of the source, and `received_at` by our clock."""

    observed_at: datetime
    feed_updated_at: datetime | None
    received_at: datetime
    poll_id: int = 0


Change = Bay | Removed | Poll


def read_sensor(key: bytes, value: bytes | None) -> Bay | Removed:
    """The bay in a change event of `parking.sensors`; Removed for a delete or its tombstone.

    Raises ValueError (KeyError, TypeError) when the event has another shape.
    """
    if value is None:
        return Removed(orjson.loads(key)["kerbside_id"])
    event = orjson.loads(value)
    row = event["after"]
    if row is None:
        return Removed(orjson.loads(key)["kerbside_id"])
    return Bay(
        kerbside_id=str(row["kerbside_id"]),
        status=str(row["status"]),
        status_changed_at=_time(row["status_changed_at"]),
        zone_number=row["zone_number"],
        longitude=float(row["longitude"]),
        latitude=float(row["latitude"]),
        is_online=bool(row["is_online"]),
        is_retired=bool(row["is_retired"]),
        observed_at=_time(row["observed_at"]),
        committed_at=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=event["source"]["ts_us"]),
    )


def read_poll(value: bytes | None, dataset: str) -> Poll | None:
    """The accepted poll of `dataset` in a change event of `parking.polls`; None for every other row.

    Raises ValueError (KeyError, TypeError) when the event has another shape.
    """
    row: Mapping[str, Any] | None = orjson.loads(value)["after"] if value is not None else None
    if row is None or row["dataset"] != dataset or row["outcome"] != "accepted" or row["origin"] != "live":
        return None
    updated = row["feed_updated_at"]
    return Poll(
        observed_at=_time(row["observed_at"]),
        feed_updated_at=None if updated is None else _time(updated),
        received_at=_time(row["received_at"]),
        poll_id=int(row["poll_id"]),
    )


def last_of_each(changes: Iterable[Bay | Removed]) -> list[Bay | Removed]:
    """The newest change of every bay, in the order of those newest changes."""
    newest: dict[str, Bay | Removed] = {}
    for change in changes:
        newest.pop(change.kerbside_id, None)
        newest[change.kerbside_id] = change
    return list(newest.values())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
