"""How long after the kill of an engine a change reaches silver again, while commits go on."""

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg

import cdc_engines
import cdc_places as places
from cdc_engines import Engines
from melpark.places import Home
from melpark.settings import Settings

VICTIMS = ("postgres", "kafka", "connect", "spark", "streams")
NOTHING = "nothing"
PAUSE_SECONDS = 0.2
WAIT_SECONDS = 300.0


class Commits:
    """One event every 0.2 s, from a thread, also while PostgreSQL comes and goes."""

    def __init__(self, settings: Settings) -> None:
        self.prefix = f"recovery-{time.time_ns()}"
        self.committed: dict[str, float] = {}
        self._settings = settings
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._commit, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)

    def _commit(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        number = 0
        while not self._ended.wait(PAUSE_SECONDS):
            number += 1
            now = datetime.now(UTC)
            try:
                connection = connection or cdc_engines.connect(self._settings)
                connection.execute(
                    "INSERT INTO parking.sensor_events VALUES (%s, %s, 'Present', %s, %s, NULL, 'live')",
                    (f"{self.prefix}-{number}", now, now, now),
                )
                self.committed[f"{self.prefix}-{number}"] = time.time()
            except psycopg.Error:
                connection = None


def measure(settings: Settings, parts: list[Engines], rounds: int) -> dict[str, Any]:
    """Seconds from the kill of each engine to the first arrival, in silver, of a change that was committed after it.

    `nothing` is the baseline: the same without a kill. `lost` counts the commits that never came.
    """
    home = Home(settings.home)
    silver = home.silver("sensor_events")
    after = places.version(silver)
    commits = Commits(settings)
    seconds: dict[str, list[float]] = {name: [] for name in (NOTHING, *VICTIMS)}

    def seen() -> dict[str, float]:
        return places.arrivals(silver, after, "kerbside_id", str, commits.prefix)

    for _ in range(rounds):
        for name in seconds:
            _wait(lambda: all(part.pid(engine) for part in parts for engine in part.names), "every engine")
            killed_at = time.time()
            if name != NOTHING:
                os.kill(_pid(parts, name), signal.SIGKILL)
            _wait(lambda killed_at=killed_at: _first_after(commits, seen(), killed_at) is not None, name)  # type: ignore[misc]
            first = _first_after(commits, seen(), killed_at)
            assert first is not None
            seconds[name].append(first - killed_at)
    commits.stop()
    _wait(lambda: len(seen()) >= len(commits.committed), "every commit in silver")
    lost = len(commits.committed.keys() - seen().keys())
    report = {
        name: {"median": statistics.median(times), "longest": max(times)} for name, times in seconds.items()
    }
    return {"rounds": rounds, "commits": len(commits.committed), "lost": lost, "seconds": report}


def _first_after(commits: Commits, seen: dict[str, float], killed_at: float) -> float | None:
    """When the first of the changes that were committed after the kill arrived."""
    later = [seen[bay] for bay, at in list(commits.committed.items()) if at > killed_at and bay in seen]
    return min(later, default=None)


def _pid(parts: list[Engines], name: str) -> int:
    pid = next(part for part in parts if name in part.names).pid(name)
    assert pid is not None
    return pid


def _wait(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"no recovery of {what} within {WAIT_SECONDS:.0f} s")
        time.sleep(0.2)


def lines(report: dict[str, Any]) -> list[str]:
    head = f"{'killed, to silver again':<28}{'median s':>10}{'longest s':>11}{'over nothing killed':>21}"
    base = report["seconds"][NOTHING]["median"]
    rows = [
        f"{name:<28}{row['median']:10.1f}{row['longest']:11.1f}{row['median'] - base:21.1f}"
        for name, row in report["seconds"].items()
    ]
    return [head, *rows, f"{report['commits']:,} commits, {report['lost']} lost, {report['rounds']} rounds"]
