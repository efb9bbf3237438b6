"""How long a committed poll waits until gold is built with it, while the loop runs."""

import json
import statistics
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from e2e.stack.running import Stack
from melpark.contracts import POLLS
from melpark.places import Home


def commit_to_gold(home: Path, seconds: float, interval_seconds: int) -> dict[str, Any]:
    """Seconds from the commit of each poll of the sensors until a build of gold that took it in has ended."""
    stack = Stack.on(
        home,
        MELPARK_SOURCE="simulator",
        MELPARK_GOLD_INTERVAL_SECONDS=str(interval_seconds),
        MELPARK_SIMULATOR_OUTAGES="false",
    )
    stack.start()
    try:
        stack.wait_until_healthy()
        built = Home(home).engine("dbt") / "built.json"
        stack.wait_for("the first build of gold", lambda status: built.exists())
        waited = _watch(stack, built, seconds)
    finally:
        left = stack.stop()
    assert left == []
    return {
        "interval_seconds": interval_seconds,
        "polls": len(waited),
        "p50": statistics.median(waited),
        "p95": statistics.quantiles(waited, n=20)[-1] if len(waited) > 1 else waited[0],
        "longest": max(waited),
    }


def _watch(stack: Stack, built: Path, seconds: float) -> list[float]:
    waited = []
    newest = _newest_poll(stack.home, built)
    changed_at = built.stat().st_mtime
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if built.stat().st_mtime == changed_at:
            continue
        changed_at = built.stat().st_mtime
        last = _newest_poll(stack.home, built)
        rows = stack.postgres(
            f"SELECT finished_at FROM parking.polls WHERE origin = 'live' AND outcome = 'accepted' "
            f"AND poll_id > {newest} AND poll_id <= {last} ORDER BY poll_id"
        )
        waited += [changed_at - _seconds(finished_at) for (finished_at,) in rows]
        newest = last
    return waited


def _newest_poll(home: Path, built: Path) -> int:
    """The newest poll of silver's version that gold was built from."""
    version = json.loads(built.read_text())["versions"][POLLS.name]["version"]
    polls = DeltaTable(Home(home).silver(POLLS.name), version=version).to_pyarrow_table(columns=["poll_id"])
    return int(max(polls["poll_id"].to_pylist()))


def _seconds(at: datetime) -> float:
    return at.timestamp()
