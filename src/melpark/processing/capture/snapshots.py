"""Incremental snapshots: rows of a table are read and written to its topic again while streaming goes on."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psycopg

from melpark import contracts
from melpark.errors import ConfigurationError, RetryableError, StopError
from melpark.ingestion.database import connect, first_line
from melpark.places import SCHEMA, SIGNALS
from melpark.processing.capture.connector_log import ConnectorLog, Notification
from melpark.settings import Settings

LOOK_SECONDS = 0.5
# A chunk takes a fraction of a second; a connector that says nothing for so long does not run.
SILENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Request:
    """Tables to read again, each with a condition on its rows (SQL; empty for all of them)."""

    id: str
    conditions: dict[str, str]

    @classmethod
    def of(cls, tables: Iterable[str], condition: str = "", id: str | None = None) -> "Request":
        """Raises ConfigurationError for a table that is not captured."""
        names = list(dict.fromkeys(tables))
        captured = [table.name for table in contracts.CAPTURED]
        if unknown := [name for name in names if name not in captured]:
            raise ConfigurationError(
                f"No captured table is called {', '.join(unknown)}", "", f"Name one of {', '.join(captured)}"
            )
        return cls(id or f"snapshot-{uuid.uuid4().hex[:12]}", dict.fromkeys(names, condition))

    @classmethod
    def of_conditions(cls, conditions: dict[str, str]) -> "Request":
        """Each table with a condition of its own."""
        return cls(cls.of(conditions).id, conditions)

    @property
    def data(self) -> str:
        """What Debezium wants to be told."""
        return json.dumps(
            {
                "type": "incremental",
                "data-collections": [f"{SCHEMA}.{name}" for name in self.conditions],
                "additional-conditions": [
                    {"data-collection": f"{SCHEMA}.{name}", "filter": condition}
                    for name, condition in self.conditions.items()
                    if condition
                ],
            }
        )


def ask(settings: Settings, request: Request) -> None:
    """Put the request where the connector sees it; one of the same id that was put there before stands.

    The log keeps it for a connector that is down. Raises RetryableError when PostgreSQL does not take it,
    ConfigurationError when a condition is no SQL.
    """
    with connect(settings, application_name="melpark capture") as session, session.transaction():
        _require_conditions(session, request)
        session.execute(
            f"INSERT INTO {SIGNALS} (id, type, data) VALUES (%s, 'execute-snapshot', %s) ON CONFLICT DO NOTHING",
            [request.id, request.data],
        )


def forget(settings: Settings, requests: Sequence[str]) -> None:
    """Remove answered requests."""
    with connect(settings, application_name="melpark capture") as session:
        session.execute(f"DELETE FROM {SIGNALS} WHERE id = ANY (%s)", [list(requests)])


def take(settings: Settings, request: Request, tell: Callable[[Notification], None]) -> int:
    """Ask for the snapshot, tell of each step, and return the rows read when it is done.

    Raises RetryableError when the connector stays silent, StopError when it could not read a table.
    """
    with ConnectorLog(settings) as log:
        log.catch_up()
        ask(settings, request)
        rows = _follow(log, request, tell)
    forget(settings, [request.id])
    return rows


def _follow(log: ConnectorLog, request: Request, tell: Callable[[Notification], None]) -> int:
    rows = 0
    failures = []
    deadline = time.monotonic() + SILENCE_SECONDS
    while True:
        for notification in log.catch_up():
            if notification.id != request.id:
                continue
            deadline = time.monotonic() + SILENCE_SECONDS
            tell(notification)
            if notification.step == "TABLE_SCAN_COMPLETED":
                rows += int(notification.details.get("total_rows_scanned", 0))
                failures += [notification.failure] if notification.failure else []
            if notification.step in ("COMPLETED", "ABORTED"):
                if failures or notification.step == "ABORTED":
                    raise StopError(
                        f"Snapshot {request.id} of {', '.join(request.conditions)} failed",
                        ", ".join(failures) or "it was aborted",
                        "See `melpark logs connect`",
                    )
                return rows
        if time.monotonic() > deadline:
            raise RetryableError(
                f"The connector does not take up snapshot {request.id}",
                f"it said nothing for {SILENCE_SECONDS:.0f} s",
                "Does it run? See `melpark cdc status`",
            )
        time.sleep(LOOK_SECONDS)


def _require_conditions(session: "psycopg.Connection[tuple[object, ...]]", request: Request) -> None:
    """A condition that is no SQL would only show in Connect's log."""
    for name, condition in request.conditions.items():
        try:
            with session.transaction():
                # Prepared, it can be one statement only.
                session.execute(
                    f"EXPLAIN SELECT FROM {SCHEMA}.{name} WHERE {condition or 'true'}".encode(), prepare=True
                )
        except psycopg.Error as error:
            raise ConfigurationError(
                f"The condition on {name} cannot be used", first_line(error), "Mend it"
            ) from None
