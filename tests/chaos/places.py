"""The rows of a home's PostgreSQL, bronze and silver, in the words of the comparison."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow.dataset as ds
from deltalake import DeltaTable

from chaos.comparison import Findings, Logged, Row, compare, compare_log
from e2e.stack import oracle
from e2e.stack.running import Stack
from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES, Table
from melpark.places import Home, topic

TABLES = (SENSOR_EVENTS, SENSOR_STATES, FEED_OUTAGES, POLLS)


def compare_all(stack: Stack, capture: Path) -> dict[str, Findings]:
    """PostgreSQL against the capture read by plain Python, then bronze and silver against PostgreSQL."""
    home = Home(stack.home)
    found = {"PostgreSQL against the capture": compare(truth(capture), statuses_in_postgres(stack))}
    events = list(in_postgres(stack, SENSOR_EVENTS))
    found["bronze against parking.sensor_events"] = compare_log(events, log(home.bronze))
    for table in TABLES:
        held = events if table is SENSOR_EVENTS else in_postgres(stack, table)
        name = f"silver.{table.name} against parking.{table.name}"
        found[name] = compare(held, in_silver(home.silver(table.name), table))
    return found


def truth(capture: Path) -> Iterator[Row]:
    for key, status in oracle.events(capture).items():
        yield Row(key, (*key, status))


def statuses_in_postgres(stack: Stack) -> Iterator[Row]:
    query = "SELECT kerbside_id, status_changed_at, status FROM parking.sensor_events"
    for bay, at, status in stack.postgres(query):
        yield Row((bay, at), (bay, at, status))


def in_postgres(stack: Stack, table: Table) -> Iterator[Row]:
    for values in stack.postgres(f"SELECT {', '.join(table.column_names)} FROM parking.{table.name}"):
        yield _row(table, values)


def in_silver(path: Path, table: Table) -> Iterator[Row]:
    names = list(table.column_names)
    for row in DeltaTable(path).to_pyarrow_table(columns=names).to_pylist():
        yield _row(table, tuple(row[name] for name in names))


def noticed_gaps(stack: Stack) -> list[str]:
    """What capture wrote down as a possible loss."""
    query = "SELECT kind, detail FROM parking_capture.gaps WHERE kind <> 'first_snapshot' ORDER BY gap_id"
    return [f"{kind}: {detail}" for kind, detail in stack.postgres(query)]


def log(bronze: Path) -> Iterator[Logged]:
    """The events of parking.sensor_events in bronze."""
    rows = DeltaTable(bronze).to_pyarrow_dataset()
    events = rows.to_table(
        columns=["partition", "offset", "value"], filter=ds.field("topic") == topic(SENSOR_EVENTS.name)
    )
    for row in events.to_pylist():
        after = orjson.loads(row["value"])["after"]
        yield Logged(
            row["partition"], row["offset"], after["kerbside_id"], oracle.time(after["status_changed_at"])
        )


def _row(table: Table, values: tuple[Any, ...]) -> Row:
    plain = tuple(value.astimezone(UTC) if isinstance(value, datetime) else value for value in values)
    of = dict(zip(table.column_names, plain, strict=True))
    return Row(tuple(of[name] for name in table.key), plain)
