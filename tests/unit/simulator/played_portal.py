"""A played portal without a network and with a clock of its own, and captures made by the test."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from melpark.contracts import SENSORS
from melpark.settings import Settings
from melpark.simulator.answers import Clock
from melpark.simulator.capture import write_file
from melpark.simulator.quota import Quota
from melpark.simulator.server import CATALOG, create_app

FIRST = datetime(2025, 8, 5, 5, 19, 39, tzinfo=UTC)
START = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)


@dataclass
class FakeTime:
    """Our clock; to sleep is to move it."""

    at: datetime = START
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.at, self.sleep)


class PlayedPortal:
    """Asks the application as the poller does: one process of the server."""

    def __init__(
        self,
        settings: Settings,
        time: FakeTime | None = None,
        quota: Quota | None = None,
        truth: Path | None = None,
    ) -> None:
        self.time = time or FakeTime()
        self.app = create_app(settings, self.time.clock, quota, truth)

    def export(self, etag: str | None = None, dataset: str = SENSORS.dataset, **query: str) -> httpx.Response:
        headers = {"If-None-Match": etag} if etag else {}
        return self.get(f"{CATALOG}/{dataset}/exports/json", query, headers)

    def records(
        self,
        dataset: str = SENSORS.dataset,
        query: Mapping[str, str | int] | None = None,
        **more: str | int,
    ) -> httpx.Response:
        return self.get(f"{CATALOG}/{dataset}/records", {**(query or {}), **more})

    def health(self) -> Mapping[str, Any]:
        health: Mapping[str, Any] = self.get("/healthz").json()
        return health

    def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
                return await client.get(path, params=query, headers=headers)

        return asyncio.run(ask())


def replayed(capture: Path, **settings: Any) -> Settings:
    return Settings.model_validate({"source": "replay", "capture_dir": capture, "speed": 0} | settings)


def make_capture(folder: Path, polls: int = 3, gap: timedelta = timedelta(minutes=12)) -> Path:
    """Sensors with one record a poll, whose `poll` is the poll's number."""
    for number in range(polls):
        write_file(folder, SENSORS.dataset, FIRST + number * gap, json.dumps([{"poll": number}]).encode())
    return folder


def add_file(folder: Path, name: str, content: Any, dataset: str = SENSORS.dataset) -> Path:
    """A file of any name; bytes go in as they are."""
    path = folder / dataset / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else gzip.compress(json.dumps(content).encode()))
    return path


def date_of(response: httpx.Response) -> datetime:
    return parsedate_to_datetime(response.headers["Date"])
