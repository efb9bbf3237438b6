"""Playing captures through a stack, and what the lake and PostgreSQL hold afterwards."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from deltalake import DeltaTable

from e2e.stack.running import Stack
from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES
from melpark.places import Home
from melpark.processing.tables import SILVER

# In PostgreSQL and in silver under the same name.
TABLES = tuple(table.contract.name for table in SILVER)
HISTORIES = (SENSOR_EVENTS.name, SENSOR_STATES.name, FEED_OUTAGES.name, POLLS.name)
REPLAY_SECONDS = 900.0
STILL_SECONDS = 60.0


def replay_to_the_end(stack: Stack, capture: Path) -> None:
    """`up --until-done` on the empty home, which has ended.

    The calendar of the plates is short: 13 weeks of the City's are four fifths of all that goes through the stack.
    """
    stack.environment |= {"MELPARK_RULE_WEEKS_BEFORE": "1", "MELPARK_RULE_WEEKS_AFTER": "1"}
    answer = stack.melpark(
        "up", "--source", "replay", "--capture", str(capture), "--speed", "0", "--until-done"
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    stack.said = answer.stdout


def replayed_twice(stack: Stack, capture: Path) -> None:
    """A replay to its end, what silver then holds is kept; then `up --again`, left running."""
    replay_to_the_end(stack, capture)
    stack.first_events = silver_events(stack.home)
    stack.first_rows = rows_in_silver(stack.home)
    stack.environment |= {
        "MELPARK_SOURCE": "replay",
        "MELPARK_CAPTURE_DIR": str(capture),
        "MELPARK_SPEED": "0",
    }
    stack.start("--again")
    wait_until_drained(stack)


def wait_until_drained(stack: Stack) -> None:
    """Wait until the whole replay was acknowledged and silver holds what PostgreSQL holds."""
    stack.wait_for("end of the replay", lambda status: is_done(stack), REPLAY_SECONDS)
    stack.wait_for("the newest poll in silver", lambda status: is_drained(stack), REPLAY_SECONDS)
    _wait_while_silver_grows(stack)


def _wait_while_silver_grows(stack: Stack) -> None:
    """A batch of silver that ends within a commit of bronze brings a poll before the rest of that commit.

    Ends when silver holds as many rows as PostgreSQL or, for what lacks rows is to be found, has long been the same.
    """
    held: dict[str, int] = {}
    changed_at = time.monotonic()
    while (there := rows_in_silver(stack.home, HISTORIES)) != rows_in_postgres(stack, HISTORIES):
        if there != held:
            held, changed_at = there, time.monotonic()
        if time.monotonic() - changed_at > STILL_SECONDS:
            return
        time.sleep(1)


def is_done(stack: Stack) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{stack.settings.source_port}/healthz", timeout=5)
        return bool(answer.json()["is_done"])
    except (httpx.HTTPError, ValueError):
        return False


def is_drained(stack: Stack) -> bool:
    if not (Home(stack.home).silver("polls") / "_delta_log").exists():
        return False
    try:
        newest = stack.postgres("SELECT max(poll_id) FROM parking.polls")[0][0]
    except psycopg.OperationalError:
        return False
    polls = table(stack.home, "polls", ["poll_id"])
    return bool(polls) and max(row["poll_id"] for row in polls) == newest


def rows_in_postgres(stack: Stack, tables: Iterable[str] = TABLES) -> dict[str, int]:
    return {name: stack.postgres(f"SELECT count(*) FROM parking.{name}")[0][0] for name in tables}


def rows_in_silver(home: Path, tables: Iterable[str] = TABLES) -> dict[str, int]:
    return {name: DeltaTable(Home(home).silver(name)).count() for name in tables}


def table(home: Path, name: str, columns: list[str]) -> list[dict[str, Any]]:
    rows = DeltaTable(Home(home).silver(name)).to_pyarrow_table(columns=columns).to_pylist()
    return list(rows)


def silver_events(home: Path) -> list[tuple[str, datetime, str]]:
    """Every row of silver.sensor_events, sorted: a list, so that a row that is there twice shows."""
    rows = table(home, "sensor_events", ["kerbside_id", "status_changed_at", "status"])
    return sorted(
        (row["kerbside_id"], row["status_changed_at"].astimezone(UTC), row["status"]) for row in rows
    )
