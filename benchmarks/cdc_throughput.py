"""Changes a second, sustained: PostgreSQL to Kafka alone, then PostgreSQL to bronze and to silver."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cdc_engines
import cdc_places as places
from cdc_engines import LAKE, Engines
from melpark.places import Home
from melpark.processing import lake
from melpark.settings import Settings

BAYS = 3309
START = datetime(2026, 3, 2, tzinfo=UTC)
WARM_UP, ALONE, WHOLE = START, START + timedelta(days=14), START + timedelta(days=28)
WAIT_SECONDS = 1800.0
LOOK_SECONDS = 0.1


@dataclass
class Rate:
    """Changes that reached a place, in the seconds from the first commit to the last arrival."""

    changes: int
    seconds: float
    lost: int | None = None
    duplicated: int | None = None

    def counted(self, count: places.Count) -> "Rate":
        """With the rows that are missing and those that are there more than once."""
        rows, distinct = count
        self.lost, self.duplicated = self.changes - distinct, rows - distinct
        return self


def measure(settings: Settings, capture: Engines, changes: int, rows_per_commit: int) -> dict[str, Any]:
    """Capture alone; then the lake starts and takes the same changes as a backlog; then the whole way, all running.

    `capture` are the engines of capture, running; bronze and silver must be empty. On a machine that does other
    work, the CPU seconds of each engine tell more than the clock.
    """
    home = Home(settings.home)
    rates: dict[str, Rate] = {}
    used: dict[str, dict[str, float]] = {}
    warm_up = max(1, changes // 10)

    def write(
        start: datetime,
        changes: int,
        parts: list[Engines],
        wait_for_lake: Callable[[float], dict[str, float]] = lambda began: {},
    ) -> dict[str, float]:
        follower = places.KafkaFollower(settings)
        before = _cpu(parts)
        committed: list[float] = []
        began = time.time()
        writer = threading.Thread(
            target=lambda: committed.append(insert(settings, start, changes, rows_per_commit)), daemon=True
        )
        writer.start()
        seconds = wait_for_lake(began)
        _wait("everything in Kafka", lambda: follower.count >= changes)
        writer.join()
        follower.stop()
        used["whole way" if seconds else "capture alone"] = {
            name: (seconds - before[name]) * 100_000 / changes for name, seconds in _cpu(parts).items()
        }
        return seconds | {"committed": committed[0] - began, "kafka": follower.last_at - began}

    # The first changes are read by code that is not compiled yet.
    write(WARM_UP, warm_up, [capture])
    alone = write(ALONE, changes, [capture])
    began = time.time()
    with cdc_engines.running(settings, LAKE) as the_lake:
        backlog = lake_has(home, warm_up + changes, began)
        whole = write(
            WHOLE, changes, [capture, the_lake], lambda began: lake_has(home, warm_up + 2 * changes, began)
        )
        rates["committed, capture alone"] = Rate(changes, alone["committed"])
        rates["kafka, capture alone"] = Rate(changes, alone["kafka"]).counted(
            places.count_in_kafka(settings, ALONE, WHOLE)
        )
        rates["bronze, backlog with start"] = Rate(warm_up + changes, backlog["bronze"])
        rates["silver, backlog with start"] = Rate(warm_up + changes, backlog["silver"])
        rates["committed, whole way"] = Rate(changes, whole["committed"])
        rates["kafka, whole way"] = Rate(changes, whole["kafka"])
        rates["bronze, whole way"] = Rate(changes, whole["bronze"]).counted(
            places.count_in_bronze(home, WHOLE)
        )
        rates["silver, whole way"] = Rate(changes, whole["silver"]).counted(
            places.count_in_silver(home, WHOLE)
        )
    base = changes / rates["kafka, capture alone"].seconds
    found = {
        name: asdict(rate)
        | {"per_second": rate.changes / rate.seconds, "of_capture_alone": rate.changes / rate.seconds / base}
        for name, rate in rates.items()
    }
    return {"rates": found, "cpu_seconds_per_100k_changes": used}


def _cpu(parts: list[Engines]) -> dict[str, float]:
    return {name: seconds for part in parts for name, seconds in part.cpu_seconds().items()}


def insert(settings: Settings, start: datetime, changes: int, rows_per_commit: int) -> float:
    """Insert so many events, each bay in turn and a minute later each round. Returns when the last was committed."""
    with cdc_engines.connect(settings) as connection:
        connection.execute("SELECT parking.make_event_parts(ARRAY[%s::timestamptz])", [start])
        for first in range(0, changes, rows_per_commit):
            connection.execute(
                """
                INSERT INTO parking.sensor_events
                SELECT 'bay-' || n %% %(bays)s, at, CASE n %% 2 WHEN 0 THEN 'Present' ELSE 'Unoccupied' END,
                       at + interval '2 minutes', at + interval '1 minute', at - interval '1 minute', 'live'
                FROM generate_series(%(first)s::integer, %(last)s::integer) AS n,
                     LATERAL (SELECT %(start)s::timestamptz + n / %(bays)s * interval '1 minute' AS at) AS moment
                """,
                {
                    "bays": BAYS,
                    "first": first,
                    "last": min(first + rows_per_commit, changes) - 1,
                    "start": start,
                },
            )
    return time.time()


def lake_has(home: Home, rows: int, began: float) -> dict[str, float]:
    """Wait until bronze and silver hold so many events. Returns the seconds since `began` at which each did."""
    reached: dict[str, float] = {}
    tables = {"bronze": home.bronze, "silver": home.silver("sensor_events")}

    def all_there() -> bool:
        for name, table in tables.items():
            if name not in reached and lake.rows(table) >= rows:
                reached[name] = time.time() - began
        return len(reached) == len(tables)

    _wait(f"{rows} events in bronze and silver", all_there)
    return reached


def _wait(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"no {what} within {WAIT_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def lines(report: dict[str, Any]) -> list[str]:
    head = f"{'':<28}{'changes/s':>10}{'seconds':>9}{'of capture alone':>18}{'lost':>7}{'duplicated':>12}"
    rows = []
    for name, rate in report["rates"].items():
        counted = "" if rate["lost"] is None else f"{rate['lost']:7,}{rate['duplicated']:12,}"
        rows.append(
            f"{name:<28}{rate['per_second']:10,.0f}{rate['seconds']:9.1f}{rate['of_capture_alone']:18.2f}{counted}"
        )
    for way, engines in report["cpu_seconds_per_100k_changes"].items():
        seconds = ", ".join(f"{name} {value:.1f}" for name, value in engines.items())
        rows.append(f"CPU seconds per 100,000 changes, {way}: {seconds}; {sum(engines.values()):.1f} in all")
    return [head, *rows]
