"""One process at a time."""

import threading
from pathlib import Path

import pytest

from melpark.errors import StopError
from melpark.locks import only_one

REFUSAL = StopError("Another one runs", "one at a time", "Wait")


def test_the_second_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "run" / "it.lock"
    with only_one(path, REFUSAL), pytest.raises(StopError, match="Another one runs"), only_one(path, REFUSAL):
        pass
    with only_one(path, REFUSAL):
        pass


def test_the_second_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "it.lock"
    taken, ended = threading.Event(), threading.Event()

    def first() -> None:
        with only_one(path, REFUSAL):
            taken.set()
            ended.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    assert taken.wait(10)
    threading.Timer(0.3, ended.set).start()
    with only_one(path, REFUSAL, wait_seconds=10):
        assert ended.is_set()
    thread.join()
