"""Alerts of the operation itself: nothing arrives, or a run of a poll or a job has failed.

They need neither Kafka nor Flink: what they are made of is what the running stack writes into its home. They have the
shape of the alerts of `melpark.live.alerts`, with times by our clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from melpark.contracts import SENSORS
from melpark.processing.job_runs import JobRun
from melpark.settings import Settings

NOTHING_ARRIVES = "nothing_arrives"
RUN_FAILED = "run_failed"
KINDS = (NOTHING_ARRIVES, RUN_FAILED)
POLL_INTERVALS = 3

Alert = dict[str, Any]
# Kind and place.
Subject = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong since `at`.

    `threshold` and `value` are minutes of silence; 0 and None for a failed run.
    """

    at: datetime
    detail: str
    threshold: float = 0
    value: float | None = None


class Arrivals:
    """When the newest accepted poll of the sensors came, as far as is known; the dead man's switch looks at it."""

    def __init__(self, settings: Settings, started_at: datetime) -> None:
        self._limit = timedelta(seconds=POLL_INTERVALS * settings.poll_interval_seconds)
        # A replay ends, and then stands still with good reason.
        self._may_end = settings.source == "replay"
        # Nothing is known of the time before: a stack that has just been started is given its time.
        self._newest_at = started_at

    def look(self, document: Mapping[str, Any] | None, now: datetime) -> Finding | None:
        """None while polls arrive. `document` is the stack's status, None when it does not speak."""
        polls = (document or {}).get("polls", {}).get(SENSORS.dataset)
        if polls and polls["last_accepted_at"]:
            self._newest_at = max(self._newest_at, datetime.fromisoformat(polls["last_accepted_at"]))
        silence = now - self._newest_at
        if self._may_end or silence <= self._limit:
            return None
        minutes = silence.total_seconds() / 60
        return Finding(
            self._newest_at + self._limit,
            f"No poll of the sensors has arrived for {minutes:.0f} minutes",
            self._limit.total_seconds() / 60,
            round(minutes, 1),
        )


def failed_runs(document: Mapping[str, Any] | None, runs: Iterable[JobRun]) -> dict[Subject, Finding | None]:
    """Of every poll and job of which something is known: how its newest run failed, or None when it went well."""
    found: dict[Subject, Finding | None] = {}
    for dataset, polls in (document or {}).get("polls", {}).items():
        is_well = polls["last_outcome"] == "accepted"
        found[RUN_FAILED, f"poll of {dataset}"] = (
            None
            if is_well
            else Finding(
                datetime.fromisoformat(polls["last_started_at"]),
                f"The poll of {dataset} {_was(polls['last_outcome'])}: {polls['last_reason']}",
            )
        )
    for run in runs:
        failed = run.failed_at if run.is_failed else None
        found[RUN_FAILED, run.job] = (
            Finding(failed, f"The newest run of {run.job} failed: {run.error}") if failed else None
        )
    return found


class Open:
    """Which alerts of ours are raised: each is told when it is raised and when it is cleared, and not in between."""

    def __init__(self, told: Iterable[Alert]) -> None:
        """`told` are the alerts that were told before this process, oldest first."""
        self._raised: dict[Subject, Alert] = {}
        for alert in told:
            subject = alert["kind"], alert["place"]
            if alert["state"] == "raised":
                self._raised[subject] = alert
            else:
                self._raised.pop(subject, None)

    def changes(self, found: Mapping[Subject, Finding | None], now: datetime) -> list[Alert]:
        """What is to be told after a look; a subject that the look does not know stays as it is."""
        changes = []
        for subject, finding in found.items():
            raised = self._raised.get(subject)
            if finding is not None and raised is None:
                changes.append(_raised(subject, finding))
                self._raised[subject] = changes[-1]
            elif finding is None and raised is not None:
                changes.append(
                    raised
                    | {"state": "cleared", "cleared_at": _text(now), "detail": f"Over: {raised['detail']}"}
                )
                del self._raised[subject]
        return changes


def message_id(alert: Mapping[str, Any]) -> str:
    """The same for the same change of the same alert, however often it is told; fit for a header."""
    return quote(f"{alert['alert_id']}:{alert['state']}", safe="/:+")


def envelope(alert: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The body that is posted: type, our time, and the alert."""
    return {"type": f"alert.{alert['state']}", "timestamp": _text(now), "data": dict(alert)}


def _raised(subject: Subject, finding: Finding) -> Alert:
    kind, place = subject
    return {
        "alert_id": f"{kind}/{place}/{_text(finding.at)}",
        "kind": kind,
        "place_kind": "operation",
        "place": place,
        "state": "raised",
        "raised_at": _text(finding.at),
        "cleared_at": None,
        "threshold": finding.threshold,
        "value": finding.value,
        "detail": finding.detail,
    }


def _was(outcome: str) -> str:
    return "was refused" if outcome == "refused" else "failed"


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
