"""The status document: written by the running stack, read by `melpark status` and the screen."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

from melpark.places import Home
from melpark.serving.freshness import is_frozen
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack.stages import NAMES, Measurement, Stage
from melpark.stack.supervisor import Status

# A stage that lags longer than this makes the stack degraded.
LONGEST_LAG_SECONDS = {"kafka": 60.0, "bronze": 120.0, "silver": 180.0, "serving": 60.0, "live": 180.0}
# The lake takes days of history within minutes, and live polls come after them. It is late by design then, but not for
# ever: a lake that stands still is found out.
LONGEST_LAG_WITH_HISTORY_SECONDS = LONGEST_LAG_SECONDS | {"bronze": 900.0, "silver": 900.0}


class Watcher(Protocol):
    """Who knows how the engines are: the supervisor, or a watch over parts that others started."""

    @property
    def statuses(self) -> Mapping[str, Status]: ...

    @property
    def all_ready(self) -> bool: ...


def document(settings: Settings, supervisor: Watcher, found: Measurement) -> dict[str, Any]:
    """One object with `state`, `engines`, `stages` and what else there is, as the README describes it."""
    return {
        "state": _state(settings, supervisor, found),
        "engines": {
            name: {
                "state": status.state,
                "pid": status.pid,
                "port": status.port,
                "since": status.since,
                "memory_bytes": status.memory_bytes,
                "restarts": status.restarts,
                "detail": status.detail,
            }
            for name, status in supervisor.statuses.items()
        },
        "stages": found.document(),
        "polls": {dataset: asdict(polls) for dataset, polls in found.polls.items()},
        "quarantined": found.quarantined,
        "live_late": found.live_late,
        "source": _source(settings.source, found, is_frozen(found.unchanged_seconds, settings)),
        "capture": found.capture.document() if found.capture else None,
        "history": _history(settings, found),
        "written_at": datetime.now(UTC),
    }


def _state(settings: Settings, supervisor: Watcher, found: Measurement) -> str:
    if not supervisor.all_ready:
        return "starting"
    if any(status.state != "running" for status in supervisor.statuses.values()):
        return "degraded"
    if _polls_stopped(settings, found) or (found.capture is not None and not found.capture.is_whole):
        return "degraded"
    limits = LONGEST_LAG_WITH_HISTORY_SECONDS if found.has_history_before_it else LONGEST_LAG_SECONDS
    lags = (
        (found.stages[name].lag_seconds, longest) for name, longest in limits.items() if name in found.stages
    )
    return "degraded" if any(lag is not None and lag > longest for lag, longest in lags) else "healthy"


def _history(settings: Settings, found: Measurement) -> dict[str, Any] | None:
    """How far the seeded history has come; None where there is none."""
    if "history" not in found.positions:
        return None
    return {
        "days": found.history_days,
        "of_days": settings.history_days,
        "is_in_silver": not found.has_history_before_it and found.history_days >= settings.history_days,
    }


def _polls_stopped(settings: Settings, found: Measurement) -> bool:
    """No accepted poll for three intervals. A replay ends, and then stands still with good reason."""
    lag = found.stages["ingestion"].lag_seconds
    return settings.source != "replay" and lag is not None and lag > 3 * settings.poll_interval_seconds


def _source(kind: str | None, found: Measurement, is_frozen: bool = False) -> dict[str, Any]:
    """A feed that stands still is the source's fault: the stack does its work and stays healthy."""
    return {
        "kind": kind,
        "age_seconds": found.source_age_seconds,
        "unchanged_seconds": found.unchanged_seconds,
        "is_frozen": is_frozen,
    }


def write(home: Home, status: dict[str, Any]) -> None:
    homes.write_whole(home.status, json.dumps(status, default=_text))


def forget(home: Home) -> None:
    """Remove what the last run said of itself, lest it be taken for this one's."""
    home.status.unlink(missing_ok=True)


def read(home: Home) -> dict[str, Any]:
    """The newest document of a running stack; one that says `stopped`, or `starting` before the first is written."""
    if homes.running_pid(home) is None:
        return stopped(home)
    try:
        document: dict[str, Any] = json.loads(home.status.read_text())
    except FileNotFoundError:
        return stopped(home) | {"state": "starting"}
    return document


def stopped(home: Home) -> dict[str, Any]:
    """What there is to say of a home on which nothing runs."""
    stamp = homes.read_stamp(home)
    return {
        "state": "stopped",
        "engines": {},
        "stages": {name: vars(Stage()) for name in NAMES},
        "polls": {},
        "quarantined": None,
        "live_late": None,
        "source": _source(stamp.source if stamp else None, Measurement()),
        "capture": None,
        "history": None,
    }


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} does not belong in the status")
