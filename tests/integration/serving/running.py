"""The real server on a free port, fed from real Kafka, and a reader of its event stream."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
import uvicorn
from fastapi import FastAPI

from integration.serving.change_log import ChangeLog
from melpark.places import STATIC_PAGE
from melpark.serving.app import create_app, our_clock
from melpark.serving.bays import Change
from melpark.serving.change_reader import ChangeReader, change_log
from melpark.serving.live import LiveState
from melpark.serving.live_answers import Answer, LiveAnswers, live_topics
from melpark.serving.stream import Stream
from melpark.settings import Settings

DEADLINE_SECONDS = 60.0
T = TypeVar("T")


@dataclass
class Event:
    name: str
    id: str | None
    data: Any


def until(ask: Callable[[], T], what: str) -> T:
    """Ask again and again for something true. Fails when the deadline passes."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            answer = ask()
        except httpx.TransportError:
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:.0f} s: {what}"
        time.sleep(0.02)


class RunningServer:
    """The app under uvicorn in a thread of this process."""

    def __init__(
        self,
        settings: Settings,
        log: ChangeLog,
        stream: Stream | None = None,
        port: int = 0,
        static_page: Path = STATIC_PAGE,
        with_answers: bool = False,
    ) -> None:
        self.live = LiveState(settings, stream)

        def start_reader(live: LiveState, loop: asyncio.AbstractEventLoop) -> ChangeReader[Change]:
            reader = ChangeReader(live, loop, log.bootstrap, our_clock, change_log(log.topic))
            reader.start()
            return reader

        def start_answers(answers: LiveAnswers, loop: asyncio.AbstractEventLoop) -> ChangeReader[Answer]:
            reader = ChangeReader(answers, loop, log.bootstrap, our_clock, live_topics(log.topic))
            reader.start()
            return reader

        app = create_app(
            settings,
            self.live,
            start_reader,
            static_page=static_page,
            start_answers=start_answers if with_answers else None,
        )
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def start(self) -> None:
        self._thread.start()
        until(lambda: self.client.get("/healthz").is_success, "the server is alive")

    def stop(self) -> None:
        """End it; a second call does nothing."""
        self.client.close()
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()

    def wait_until_ready(self) -> None:
        until(lambda: self.client.get("/readyz").is_success, "the server is ready")

    def bays(self, **filters: str | int) -> dict[str, dict[str, Any]]:
        answer = self.client.get("/api/v1/bays", params=filters).raise_for_status().json()
        return {bay["kerbside_id"]: bay for bay in answer["bays"]}

    def wait_for_bays(self, *ids: str) -> None:
        """Until the API lists these bays and no others."""

        def are_there() -> bool:
            answer = self.client.get("/api/v1/bays")
            return answer.is_success and {bay["kerbside_id"] for bay in answer.json()["bays"]} == set(ids)

        until(are_there, f"the API lists {ids}")

    @contextmanager
    def stream(self, last_event_id: str | None = None, **filters: Any) -> Iterator[Iterator[Event]]:
        """Events of a new connection, heartbeats left out."""
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        with (
            httpx.Client(base_url=self.url, timeout=30) as client,
            client.stream("GET", "/api/v1/stream", headers=headers, params=filters) as response,
        ):
            response.raise_for_status()
            yield (event for event in read_events(response.iter_lines()) if event.name != "source")


def read_events(lines: Iterator[str]) -> Iterator[Event]:
    """Server-sent events from the lines of an answer."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    fields: dict[str, str] = {}
    for line in lines:
        assert time.monotonic() < deadline, "the stream did not bring what was waited for"
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Event(fields.get("event", ""), fields.get("id"), orjson.loads(fields.get("data", "null")))
            fields = {}


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """An app under uvicorn in a thread of this process, at the address given."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        until(lambda: httpx.get(f"{url}/healthz").is_success, "the server is alive")
        yield url
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
