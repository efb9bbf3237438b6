"""MelPark's own processes: each is one `melpark` command."""

import os
import sys
from pathlib import Path

import httpx

from melpark import loopback
from melpark.places import Home
from melpark.settings import PREFIX, Settings
from melpark.stack.declaration import Command, Engine, UnhealthyError

# Whoever needs a secret is given it, nobody else.
SECRETS_OF = {
    "ingest": ("portal_api_key",),
    "alerts": ("alert_webhook_url", "alert_webhook_secret"),
}


def source(settings: Settings) -> Engine:
    return Engine(
        name="source",
        command=lambda: melpark(settings, "simulate"),
        check=lambda: _get(settings.source_port, "/healthz"),
        ports={settings.source_port: "source_port"},
        memory_limit_mebibytes=512,
    )


def poller(settings: Settings) -> Engine:
    needs = ("migrate",) if settings.source == "portal" else ("migrate", "source")
    return Engine(
        name="poller",
        command=lambda: melpark(settings, "ingest"),
        check=_alive,
        needs=needs,
        memory_limit_mebibytes=512,
    )


def streams(settings: Settings) -> Engine:
    return Engine(
        name="streams",
        command=lambda: melpark(settings, "stream"),
        prepare=lambda: _ready_file(settings).unlink(missing_ok=True),
        check=lambda: _exists(_ready_file(settings), "its queries do not run yet"),
        needs=("topics", "catalogue"),
        memory_limit_mebibytes=768,
        start_seconds=180,
        stop_seconds=4,
    )


def scheduler(settings: Settings) -> Engine:
    return Engine(
        name="scheduler",
        command=lambda: melpark(settings, "schedule", "--no-polls"),
        check=_alive,
        # Its first build would take the cores from the streams' own start.
        needs=("streams",),
        memory_limit_mebibytes=1024,
        # A build in the middle may be ended: its tables change in one commit each.
        stop_seconds=2,
    )


def alerts(settings: Settings) -> Engine:
    return Engine(
        name="alerts",
        command=lambda: melpark(settings, "alerts", "deliver"),
        check=_alive,
        needs=("topics",),
        memory_limit_mebibytes=256,
    )


def live(settings: Settings) -> Engine:
    """Lets Flink run its jobs, again after a loss."""
    ready = Home(settings.home.resolve()).live_ready
    return Engine(
        name="live",
        command=lambda: melpark(settings, "live", "run"),
        prepare=lambda: ready.unlink(missing_ok=True),
        check=lambda: _exists(ready, "Flink does not run every job yet"),
        needs=("jobmanager", "taskmanager", "topics"),
        ports={settings.flink_gateway_port: "flink_gateway_port"},
        # With the SQL gateway that it starts to submit them.
        memory_limit_mebibytes=1280,
        start_seconds=900,
        stop_seconds=1,
    )


def server(settings: Settings) -> Engine:
    return Engine(
        name="server",
        command=lambda: melpark(settings, "serve"),
        check=lambda: _get(settings.serve_port, "/healthz"),
        needs=("topics", "migrate"),
        ports={settings.serve_port: "serve_port"},
        memory_limit_mebibytes=768,
    )


def melpark(settings: Settings, *arguments: str) -> Command:
    """One `melpark` command with these settings."""
    own = settings.environment(secrets=SECRETS_OF.get(arguments[0], ()))
    environment = own | {
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        f"{PREFIX}LOG_FORMAT": "json",
    }
    # An empty folder of settings: everything comes from the environment, not from a melpark.toml nearby.
    return Command((sys.executable, "-m", "melpark", *arguments), environment, directory=Path(os.sep))


def _alive() -> None:
    """The process has no port of its own: what it does shows as the lag of its stage."""


def _ready_file(settings: Settings) -> Path:
    return Home(settings.home.resolve()).streams_ready


def _exists(file: Path, otherwise: str) -> None:
    if not file.exists():
        raise UnhealthyError(otherwise)


def _get(port: int, path: str) -> None:
    try:
        loopback.client().get(loopback.url(port, path)).raise_for_status()
    except httpx.HTTPError as error:
        raise UnhealthyError(str(error) or type(error).__name__) from None
