"""Kafka Connect with Debezium: one distributed worker."""

import logging
import time
from pathlib import Path

import httpx

from melpark import loopback, secrets
from melpark.errors import MelParkError
from melpark.places import CAPTURE_ROLE, Home
from melpark.processing import setup_debezium
from melpark.processing.capture import guard
from melpark.settings import Settings
from melpark.stack import java, templates
from melpark.stack.declaration import Command, Engine, UnhealthyError
from melpark.stack.kafka import QUIET

HEAP_MEBIBYTES = 512


log = logging.getLogger(__name__)
GUARD_EVERY_SECONDS = 10.0


def engine(settings: Settings) -> Engine:
    guard = _Guard(settings)
    return Engine(
        name="connect",
        command=lambda: _command(settings),
        check=lambda: _check(settings, guard),
        prepare=lambda: _prepare(settings),
        # The guard compares them before the connector goes on.
        needs=("kafka", "migrate"),
        ports={settings.connect_port: "connect_port"},
        memory_limit_mebibytes=1280,
    )


def _properties(settings: Settings) -> Path:
    return Home(settings.home).engine("connect").resolve() / "worker.properties"


def _prepare(settings: Settings) -> None:
    text = templates.render(
        "connect/worker.properties", bootstrap=f"127.0.0.1:{settings.kafka_port}", port=settings.connect_port
    )
    templates.write(_properties(settings), text)
    guard.look_before_start(settings)


def _command(settings: Settings) -> Command:
    arguments = java.command(
        "connect",
        "org.apache.kafka.connect.cli.ConnectDistributed",
        (str(_properties(settings)),),
        HEAP_MEBIBYTES,
        QUIET,
        # A change costs a quarter less: 6.3 instead of 8.4 CPU seconds per 100,000 (docs/benchmarks.md).
        is_optimised=True,
    )
    environment = {"MELPARK_CAPTURE_PASSWORD": secrets.password(settings.home, CAPTURE_ROLE)}
    return Command(arguments, environment, directory=_properties(settings).parent)


class _Guard:
    """Looks after capture every few checks; what it finds is in the record and the log, not in Connect's health."""

    def __init__(self, settings: Settings) -> None:
        self._guard = guard.Guard(settings)
        self._due = 0.0

    def look(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + GUARD_EVERY_SECONDS
        try:
            self._guard.look()
        except MelParkError as error:
            log.warning("Capture is not looked after now: %s", error)


def _check(settings: Settings, guard: _Guard) -> None:
    """The worker answers, and no task of a registered connector has failed; a failed one is started again."""
    try:
        answer = loopback.client().get(loopback.url(settings.connect_port, "/connectors"))
        answer.raise_for_status()
        if answer.json() and (failed := setup_debezium.restart_failed(settings)):
            raise UnhealthyError(failed)
        if answer.json():
            guard.look()
    except httpx.HTTPError as error:
        raise UnhealthyError(str(error) or type(error).__name__) from None
