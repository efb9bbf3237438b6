"""Many small commits: are batches and reads as quick after them as before?"""

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

import cdc_engines
import cdc_latency
import cdc_places as places
from melpark.places import Home
from melpark.processing import lake, merging
from melpark.settings import Settings

COMPARED = 100
# As Delta's automatic packing, which the streams' own writes have.
PACKED_EVERY = 50
QUIET_SECONDS = 20.0
WAIT_SECONDS = 600.0
LOOK_SECONDS = 0.005


def measure(settings: Settings, commits: int) -> dict[str, Any]:
    """A hundred events, each committed when bronze has taken the one before in a batch of its own; `commits` small
    commits to bronze and as many to silver; another hundred events.

    A batch of Spark takes a second, and ten thousand of them hours: the commits between are delta-rs's, one row each
    and packed every fifty. Compares the two hundreds: from the commit to bronze and to silver, and what a reader
    waits for the number of rows of bronze, by the table's log. The lake must be warm and quiet.
    """
    home = Home(settings.home)
    first = _events(settings, home, "small-first")
    for table, column in ((home.bronze, "key"), (home.silver("sensor_events"), "kerbside_id")):
        _commit_many(table, column, commits)
    # Silver reads what bronze was given; then the lake is quiet again.
    cdc_latency.measure(settings, 2, QUIET_SECONDS)
    last = _events(settings, home, "small-last")
    return {
        "commits": commits,
        "compared": {name: _compared(first[name], last[name]) for name in first},
        "bronze_versions": places.version(home.bronze),
        "bronze_files": len(DeltaTable(home.bronze).file_uris()),
        "silver_versions": places.version(home.silver("sensor_events")),
        "silver_files": len(DeltaTable(home.silver("sensor_events")).file_uris()),
    }


def _events(settings: Settings, home: Home, prefix: str) -> dict[str, list[float]]:
    """Milliseconds of each of a hundred events: commit to bronze, to silver, and a read of bronze after it."""
    silver = home.silver("sensor_events")
    before = {"bronze": places.version(home.bronze), "silver": places.version(silver)}
    version = before["bronze"]
    committed: dict[str, float] = {}
    reads: list[float] = []
    with cdc_engines.connect(settings) as connection:
        for number in range(COMPARED):
            version = newest_version(home.bronze, version)
            now = datetime.now(UTC)
            bay = f"{prefix}-{number}"
            connection.execute(
                "INSERT INTO parking.sensor_events VALUES (%s, %s, 'Present', %s, %s, NULL, 'live')",
                (bay, now, now, now),
            )
            committed[bay] = time.time()
            _wait_for(home.bronze, version + 1)
            began = time.perf_counter()
            lake.rows(home.bronze)
            reads.append((time.perf_counter() - began) * 1000)
    in_silver = _when_all_there(silver, before["silver"], prefix)
    in_bronze = places.arrivals(home.bronze, before["bronze"], "key", places.bay_of_key, prefix)
    return {
        "commit to bronze": [(in_bronze[bay] - at) * 1000 for bay, at in committed.items()],
        "commit to silver": [(in_silver[bay] - at) * 1000 for bay, at in committed.items()],
        "read of bronze": reads,
    }


def _commit_many(table: Path, bay_column: str, commits: int) -> None:
    """So many commits of one row, each a copy of one that is there under the name of another bay."""
    held = DeltaTable(table)
    row = held.to_pyarrow_dataset().head(1)
    for number in range(commits):
        write_deltalake(held, _renamed(row, bay_column, f"made-up-{number}"), mode="append")
        if number % PACKED_EVERY == PACKED_EVERY - 1:
            merging.pack(table)
            held.update_incremental()
    print(f"{commits:,} commits to {table.name}", flush=True)


def _renamed(row: pa.Table, column: str, bay: str) -> pa.Table:
    value = bay
    if column == "key":
        value = orjson.dumps(orjson.loads(row[column][0].as_py()) | {"kerbside_id": bay}).decode()
    position = row.schema.get_field_index(column)
    return row.set_column(position, row.schema.field(position), pa.array([value], pa.string()))


def newest_version(table: Path, known: int) -> int:
    """The table's newest version, found by looking for the logs after a known one."""
    while _log(table, known + 1).exists():
        known += 1
    return known


def _wait_for(table: Path, version: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not _log(table, version).exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"{table} got no version {version} within {WAIT_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _log(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020}.json"


def _when_all_there(table: Path, after: int, prefix: str) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_SECONDS
    while len(seen := places.arrivals(table, after, "kerbside_id", str, prefix)) < COMPARED:
        if time.monotonic() > deadline:
            raise SystemExit(f"{table} holds {len(seen)} of {COMPARED} events after {WAIT_SECONDS:.0f} s")
        time.sleep(1)
    return seen


def _compared(first: list[float], last: list[float]) -> dict[str, float]:
    """Medians in milliseconds."""
    medians = statistics.median(first), statistics.median(last)
    return {"first": medians[0], "last": medians[1], "ratio": medians[1] / medians[0]}


def lines(report: dict[str, Any]) -> list[str]:
    title = f"{report['commits']:,} small commits"
    rows = [f"{title:<28}{'before ms':>10}{'after ms':>9}{'ratio':>8}"]
    rows += [
        f"{name:<28}{row['first']:10,.0f}{row['last']:9,.0f}{row['ratio']:8.2f}"
        for name, row in report["compared"].items()
    ]
    return [
        *rows,
        *(
            f"{name}: {report[f'{name}_versions']:,} versions, {report[f'{name}_files']:,} files at the end"
            for name in ("bronze", "silver")
        ),
    ]
