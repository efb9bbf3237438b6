"""The present of the city, built from change events: pure values, no clock and no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from melpark.parking.rules import Coverage, Kind, Window

JSON_OPTIONS = orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True)
class Sensor:
    """A row of `parking.sensors`: what the feed says of one bay. `heard_at` is None while it keeps up with the feed."""

    kerbside_id: str
    status: str
    status_changed_at: datetime
    zone_number: int | None
    longitude: float
    latitude: float
    is_online: bool
    is_retired: bool
    heard_at: datetime | None
    observed_at: datetime
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class RuleNow:
    """A rule in force."""

    code: str
    kind: str
    limit_minutes: int | None
    is_metered: bool


@dataclass(frozen=True, slots=True)
class Bay:
    """One bay's present, as the API and the stream show it: the sensor, and what the rules say of it now."""

    kerbside_id: str
    status: str
    status_changed_at: datetime
    zone_number: int | None
    longitude: float
    latitude: float
    is_online: bool
    is_retired: bool
    heard_at: datetime | None
    observed_at: datetime
    committed_at: datetime
    rule_status: str
    rules: tuple[RuleNow, ...]
    rule_until_at: datetime | None
    permitted_until_at: datetime | None
    is_overstay: bool
    overstay_minutes: float | None
    first_breach_at: datetime | None
    is_suspect: bool


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


@dataclass(frozen=True, slots=True)
class RuleWindow:
    """A row of `parking.rule_windows`."""

    window: Window


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A row of `parking.rule_versions`."""

    coverage: Coverage


Change = Sensor | Removed | Poll | RuleWindow | RuleVersion


def read_sensor(key: bytes, value: bytes | None) -> Sensor | Removed:
    """The bay in a change event of `parking.sensors`; Removed for a delete or its tombstone.

    Raises ValueError (KeyError, TypeError) when the event has another shape.
    """
    if value is None:
        return Removed(orjson.loads(key)["kerbside_id"])
    event = orjson.loads(value)
    row = event["after"]
    if row is None:
        return Removed(orjson.loads(key)["kerbside_id"])
    heard_at = row["heard_at"]
    return Sensor(
        kerbside_id=str(row["kerbside_id"]),
        status=str(row["status"]),
        status_changed_at=_time(row["status_changed_at"]),
        zone_number=row["zone_number"],
        longitude=float(row["longitude"]),
        latitude=float(row["latitude"]),
        is_online=bool(row["is_online"]),
        is_retired=bool(row["is_retired"]),
        heard_at=None if heard_at is None else _time(heard_at),
        observed_at=_time(row["observed_at"]),
        committed_at=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=event["source"]["ts_us"]),
    )


def read_poll(value: bytes | None, dataset: str) -> Poll | None:
    """The accepted poll of `dataset` in a change event of `parking.polls`; None for every other row.

    Raises ValueError (KeyError, TypeError) when the event has another shape.
    """
    row = _after(value)
    if row is None or row["dataset"] != dataset or row["outcome"] != "accepted" or row["origin"] != "live":
        return None
    updated = row["feed_updated_at"]
    return Poll(
        observed_at=_time(row["observed_at"]),
        feed_updated_at=None if updated is None else _time(updated),
        received_at=_time(row["received_at"]),
        poll_id=int(row["poll_id"]),
    )


def read_rule_window(value: bytes | None) -> RuleWindow | None:
    """The window in a change event of `parking.rule_windows`; None for a delete, which never comes.

    Raises ValueError (KeyError, TypeError) when the event has another shape.
    """
    row = _after(value)
    if row is None:
        return None
    return RuleWindow(
        Window(
            zone_number=int(row["zone_number"]),
            start_at=_time(row["start_at"]),
            end_at=_time(row["end_at"]),
            limit_minutes=row["limit_minutes"],
            kind=Kind(row["kind"]),
            is_metered=bool(row["is_metered"]),
            code=str(row["code"]),
            is_ambiguous=bool(row["is_ambiguous"]),
            clock_start_at=_time(row["clock_start_at"]),
        )
    )


def read_rule_version(value: bytes | None) -> RuleVersion | None:
    """The time for which a zone's rules are known, in a change event of `parking.rule_versions`.

    Raises ValueError (KeyError, TypeError) when the event has another shape.
    """
    row = _after(value)
    if row is None:
        return None
    return RuleVersion(Coverage(int(row["zone_number"]), _time(row["start_at"]), _time(row["end_at"])))


def _after(value: bytes | None) -> Mapping[str, Any] | None:
    """The row after the change; None for a delete and its tombstone."""
    row: Mapping[str, Any] | None = orjson.loads(value)["after"] if value is not None else None
    return row


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
