"""What is to be delivered, kept in one SQLite file of the home until the receiver has taken it.

A message is put in once, by its id, however often its alert is read; it leaves in the order in which it came. What
the receiver refuses for good is kept apart, with its answer, and does not hold up the others.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# What was delivered is remembered so long, for Kafka may tell it again.
REMEMBERED = timedelta(days=40)
TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    made_at TEXT NOT NULL,
    delivered_at TEXT,
    refused_at TEXT,
    answer TEXT
)
"""
VIEW = """
CREATE VIEW IF NOT EXISTS waiting AS
SELECT * FROM messages WHERE delivered_at IS NULL AND refused_at IS NULL ORDER BY number
"""


@dataclass(frozen=True)
class Message:
    """One thing to tell; `id` is the same however often it is sent."""

    id: str
    body: bytes


@dataclass(frozen=True)
class Counts:
    """Messages by what became of them; `oldest_at` of those that wait, by our clock."""

    delivered: int = 0
    waiting: int = 0
    refused: int = 0
    oldest_at: datetime | None = None


class Outbox:
    """Written by one process at a time. Times are our clock's."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A power loss may not take what Kafka was told to be done with.
        self._session = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._session.execute("PRAGMA journal_mode = WAL")
        self._session.execute("PRAGMA synchronous = FULL")
        self._session.execute(TABLE)
        self._session.execute(VIEW)

    def close(self) -> None:
        self._session.close()

    def put(self, id: str, body: Mapping[str, Any], now: datetime) -> bool:
        """Keep a message; False when one of this id was put in before."""
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        done = self._session.execute(
            "INSERT OR IGNORE INTO messages (id, body, made_at) VALUES (?, ?, ?)", (id, text, now.isoformat())
        )
        return done.rowcount == 1

    def next(self) -> Message | None:
        """The oldest message that waits."""
        row = self._session.execute("SELECT id, body FROM waiting LIMIT 1").fetchone()
        return Message(row[0], row[1].encode()) if row else None

    def delivered(self, message: Message, now: datetime) -> None:
        """The receiver has taken it. What was delivered long ago is forgotten."""
        self._session.execute(
            "UPDATE messages SET delivered_at = ? WHERE id = ?", (now.isoformat(), message.id)
        )
        self._session.execute(
            "DELETE FROM messages WHERE delivered_at < ?", ((now - REMEMBERED).isoformat(),)
        )

    def refused(self, message: Message, answer: str, now: datetime) -> None:
        """The receiver will never take it as it is: kept with its answer."""
        self._session.execute(
            "UPDATE messages SET refused_at = ?, answer = ? WHERE id = ?",
            (now.isoformat(), answer, message.id),
        )

    def retry_refused(self) -> int:
        """Let the refused ones wait again; returns how many."""
        return self._session.execute(
            "UPDATE messages SET refused_at = NULL, answer = NULL WHERE refused_at IS NOT NULL"
        ).rowcount

    def bodies_of(self, kind_of: str) -> list[dict[str, Any]]:
        """Bodies of the messages whose id begins with `kind_of`, oldest first."""
        rows = self._session.execute(
            "SELECT body FROM messages WHERE substr(id, 1, ?) = ? ORDER BY number", (len(kind_of), kind_of)
        )
        return [json.loads(body) for (body,) in rows]


def counts(file: Path) -> Counts | None:
    """How many messages there are; None without an outbox. Reads beside the process that writes."""
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as session:
            row = session.execute(
                "SELECT count(delivered_at), count(*) - count(delivered_at) - count(refused_at), "
                "count(refused_at), (SELECT min(made_at) FROM waiting) FROM messages"
            ).fetchone()
    except sqlite3.Error:
        return None
    return Counts(row[0], row[1], row[2], datetime.fromisoformat(row[3]) if row[3] else None)


def refusals(file: Path) -> list[tuple[str, str, str]]:
    """Id, time and the receiver's answer of each message that was refused for good, oldest first."""
    if not file.exists():
        return []
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as session:
        return list(
            session.execute(
                "SELECT id, refused_at, answer FROM messages WHERE refused_at IS NOT NULL ORDER BY number"
            )
        )


def our_clock() -> datetime:
    """Now by this machine."""
    return datetime.now(UTC)
