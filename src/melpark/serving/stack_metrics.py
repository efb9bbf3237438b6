"""Metrics of the running stack, read from what it wrote into its home: engines, stages, polls, capture and jobs."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from melpark.places import Home
from melpark.processing import job_runs
from melpark.serving.webhook import outbox

log = logging.getLogger(__name__)

# The stack writes every second. What is older is no longer so.
STALE_SECONDS = 30.0
STATES = ("healthy", "starting", "degraded")
OUTCOMES = ("accepted", "refused", "failed")
GAP_STATES = ("open", "snapshot", "filled")
Document = Mapping[str, Any]
Value = float | str | None
Row = tuple[tuple[str, ...], Value]


class StackCollector(Collector):
    """Reads the home's files at each scrape; without a stack that runs there is `melpark_stack_up` 0 and the jobs."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def collect(self) -> Iterator[Metric]:
        document = running(self._home)
        yield gauge("melpark_stack_up", "1 while the stack runs and says how it is", document is not None)
        if document is not None:
            for part in (_of_stack, _of_engines, _of_stages, _of_polls, _of_source, _of_capture):
                try:
                    yield from part(document)
                except (KeyError, TypeError, ValueError) as error:
                    # A stack of another version: what it says otherwise is still told.
                    log.warning("The status of the stack is not as agreed: %r", error)
        yield from _of_jobs(self._home)
        yield from _of_webhook(self._home)


