"""Whoever makes gold is alone on its home."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from melpark.places import Home
from melpark.processing import gold
from melpark.settings import Settings

LONGEST_WAIT = 20


def test_of_two_builds_at_once_the_second_says_that_it_waits_and_then_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    Home(tmp_path).lake.mkdir()
    begun, said, turns = threading.Event(), list[str](), list[str]()
    waits = threading.Event()

    def tell(message: str) -> None:
        said.append(message)
        waits.set()

    def make(*_: object) -> None:
        turns.append("begins")
        begun.set()
        # The first build takes until the second one has said something.
        waits.wait(LONGEST_WAIT)
        turns.append("ends")

    monkeypatch.setattr(gold.log, "info", tell)
    monkeypatch.setattr(gold, "_make", make)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(gold.run, settings)
        assert begun.wait(LONGEST_WAIT)
        second = pool.submit(gold.run, settings)
        for build in (first, second):
            build.result(LONGEST_WAIT)

    assert said == ["Another build of gold runs on this home; waiting for it"]
    assert turns == ["begins", "ends"] * 2
