"""How long a fresh home waits for its past: the newest days of it through the whole way. Run by `make bench-history`.

`melpark up` on the simulator fills its history in, the newest hours first, beside the polls; the clock starts with the
command. Each place is asked for all that PostgreSQL holds of those days. Prints a table and writes
benchmark-history.json.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
from deltalake import DeltaTable

import machine
from e2e.stack.running import Stack
from melpark.contracts import SENSOR_EVENTS, SENSORS
from melpark.places import Home
from melpark.processing import query

WAIT_SECONDS = 3600.0
SEEDED_POLLS = f"FROM parking.polls WHERE dataset = '{SENSORS.dataset}' AND origin = 'seed'"


def main() -> None:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
    folder.chmod(0o711)
    stack = Stack.on(
        folder / "home",
        MELPARK_SOURCE="simulator",
        MELPARK_GOLD_INTERVAL_SECONDS="300",
        MELPARK_HISTORY_DAYS=str(arguments.history_days),
    )
    try:
        report = _measure(stack, arguments.days)
        assert stack.stop() == []
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    report |= {
        "machine": machine.described(),
        "measured_at": datetime.now(UTC).isoformat(),
        "days": arguments.days,
    }
    report["history_days"] = arguments.history_days
    arguments.output.write_text(json.dumps(report, indent=2))
    print(_table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, default=7, help="newest days that are waited for")
    parser.add_argument("--history-days", type=int, default=28, help="days that are filled in, in all")
    parser.add_argument("--output", type=Path, default=Path("benchmark-history.json"))
    return parser.parse_args()


def _measure(stack: Stack, days: int) -> dict[str, Any]:
    """Seconds from the command until each place holds the newest days, and how many events they have."""
    began = time.perf_counter()
    stack.start()
    seconds: dict[str, float] = {}

    def reach(place: str, holds: Callable[[], bool]) -> None:
        stack.wait_for(place, lambda status: holds(), WAIT_SECONDS)
        seconds[place] = time.perf_counter() - began

    reach("first bay on the map", lambda: _has_bays(stack))
    reach("postgres", lambda: _filled_in(stack) >= timedelta(days=days))
    ((since,),) = stack.postgres(f"SELECT max(started_at) - interval '{days} days' {SEEDED_POLLS}")
    ((events,),) = stack.postgres(
        f"SELECT count(*) FROM parking.sensor_events WHERE origin = 'seed' AND observed_at >= '{since}'"
    )
    reach("silver", lambda: _events_in_silver(stack, since) >= events)
    # Silver goes on meanwhile: gold holds the days when the version that it was built from does.
    reach(
        "gold",
        lambda: _is_built(stack) and _events_in_silver(stack, since, _version_in_gold(stack)) >= events,
    )
    return {"seconds": seconds, "events": events}


def _has_bays(stack: Stack) -> bool:
    try:
        return bool(httpx.get(f"{stack.url}/api/v1/bays", timeout=5).json().get("bays"))
    except (httpx.HTTPError, ValueError):
        return False


def _filled_in(stack: Stack) -> timedelta:
    ((filled_in,),) = stack.postgres(f"SELECT max(started_at) - min(started_at) {SEEDED_POLLS}")
    return filled_in or timedelta(0)


def _events_in_silver(stack: Stack, since: datetime, version: int | None = None) -> int:
    path = Home(stack.home).silver(SENSOR_EVENTS.name)
    with duckdb.connect() as connection:
        query.add_view(connection, "held", DeltaTable(path, version=version))
        row = connection.execute(
            "SELECT count(*) FROM held WHERE origin = 'seed' AND observed_at >= ?", [since]
        ).fetchone()
    assert row is not None
    return int(row[0])


def _built(stack: Stack) -> Path:
    return Home(stack.home).engine("dbt") / "built.json"


def _is_built(stack: Stack) -> bool:
    return _built(stack).exists()


def _version_in_gold(stack: Stack) -> int:
    """Version of silver's events from which gold was last built."""
    return int(json.loads(_built(stack).read_text())["versions"][SENSOR_EVENTS.name]["version"])


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"machine: {report['machine']}",
        f"the newest {report['days']} of {report['history_days']} days: {report['events']:,} events",
        "seconds from `melpark up` until they are in",
        *(f"  {place:<22}{seconds:6.0f}" for place, seconds in report["seconds"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
