"""One broker for the run; for each test its own topics, and servers that end with the test."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from integration.serving.broker import Broker
from integration.serving.change_log import ChangeLog
from integration.serving.running import RunningServer
from melpark.settings import Settings

NUMBERS = count(1)
StartServer = Callable[..., RunningServer]


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.format()
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def empty_log(broker: Broker) -> ChangeLog:
    """Names of topics that do not exist yet."""
    return ChangeLog(broker.bootstrap, f"test{next(NUMBERS)}")


@pytest.fixture
def log(broker: Broker, empty_log: ChangeLog) -> ChangeLog:
    create_topics(broker, empty_log)
    return empty_log


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts a server over a log; keyword arguments are the server's, `settings` are changes of settings."""
    started: list[RunningServer] = []

    def start(log: ChangeLog, settings: dict[str, Any] | None = None, **options: Any) -> RunningServer:
        server = RunningServer(Settings(**{"home": tmp_path, **(settings or {})}), log, **options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


def create_topics(broker: Broker, log: ChangeLog) -> None:
    for name in log.topics:
        is_by_bay = name == log.sensors_topic
        broker.create(name, 3 if is_by_bay else 1, **({"cleanup.policy": "compact"} if is_by_bay else {}))
