"""The loop of one machine: polls, gold every few minutes, maintenance every night."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler

from melpark.contracts import POLLS, SENSOR_EVENTS
from melpark.errors import ConfigurationError, MelParkError, StopError
from melpark.ingestion import poller, seed
from melpark.locks import only_one
from melpark.places import Home
from melpark.processing import gold, lake, maintenance
from melpark.processing.topics import BAY_PARTITIONS
from melpark.settings import Settings

log = logging.getLogger(__name__)
MAINTENANCE_HOUR = 3
GOLD_TESTS_HOUR = 4
# By then the streams have taken their first batches, with which a build would share the cores.
FIRST_GOLD_AFTER = timedelta(seconds=45)
# A fresh home's first build waits for so much of its history, but no longer than that: a build with less would be
# made again, and both would take the cores from what brings the rest.
FIRST_DAYS = 7
FIRST_DAYS_SECONDS = 300.0
LOOK_SECONDS = 2.0


def run(settings: Settings, polls: bool = True) -> None:
    """Run until SIGTERM or SIGINT. A job that fails says so and is tried at its next time.

    `polls=False` leaves polling to a poller of its own. Raises StopError when another loop runs on the home,
    ConfigurationError where Airflow schedules.
    """
    if settings.scheduled_by == "airflow":
        raise ConfigurationError(
            "This loop has nothing to do", "scheduled_by is airflow", "Let Airflow run, or unset it"
        )
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    refusal = StopError(
        "Another `melpark schedule` runs on this home", "", "Stop it, or let the stack run its own"
    )
    with only_one(Home(settings.home).run / "schedule.lock", refusal):
        scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        scheduler.add_job(
            _attempt, "cron", args=("maintenance", lambda: maintenance.run(settings)), hour=MAINTENANCE_HOUR
        )
        if settings.gold_interval_seconds:
            _add_gold(scheduler, settings, ended)
        scheduler.start()
        try:
            if polls:
                poller.run(settings)
            else:
                ended.wait()
        finally:
            scheduler.shutdown(wait=False)


def _add_gold(scheduler: BackgroundScheduler, settings: Settings, ended: threading.Event) -> None:
    def build() -> None:
        wait_for_history(settings, ended)
        if not ended.is_set():
            gold.run(settings, "build", tests=False)

    scheduler.add_job(
        _attempt,
        "interval",
        args=("gold", build),
        seconds=settings.gold_interval_seconds,
        next_run_time=datetime.now(UTC) + FIRST_GOLD_AFTER,
    )
    scheduler.add_job(
        _attempt, "cron", args=("tests of gold", lambda: gold.run(settings, "test")), hour=GOLD_TESTS_HOUR
    )


def is_filled_in(settings: Settings) -> bool:
    """Whether the home is a fresh one whose past is still on its way to the first build of gold."""
    return (
        settings.source == "simulator"
        and settings.history_days > 0
        and not gold.is_built(Home(settings.home.resolve()))
    )


def wait_for_history(settings: Settings, ended: threading.Event) -> None:
    """Return when silver holds the newest days of a fresh home's history, when that takes too long, or at the end."""
    if not is_filled_in(settings):
        return
    home = Home(settings.home.resolve())
    # A step of the history is whole in a partition when an older one has begun there.
    wanted = min(timedelta(days=FIRST_DAYS) + seed.SPAN, timedelta(days=settings.history_days))
    deadline = time.monotonic() + FIRST_DAYS_SECONDS
    while time.monotonic() < deadline:
        oldest = lake.reaches_back_to(home.silver(SENSOR_EVENTS.name), "observed_at", "seed", BAY_PARTITIONS)
        newest = lake.newest(home.silver(POLLS.name), "started_at")
        is_there = oldest is not None and newest is not None and newest - oldest >= wanted
        if is_there or ended.wait(LOOK_SECONDS):
            return


def _attempt(name: str, job: Callable[[], None]) -> None:
    try:
        job()
        log.info("%s done", name)
    except MelParkError as error:
        log.error("%s failed: %s", name, error)
