"""Many small commits, one after the other: are the last batches as quick as the first?"""

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

import cdc_engines
import cdc_places as places
from melpark.places import Home
from melpark.processing import lake
from melpark.settings import Settings

COMPARED = 100
WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.005


def measure(settings: Settings, commits: int) -> dict[str, Any]:
    """So many commits of one event, each made when bronze has taken the one before in a batch of its own.

    Compares the first and the last hundred: from the commit to bronze and to silver, and what a reader waits for
    the number of rows of bronze, by the table's log. The lake must be warm and quiet.
    """
    home = Home(settings.home)
    silver = home.silver("sensor_events")
    before = {"bronze": places.version(home.bronze), "silver": places.version(silver)}
    prefix = f"small-{time.time_ns()}"
    committed: dict[str, float] = {}
    reads: list[float] = []
    version = before["bronze"]
    with cdc_engines.connect(settings) as connection:
        for number in range(commits):
            version = newest_version(home.bronze, version)
            now = datetime.now(UTC)
            bay = f"{prefix}-{number}"
            connection.execute(
                "INSERT INTO parking.sensor_events VALUES (%s, %s, 'Present', %s, %s, NULL, 'live')",
                (bay, now, now, now),
            )
            committed[bay] = time.time()
            _wait_for(home.bronze, version + 1)
            if number < COMPARED or number >= commits - COMPARED:
                began = time.perf_counter()
                lake.rows(home.bronze)
                reads.append((time.perf_counter() - began) * 1000)
    seen = {
        "bronze": places.arrivals(home.bronze, before["bronze"], "key", places.bay_of_key, prefix),
        "silver": _when_all_there(silver, before["silver"], prefix, commits),
    }
    report: dict[str, Any] = {"commits": commits}
    for name, came in seen.items():
        delays = [(came[bay] - at) * 1000 for bay, at in committed.items()]
        report[f"commit to {name}"] = _compared(delays)
    report["read of bronze"] = _compared(reads)
    report["bronze_versions"] = places.version(home.bronze) - before["bronze"]
    report["bronze_files"] = len(DeltaTable(home.bronze).file_uris())
    return report


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


def _when_all_there(table: Path, after: int, prefix: str, count: int) -> dict[str, float]:
    deadline = time.monotonic() + WAIT_SECONDS
    while len(seen := places.arrivals(table, after, "kerbside_id", str, prefix)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{table} holds {len(seen)} of {count} events after {WAIT_SECONDS:.0f} s")
        time.sleep(1)
    return seen


def _compared(values: list[float]) -> dict[str, float]:
    """Medians of the first and the last hundred (or of the halves, when there are fewer), in milliseconds."""
    many = min(COMPARED, len(values) // 2)
    first, last = statistics.median(values[:many]), statistics.median(values[-many:])
    return {"first": first, "last": last, "ratio": last / first}


def lines(report: dict[str, Any]) -> list[str]:
    title = f"{report['commits']:,} small commits"
    rows = [f"{title:<28}{'first ms':>10}{'last ms':>9}{'ratio':>8}"]
    for name in ("commit to bronze", "commit to silver", "read of bronze"):
        row = report[name]
        rows.append(f"{name:<28}{row['first']:10,.0f}{row['last']:9,.0f}{row['ratio']:8.2f}")
    return [
        *rows,
        f"bronze: {report['bronze_versions']:,} versions, {report['bronze_files']:,} files at the end",
    ]
