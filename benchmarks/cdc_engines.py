"""Some of the stack's engines, supervised as by `melpark up` but in this process, on a home and ports of their own."""

import asyncio
import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from e2e.stack.running import PORTS
from melpark import secrets
from melpark.places import DATABASE, SUPERUSER, Home
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import plan
from melpark.stack.declaration import Engine
from melpark.stack.supervisor import Supervisor
from plugins.ports import free_ports

CAPTURE = ("postgres", "migrate", "kafka", "topics", "connect", "connector")
LAKE = ("spark", "catalogue", "streams")
START_SECONDS = 300.0


def settings_for(home: Path) -> Settings:
    """A new home with free ports. The source is never asked: the benchmark writes the changes itself."""
    ports = {f"{name}_port": port for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    settings = Settings.model_validate({"home": home, "history_days": 0, **ports})
    homes.prepare(settings, again=False)
    return settings


class Engines:
    """A part of the stack's plan, run by a supervisor of its own in a thread of its own."""

    def __init__(self, settings: Settings, names: tuple[str, ...]) -> None:
        chosen = [node for node in plan.nodes(settings) if node.name in names]
        # What another part has started already is there.
        self._nodes = tuple(
            dataclasses.replace(node, needs=tuple(need for need in node.needs if need in names))
            for node in chosen
        )
        self._logs = Home(settings.home).logs
        self._supervisor: Supervisor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while self._supervisor is None or not self._supervisor.all_ready:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                waiting = self._supervisor.waiting_for if self._supervisor else []
                raise SystemExit(f"not ready: {waiting}; {self._failure!r}; see the logs in {self._logs}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)

    def pid(self, name: str) -> int | None:
        """Of a running engine; None while it is started again."""
        assert self._supervisor is not None
        status = self._supervisor.statuses[name]
        return status.pid if status.state == "running" else None

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time that each running engine and its children have used so far."""
        return {name: cpu_seconds_of(pid) for name in self.names if (pid := self.pid(name)) is not None}

    @property
    def names(self) -> list[str]:
        return [node.name for node in self._nodes if isinstance(node, Engine)]

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._failure = error

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._supervisor = Supervisor(self._nodes, self._logs)
        await self._supervisor.run(self._until_the_end())

    async def _until_the_end(self) -> None:
        await self._end.wait()


def cpu_seconds_of(pid: int) -> float:
    """Of a process and its children, those that have ended included."""
    total = 0.0
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return total
    for process in family:
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


@contextmanager
def running(settings: Settings, names: tuple[str, ...]) -> Iterator[Engines]:
    engines = Engines(settings, names)
    try:
        engines.start()
        yield engines
    finally:
        engines.stop()


def connect(settings: Settings) -> "psycopg.Connection[Any]":
    """A session that commits each statement."""
    return psycopg.connect(
        host="127.0.0.1",
        port=settings.postgres_port,
        dbname=DATABASE,
        user=SUPERUSER,
        password=secrets.password(settings.home, SUPERUSER),
        autocommit=True,
    )
