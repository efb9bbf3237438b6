"""Change events typed by their contracts: rows that fit, the newest of each key, and misfits with a reason.

Pure: events in, rows out. An event that cannot be read never raises; it comes out as a misfit.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from melpark.contracts import Type
from melpark.processing.tables import SilverTable

ROW_OPERATIONS = ("c", "u", "r")
DELETE = "d"
EPOCH = date(1970, 1, 1)
INTEGER_LIMIT = {Type.INTEGER: 2**31, Type.BIGINT: 2**63}

Key = tuple[Any, ...]
Row = dict[str, Any]


class Event(NamedTuple):
    """One change event as bronze holds it."""

    topic: str
    partition: int
    offset: int
    key: str | None
    value: str | None
    topic_id: str | None
    arrived_at: datetime | None


class Misfit(NamedTuple):
    """An event that fits no contract, as quarantine holds it."""

    topic: str
    partition: int
    offset: int
    reason: str
    record_key: str | None
    payload: str | None
    topic_id: str | None
    arrived_at: datetime | None


@dataclass
class Typed:
    """What the events of one table say: the last word on each key, whatever order they came in."""

    rows: dict[Key, Row] = field(default_factory=dict)
    deleted: dict[Key, Row] = field(default_factory=dict)
    misfits: list[Misfit] = field(default_factory=list)
    added: dict[str, Event] = field(default_factory=dict)
    missing: dict[str, Event] = field(default_factory=dict)


class _MisfitError(Exception):
    """Its text is the reason."""


def order(row: Row) -> tuple[int, int]:
    """Later changes are greater: by PostgreSQL's log; within one place of it, by the topic."""
    return (row["lsn"] if row["lsn"] is not None else -1, row["offset"])


def typed(table: SilverTable, events: Iterable[Event]) -> Typed:
    """Type the events of one table's topic. Tombstones say nothing."""
    found = Typed()
    reader = _Reader(table)
    for event in events:
        if event.value is None and event.key is not None:
            continue
        try:
            reader.take(event, found)
        except _MisfitError as reason:
            found.misfits.append(
                Misfit(
                    event.topic,
                    event.partition,
                    event.offset,
                    str(reason),
                    event.key,
                    event.value,
                    event.topic_id,
                    event.arrived_at,
                )
            )
    return found


class _Reader:
    def __init__(self, table: SilverTable) -> None:
        self.table = table
        self.names = frozenset(table.contract.column_names)
        self.columns = tuple(
            (column.name, column, CASTS[column.type], column.nullable) for column in table.contract.columns
        )
        self.key = table.lake.key
        self.taken = frozenset(table.lake.column_names)

    def take(self, event: Event, found: Typed) -> None:
        operation, document = _change(event)
        is_delete = operation == DELETE
        if is_delete and self.table.contract.is_history:
            # PostgreSQL lets go of old months; the lake is where they stay.
            return
        image = document.get("before" if is_delete else "after")
        if not isinstance(image, dict):
            raise _MisfitError("no before image" if is_delete else "no after image")
        if image.keys() != self.names:
            self._note(event, image, found)
        row = self._row(event, document, image)
        if is_delete and self.table.version:
            _retire(row, document, self.table.version)
            is_delete = False
        key = tuple(row[name] for name in self.key)
        known = found.rows.get(key) or found.deleted.get(key)
        if known is not None and order(known) >= order(row):
            return
        into, other = (found.deleted, found.rows) if is_delete else (found.rows, found.deleted)
        into[key] = row
        other.pop(key, None)

    def _row(self, event: Event, document: Row, image: Row) -> Row:
        row: Row = {}
        for name, column, cast, is_nullable in self.columns:
            value = image.get(name)
            if value is not None:
                try:
                    row[name] = cast(value)
                except (ValueError, TypeError, OverflowError):
                    raise _MisfitError(f"{name} is not {column.type.value}") from None
            elif is_nullable or (name not in image and name not in self.key):
                row[name] = None
            else:
                raise _MisfitError(f"{name} is missing")
        for derived in self.table.derived:
            source = row[derived.source]
            if source is not None and source not in derived.values:
                raise _MisfitError(f"{derived.column.name} is unknown")
            row[derived.column.name] = None if source is None else derived.values[source]
        row["topic"], row["partition"], row["offset"] = event.topic, event.partition, event.offset
        row["lsn"] = _lsn(document)
        if image.keys() != self.names:
            row |= {
                self._own(name): _text(image[name])
                for name in image.keys() - self.names
                if image[name] is not None
            }
        return row

    def _own(self, name: str) -> str:
        """The column of silver for one that no contract names; what silver itself writes keeps its name, in any case
        of letters, between which Delta does not tell."""
        return f"{name}_in_postgres" if name.lower() in self.taken else name

    def _note(self, event: Event, image: Mapping[str, Any], found: Typed) -> None:
        for name in image.keys() - self.names:
            found.added.setdefault(self._own(name), event)
        for name in self.names - image.keys():
            found.missing.setdefault(name, event)


def _change(event: Event) -> tuple[str, Row]:
    if event.key is None:
        raise _MisfitError("null key")
    try:
        document = orjson.loads(event.value or "")
    except orjson.JSONDecodeError:
        document = None
    operation = document.get("op") if isinstance(document, dict) else None
    if operation is None:
        raise _MisfitError("not a change event")
    if not isinstance(operation, str) or operation not in (*ROW_OPERATIONS, DELETE):
        raise _MisfitError(f"unknown op {operation}")
    return operation, document


def _lsn(document: Row) -> int | None:
    source = document.get("source")
    if not isinstance(source, dict):
        return None
    lsn = source.get("lsn")
    return lsn if isinstance(lsn, int) else _position(source.get("sequence"))


def _position(sequence: object) -> int | None:
    """Where the connector was when it read the row: all that a row of an incremental snapshot tells of its place."""
    try:
        return int(orjson.loads(sequence)[-1]) if isinstance(sequence, str) else None
    except (ValueError, TypeError, IndexError, KeyError):
        return None


def _retire(row: Row, document: Row, version: str) -> None:
    """A thing that was deleted is a version that is retired, from the time of the deletion on.

    The event tells that time by PostgreSQL's clock only, which is the source's where polls are live. The loader
    deletes nothing: it retires, with the time of its poll.
    """
    source = document.get("source")
    stamp = source.get("ts_ms") if isinstance(source, dict) else None
    if not isinstance(stamp, int):
        stamp = 0
    row["is_retired"] = True
    row[version] = max(
        row[version] + timedelta(microseconds=1),
        datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=stamp),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _whole(limit: int) -> Callable[[Any], int]:
    def cast(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str, float)):
            raise TypeError
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        number = int(value)
        if not -limit <= number < limit:
            raise OverflowError
        return number

    return cast


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    number = float(value)
    if math.isnan(number):
        raise ValueError
    return number


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _timestamp(value: Any) -> datetime:
    if not isinstance(value, str):
        raise TypeError
    at = datetime.fromisoformat(value)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _date(value: Any) -> date:
    # Debezium writes a date as days since 1970.
    return EPOCH + timedelta(days=_whole(2**31)(value))


CASTS: Mapping[Type, Callable[[Any], Any]] = {
    Type.TEXT: _text,
    Type.JSON: _text,
    Type.INTEGER: _whole(INTEGER_LIMIT[Type.INTEGER]),
    Type.BIGINT: _whole(INTEGER_LIMIT[Type.BIGINT]),
    Type.DOUBLE: _double,
    Type.BOOLEAN: _boolean,
    Type.TIMESTAMP: _timestamp,
    Type.DATE: _date,
}
