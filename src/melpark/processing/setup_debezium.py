"""The connector `melpark-connector`: registered over Connect's REST interface from engines/connect/."""

import json
import time
from dataclasses import dataclass
from string import Template
from typing import Any

import httpx

from melpark import contracts, loopback
from melpark.errors import RetryableError, StopError
from melpark.places import (
    CAPTURE_ROLE,
    CONNECTOR,
    DATABASE,
    ENGINES,
    HEARTBEAT,
    NOTIFICATIONS_TOPIC,
    PUBLICATION,
    SCHEMA,
    SIGNALS,
    SLOT,
    TOPIC_PREFIX,
    topic,
)
from melpark.processing import topics
from melpark.settings import Settings

TIMEOUT_SECONDS = 30
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class ConnectorStatus:
    """State of the connector and of its one task: RUNNING, PAUSED, FAILED, UNASSIGNED or MISSING."""

    connector: str
    task: str
    trace: str = ""

    @property
    def is_running(self) -> bool:
        return self.connector == "RUNNING" and self.task == "RUNNING"


def configuration(settings: Settings) -> dict[str, str]:
    """The connector's configuration; the password is a reference that the worker resolves."""
    text = (ENGINES / "connect" / f"{CONNECTOR}.json").read_text()
    filled = Template(text).substitute(
        postgres_host=settings.postgres_host,
        postgres_port=settings.postgres_port,
        database=DATABASE,
        user=CAPTURE_ROLE,
        topic_prefix=TOPIC_PREFIX,
        publication=PUBLICATION,
        slot=SLOT,
        tables=",".join(f"{SCHEMA}.{table.name}" for table in contracts.CAPTURED),
        # The whole key, for an incremental snapshot reads by it and keeps one row per key and chunk.
        key_columns=";".join(f"{SCHEMA}.{table.name}:{','.join(table.key)}" for table in contracts.CAPTURED),
        heartbeat=HEARTBEAT,
        signals=SIGNALS,
        notifications=NOTIFICATIONS_TOPIC,
        bay_partitions=topics.BAY_PARTITIONS,
        # Where the bay is the whole key, Kafka's own partitioner sends rows and tombstones alike.
        topics_by_bay="|".join(
            topic(table.name).replace(".", "[.]")
            for table in contracts.CAPTURED
            if table.is_by_bay and len(table.key) > 1
        ),
    )
    return {str(key): str(value) for key, value in json.loads(filled).items()}


def register(settings: Settings) -> str:
    """Create the connector, or put its configuration right. Returns `created`, `corrected: <keys>` or `unchanged`."""
    wanted = configuration(settings)
    answer = _call(settings, "GET", f"/connectors/{CONNECTOR}/config")
    current = {} if answer.status_code == httpx.codes.NOT_FOUND else _json(answer)
    current.pop("name", None)
    if current == wanted:
        return "unchanged"
    _json(_call(settings, "PUT", f"/connectors/{CONNECTOR}/config", wanted))
    if not current:
        return "created"
    differing = sorted(key for key in current.keys() | wanted.keys() if current.get(key) != wanted.get(key))
    return f"corrected: {', '.join(differing)}"


def status(settings: Settings) -> ConnectorStatus:
    """Ask Connect how the connector is."""
    answer = _call(settings, "GET", f"/connectors/{CONNECTOR}/status")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return ConnectorStatus("MISSING", "MISSING")
    body = _json(answer)
    tasks = body.get("tasks") or [{"state": "UNASSIGNED"}]
    trace = body["connector"].get("trace") or tasks[0].get("trace") or ""
    return ConnectorStatus(body["connector"]["state"], tasks[0]["state"], trace.partition("\n")[0])


def restart_failed(settings: Settings) -> str:
    """Restart the connector's failed parts. Returns what had failed, or an empty string.

    One that is stopped goes on too: whoever stopped it to drop its slot was ended before it could say so.
    """
    now = status(settings)
    if now.connector == "STOPPED":
        resume(settings)
        return "connector STOPPED: told to go on"
    if "FAILED" not in (now.connector, now.task):
        return ""
    _call(settings, "POST", f"/connectors/{CONNECTOR}/restart?includeTasks=true&onlyFailed=true")
    return f"connector {now.connector}, task {now.task}: {now.trace}"


def stop(settings: Settings) -> None:
    """Stop the connector and wait until its task has ended. Raises RetryableError when it does not."""
    _json(_call(settings, "PUT", f"/connectors/{CONNECTOR}/stop"))
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        body = _json(_call(settings, "GET", f"/connectors/{CONNECTOR}/status"))
        if body["connector"]["state"] == "STOPPED" and not body["tasks"]:
            return
        if time.monotonic() > deadline:
            raise RetryableError("The connector does not stop", str(body["tasks"])[:300], "Try again")
        time.sleep(LOOK_SECONDS)


def resume(settings: Settings) -> None:
    """Let a stopped connector run again."""
    _json(_call(settings, "PUT", f"/connectors/{CONNECTOR}/resume"))


def _call(settings: Settings, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response:
    try:
        answer = loopback.client().request(
            method, loopback.url(settings.connect_port, path), json=body, timeout=TIMEOUT_SECONDS
        )
    except httpx.HTTPError as error:
        raise RetryableError(
            "Kafka Connect does not answer",
            str(error) or type(error).__name__,
            "Is it running? See `melpark status`",
        ) from None
    # 409: the worker is rebalancing, 5xx: it is still starting. Without Connect's own words it is the web server in it
    # that answers, before Connect does or when it no longer does: such a 404 is no word about the connector.
    is_not_ready = answer.status_code == httpx.codes.CONFLICT or answer.is_server_error
    if is_not_ready or (answer.is_error and not _is_of_connect(answer)):
        why = f"HTTP {answer.status_code} {answer.text[:300]}".rstrip()
        raise RetryableError("Kafka Connect is not ready", why, "Try again")
    return answer


def _is_of_connect(answer: httpx.Response) -> bool:
    try:
        return "error_code" in answer.json()
    except (ValueError, TypeError):
        return False


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise StopError(
            f"Kafka Connect refused {answer.request.method} {answer.request.url.path}",
            answer.text[:500],
            "Mend engines/connect/ and register again",
        )
    return dict(answer.json()) if answer.content else {}
