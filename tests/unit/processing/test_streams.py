"""How the driver of the streams ends, without Spark."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import catalogue, silver, streams
from melpark.processing.tables import QUARANTINE
from melpark.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a home whose streams are ended as soon as they run."""

    def end(*arguments: Any) -> None:
        stop = arguments[-1]
        assert isinstance(stop, threading.Event)
        stop.set()

    monkeypatch.setattr(streams, "connect", lambda settings, wait_seconds: None)
    monkeypatch.setattr(streams, "_run_some", end)
    monkeypatch.setattr(streams, "_close", lambda spark, settings: None)
    return Settings(home=tmp_path)


def test_a_run_that_was_to_take_all_does_not_say_so_when_it_was_ended(settings: Settings) -> None:
    with pytest.raises(StopError, match="before all was taken"):
        streams.run(settings, frozenset({"silver"}), available_now=True)


def test_streams_that_run_for_ever_end_well_when_asked(settings: Settings) -> None:
    assert set(streams.run(settings, frozenset({"silver"})))


@pytest.mark.parametrize(
    ("lock", "who"),
    [(silver.only_writer, "merges into silver"), (silver.tables_stay, "packs silver")],
    ids=["a worker that still merges", "one that packs it"],
)
def test_silver_is_not_taken_away_under_another_and_is_made_anew_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: Callable[[Home], Any], who: str
) -> None:
    settings, home = Settings(home=tmp_path), Home(tmp_path)
    catalogue.create(home)
    old = home.silver("sensor_events") / "of-the-old-table"
    old.touch()
    home.checkpoints.mkdir()
    streams._rebuild_wish(home).touch()
    monkeypatch.setattr(silver, "WAIT_SECONDS", 0.0)
    with lock(home), pytest.raises(StopError, match=f"Another process {who}"):
        streams._make_tables(settings, home, ["silver"])
    assert old.exists()
    assert streams._rebuild_wish(home).exists()

    streams._make_tables(settings, home, ["silver"])
    assert not old.exists()
    assert not streams._rebuild_wish(home).exists()
    assert catalogue.is_on_disk(home, QUARANTINE)
