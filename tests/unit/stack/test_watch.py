"""Laws of the watch over parts that others started: it tells by the same document, without what it cannot know."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from melpark.errors import RetryableError
from melpark.places import Home
from melpark.serving.stack_metrics import StackCollector
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import part, plan, postgres, watch
from melpark.stack.declaration import Engine, UnhealthyError
from melpark.stack.stages import Measurement, Probe


class Engines:
    """The plan's engines, each as well as it is said to be."""

    def __init__(self, settings: Settings) -> None:
        self.ill: set[str] = set()
        self.nodes = tuple(
            replace(node, check=partial(self.check, node.name)) if isinstance(node, Engine) else node
            for node in plan.nodes(settings)
        )

    def check(self, name: str) -> None:
        if name in self.ill:
            raise UnhealthyError("no answer")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home")
    part.run(made, part.HOME)
    return made


@pytest.fixture
def engines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Engines:
    found = Engines(settings)
    monkeypatch.setattr(plan, "nodes", lambda _: found.nodes)

    def as_reader(_: Settings, role: str, database: str) -> None:
        assert (role, database) == ("melpark_reader", "melpark")
        found.check("postgres")

    monkeypatch.setattr(postgres, "check", as_reader)
    return found


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    held = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in held.items():
        signal.signal(number, handler)


def test_an_engine_is_as_its_own_check_says_and_all_are_ready_once_each_was(
    settings: Settings, engines: Engines
) -> None:
    engines.ill = {"kafka"}
    watched = watch.Watched(settings)
    watched.look()
    states = {name: status.state for name, status in watched.statuses.items()}
    assert {name for name, state in states.items() if state != "running"} == {"kafka"}
    assert not watched.all_ready
    engines.ill = set()
    watched.look()
    assert watched.all_ready
    engines.ill = {"server"}
    watched.look()
    # As with the supervisor: what was ready once and is away is a fault and no start.
    assert watched.all_ready
    assert watched.statuses["server"].detail == "no answer"


def test_what_it_found_is_told_to_prometheus_without_what_it_cannot_know(
    settings: Settings, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: object) -> Measurement:
        os.kill(os.getpid(), signal.SIGTERM)
        return Measurement()

    engines.ill = {"spark"}
    monkeypatch.setattr(Probe, "measure", measure)
    with pytest.raises(RetryableError, match="watch is not healthy"):
        part.check(settings, part.WATCH)
    part.run(settings, part.WATCH)
    part.check(settings, part.WATCH)

    home = Home(settings.home)
    told = {metric.name: metric.samples for metric in StackCollector(home).collect()}
    assert [sample.value for sample in told["melpark_stack_up"]] == [1]
    up = {sample.labels["engine"]: sample.value for sample in told["melpark_engine_up"]}
    assert up == {name: float(name != "spark") for name in watch.Watched(settings).statuses}
    assert told["melpark_engine_restarts"] == told["melpark_engine_memory_bytes"] == []
    written = json.loads(home.status.read_text())["written_at"]
    assert datetime.fromisoformat(written) <= datetime.now(UTC)
    assert homes.running_pid(home) is None
