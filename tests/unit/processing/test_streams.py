"""How the driver of the streams ends, without Spark."""

import threading
from pathlib import Path
from typing import Any

import pytest

from melpark.errors import StopError
from melpark.processing import streams
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
