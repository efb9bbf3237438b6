"""The loop of one machine: what it does, when, and that a job that fails ends nothing."""

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from deltalake import write_deltalake

from melpark.contracts import POLLS, SENSOR_EVENTS
from melpark.errors import ConfigurationError, StopError
from melpark.ingestion import seed
from melpark.places import Home
from melpark.processing import gold, schedule
from melpark.processing.topics import BAY_PARTITIONS
from melpark.settings import Settings


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The loop takes over the signals that end it."""
    held = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in held.items():
        signal.signal(number, handler)


def jobs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Name and trigger of each job of a loop that is ended as soon as it runs."""
    found: dict[str, str] = {}

    def start(scheduler: BackgroundScheduler) -> None:
        found.update({job.args[0]: str(job.trigger) for job in scheduler.get_jobs()})
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(BackgroundScheduler, "start", start)
    monkeypatch.setattr(BackgroundScheduler, "shutdown", lambda scheduler, wait: None)
    schedule.run(settings, polls=False)
    return found


def test_gold_is_built_every_few_minutes_and_tested_and_the_lake_cared_for_at_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jobs(Settings(home=tmp_path), monkeypatch) == {
        "gold": "interval[0:05:00]",
        "tests of gold": "cron[hour='4']",
        "maintenance": "cron[hour='3']",
    }


def test_gold_is_left_to_somebody_else_where_its_interval_is_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, gold_interval_seconds=0)

    assert jobs(settings, monkeypatch).keys() == {"maintenance"}


def test_the_first_build_comes_soon_and_one_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    builds: list[bool] = []
    again = threading.Event()

    def build(settings: Settings, action: str, tests: bool) -> None:
        builds.append(tests)
        if len(builds) == 1:
            raise StopError("Gold: build failed", "a model", "")
        again.set()

    monkeypatch.setattr(gold, "run", build)
    monkeypatch.setattr(schedule, "FIRST_GOLD_AFTER", timedelta(0))
    settings = Settings(home=tmp_path, gold_interval_seconds=0.05, history_days=0)

    def end() -> None:
        assert again.wait(60)
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end)
    ender.start()
    schedule.run(settings, polls=False)
    ender.join()

    assert builds[:2] == [False, False]
    assert "gold failed: Gold: build failed" in caplog.text


class HistoryGrows(threading.Event):
    """Each time that somebody waits, the polls in silver reach six hours further back; the events of one partition
    come with them, those of another a day later."""

    BEHIND = timedelta(days=1)

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.reaches = timedelta(0)
        self._home = Home(home)

    def wait(self, timeout: float | None = None) -> bool:
        now = datetime(2025, 8, 7, tzinfo=UTC)
        polls = pa.table({"started_at": [now - self.reaches, now]})
        write_deltalake(self._home.silver(POLLS.name), polls, mode="append")
        behind = max(self.reaches - self.BEHIND, timedelta(0))
        # The third partition comes last of all.
        there = range(2 if self.reaches < self.BEHIND else BAY_PARTITIONS)
        seeded = {
            "observed_at": [now - (self.reaches if number != 1 else behind) for number in there],
            "partition": pa.array(there, pa.int32()),
            "origin": ["seed" for _ in there],
        }
        write_deltalake(self._home.silver(SENSOR_EVENTS.name), pa.table(seeded), mode="append")
        self.reaches += seed.SPAN
        return super().wait(0)


@pytest.mark.parametrize(("asked_for", "days"), [(28, 7), (3, 3), (0, 0)])
def test_the_first_build_waits_for_the_newest_week_of_the_history(
    tmp_path: Path, asked_for: int, days: int
) -> None:
    growing = HistoryGrows(tmp_path)
    schedule.wait_for_history(Settings(home=tmp_path, history_days=asked_for), growing)
    if not days:
        assert growing.reaches == timedelta(0)
        return
    reached = growing.reaches - seed.SPAN - growing.BEHIND
    # Of a longer history the next step has begun.
    assert reached == timedelta(days=days) + (seed.SPAN if asked_for > days else timedelta(0))


def test_no_later_build_waits_and_none_of_a_source_without_history(tmp_path: Path) -> None:
    growing = HistoryGrows(tmp_path)
    schedule.wait_for_history(Settings(home=tmp_path, source="replay", capture_dir=tmp_path), growing)
    built = Home(tmp_path).engine("dbt") / "built.json"
    built.parent.mkdir(parents=True)
    built.write_text("{}")
    schedule.wait_for_history(Settings(home=tmp_path), growing)
    assert growing.reaches == timedelta(0)


def test_the_loop_steps_back_where_airflow_schedules(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="scheduled_by is airflow"):
        schedule.run(Settings(home=tmp_path, scheduled_by="airflow"))


def test_a_second_loop_on_a_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(scheduler: BackgroundScheduler) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopError, match="Another `melpark schedule` runs"):
            schedule.run(settings, polls=False)

    settings = Settings(home=tmp_path)
    monkeypatch.setattr(BackgroundScheduler, "start", start)
    monkeypatch.setattr(BackgroundScheduler, "shutdown", lambda scheduler, wait: None)
    schedule.run(settings, polls=False)