def running(home: Home) -> dict[str, Any] | None:
    """What the stack that runs on the home says of itself; None when none runs, or it has not spoken for long."""
    try:
        document: dict[str, Any] = json.loads(home.status.read_text())
        written_at = datetime.fromisoformat(document["written_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if abs((datetime.now(UTC) - written_at).total_seconds()) < STALE_SECONDS else None


def gauge(name: str, about: str, value: float) -> Metric:
    """One number that may fall."""
    return GaugeMetricFamily(name, about, value=float(value))


def counter(name: str, about: str, value: float) -> Metric:
    """One number that only grows; shown as `<name>_total`."""
    return CounterMetricFamily(name, about, value=float(value))


def _of_stack(document: Document) -> Iterator[Metric]:
    state = document["state"]
    yield gauges(
        "melpark_stack_state",
        "1 for the state that `melpark status` tells",
        ("state",),
        [((one,), float(one == state)) for one in STATES],
    )


def _of_engines(document: Document) -> Iterator[Metric]:
    engines = document["engines"]
    yield gauges(
        "melpark_engine_up",
        "1 while the engine runs and answers",
        ("engine",),
        [((name,), float(engine["state"] == "running")) for name, engine in engines.items()],
    )
    yield gauges(
        "melpark_engine_memory_bytes",
        "Proportional set size of the engine's processes",
        ("engine",),
        [((name,), engine["memory_bytes"]) for name, engine in engines.items()],
    )
    restarts = CounterMetricFamily(
        "melpark_engine_restarts", "Starts after the first, since the stack was started", labels=("engine",)
    )
    for name, engine in engines.items():
        if engine["restarts"] is not None:
            restarts.add_metric((name,), engine["restarts"])
    yield restarts


def _of_stages(document: Document) -> Iterator[Metric]:
    stages = document["stages"]
    for name, about, key in (
        ("melpark_stage_rows", "Rows that the stage holds (offsets in kafka, bays in serving)", "rows"),
        (
            "melpark_stage_lag_seconds",
            "Seconds since the stage before had what this one lacks",
            "lag_seconds",
        ),
    ):
        yield gauges(name, about, ("stage",), [((stage,), found[key]) for stage, found in stages.items()])
    yield gauges(
        "melpark_stage_newest_event_timestamp_seconds",
        "Time of the newest event that the stage holds, by the source's clock",
        ("stage",),
        [((stage,), _seconds(found["last_event_at"])) for stage, found in stages.items()],
    )
    yield gauges(
        "melpark_stage_up",
        "1 when the stage answered the last look",
        ("stage",),
        [((stage,), float(found["rows"] is not None)) for stage, found in stages.items()],
    )
    if document["quarantined"] is not None:
        yield gauge(
            "melpark_quarantined_events",
            "Change events in silver's quarantine: they fit no contract",
            document["quarantined"],
        )
    if document["live_late"] is not None:
        yield gauge(
            "melpark_live_late_events",
            "Changes that became known too late for the windows, of the weeks that their topic keeps",
            document["live_late"],
        )


def _of_polls(document: Document) -> Iterator[Metric]:
    polls = document["polls"]
    attempts = CounterMetricFamily(
        "melpark_polls", "Live polls in PostgreSQL by what became of them", labels=("dataset", "outcome")
    )
    rejected = CounterMetricFamily(
        "melpark_rejected_records", "Records that polls of the dataset refused", labels=("dataset",)
    )
    for dataset, found in polls.items():
        for outcome in OUTCOMES:
            attempts.add_metric((dataset, outcome), found[outcome])
        rejected.add_metric((dataset,), found["rejected_records"])
    yield attempts
    yield rejected
    yield gauges(
        "melpark_poll_failed",
        "1 when the newest poll of the dataset was refused or failed",
        ("dataset",),
        [((dataset,), float(found["last_outcome"] != "accepted")) for dataset, found in polls.items()],
    )
    yield gauges(
        "melpark_poll_last_accepted_timestamp_seconds",
        "When the newest accepted poll of the dataset was received, by our clock",
        ("dataset",),
        [((dataset,), _seconds(found["last_accepted_at"])) for dataset, found in polls.items()],
    )


def _of_source(document: Document) -> Iterator[Metric]:
    source = document["source"]
    for name, about, value in (
        ("melpark_source_age_seconds", "Now less the feed's newest `lastupdated`", source["age_seconds"]),
        (
            "melpark_source_unchanged_seconds",
            "Source time since any bay last changed",
            source["unchanged_seconds"],
        ),
        (
            "melpark_source_frozen",
            "1 when the feed answers, but no bay has changed for long",
            source["is_frozen"],
        ),
    ):
        if value is not None:
            yield gauge(name, about, value)


def _of_capture(document: Document) -> Iterator[Metric]:
    capture = document["capture"]
    if capture is None:
        return
    slot = capture["slot"]
    yield gauge("melpark_capture_whole", "1 when nothing is missing after PostgreSQL", capture["is_whole"])
    for name, about, value in (
        ("melpark_capture_slot_active", "1 while the connector reads the slot", slot["is_active"]),
        ("melpark_capture_slot_retained_bytes", "WAL kept for the slot", slot["retained_bytes"]),
        ("melpark_capture_slot_behind_bytes", "WAL that is not confirmed yet", slot["behind_bytes"]),
        ("melpark_capture_slot_limit_bytes", "WAL kept at most, -1 without limit", slot["limit_bytes"]),
    ):
        if value is not None:
            yield gauge(name, about, value)
    states = [gap["state"] for gap in capture["gaps"]]
    yield gauges(
        "melpark_capture_gaps",
        "Possible losses that were not verified yet, by how far they are filled",
        ("state",),
        [((state,), float(states.count(state))) for state in GAP_STATES],
    )


def _of_jobs(home: Home) -> Iterator[Metric]:
    runs = job_runs.newest(home)
    for name, about, values in (
        ("melpark_job_failed", "1 when the newest run of the job failed", [float(r.is_failed) for r in runs]),
        ("melpark_job_duration_seconds", "Of the newest run of the job", [r.seconds for r in runs]),
        (
            "melpark_job_last_success_timestamp_seconds",
            "End of the newest run of the job that succeeded",
            [_seconds(r.succeeded_at) for r in runs],
        ),
        (
            "melpark_job_last_failure_timestamp_seconds",
            "End of the newest run of the job that failed",
            [_seconds(r.failed_at) for r in runs],
        ),
    ):
        yield gauges(name, about, ("job",), [((r.job,), v) for r, v in zip(runs, values, strict=True)])


def _of_webhook(home: Home) -> Iterator[Metric]:
    """Without a webhook there is no outbox, and nothing to tell."""
    found = outbox.counts(home.outbox)
    if found is None:
        return
    yield gauges(
        "melpark_webhook_alerts",
        "Alerts in the outbox: delivered (of the last 40 days), waiting, refused by the receiver",
        ("state",),
        [(("delivered",), found.delivered), (("waiting",), found.waiting), (("refused",), found.refused)],
    )
    waits = (datetime.now(UTC) - found.oldest_at).total_seconds() if found.oldest_at else 0.0
    yield gauge("melpark_webhook_oldest_waiting_seconds", "Age of the oldest alert that waits", waits)


def gauges(name: str, about: str, labels: tuple[str, ...], rows: Iterable[Row]) -> Metric:
    """A number for each value of the labels; what is not known is left out."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, value in rows:
        if value is not None:
            family.add_metric(values, float(value))
    return family


def _seconds(moment: str | datetime | None) -> float | None:
    if moment is None:
        return None
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).timestamp()
