"""Nightly maintenance drops the months of events that silver's polls say are there, and no other."""

import shutil
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from integration.ingestion.made_up_polls import at
from integration.ingestion.test_event_parts import load, parts
from melpark.contracts import SENSORS
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.places import Home
from melpark.processing import catalogue, maintenance
from melpark.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]


def put_poll(home: Home, observed_at: datetime) -> None:
    table = DeltaTable(home.silver("polls"))
    schema = pa.schema(table.schema().to_arrow())
    known = {"dataset": SENSORS.dataset, "outcome": "accepted", "observed_at": observed_at}
    row = {field.name: known.get(field.name) for field in schema}
    nullable = pa.schema([field.with_nullable(True) for field in schema])
    filled = {
        name: value if value is not None or schema.field(name).nullable else _any(schema.field(name).type)
        for name, value in row.items()
    }
    write_deltalake(table, pa.Table.from_pylist([filled], nullable).cast(schema), mode="append")


def _any(kind: pa.DataType) -> object:
    if pa.types.is_timestamp(kind):
        return at(0)
    return "x" if pa.types.is_string(kind) else 1


@pytest.mark.parametrize(
    ("in_silver", "left"),
    [(at(0), ["2025_05", "2025_07", "2025_08", "other"]), (at(2), ["2025_07", "2025_08", "other"])],
    ids=["silver lacks a poll", "silver holds every poll"],
)
def test_a_month_goes_only_when_silver_holds_all_its_polls(
    postgres: Settings,
    loader: PostgresLoader,
    query: Query,
    in_silver: datetime,
    left: list[str],
) -> None:
    load(loader)
    # What the second poll brought of May, silver may not have yet.
    query(
        "UPDATE parking.sensor_events SET observed_at = %s WHERE status_changed_at < %s RETURNING 1",
        at(2),
        at(-43200),
    )
    home = Home(postgres.home.resolve())
    shutil.rmtree(home.lake, ignore_errors=True)
    catalogue.create(home)
    put_poll(home, in_silver)
    maintenance._drop_old_events(postgres.model_copy(update={"event_retention_days": 31}))
    assert parts(query) == left
