"""Rows of `parking.polls` and `parking.rejected_records`: what a poll left, and what the last one left."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import REJECTED_RECORDS
from melpark.ingestion import staging
from melpark.ingestion.answer_digest import AnswerDigest
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.sources import Reason
from melpark.places import SCHEMA

# What is kept of an answer that cannot be read at all.
UNREADABLE_BYTES = 1000


@dataclass(frozen=True)
class Outcome:
    """What became of one answer; counts are None where the answer was refused before they were known."""

    dataset: str
    outcome: str
    reason: str | None
    observed_at: datetime
    feed_updated_at: datetime | None = None
    records: int | None = None
    kept: int | None = None
    changed: int | None = None
    rejected: int | None = None
    note: str | None = None
    poll_id: int | None = None


@dataclass(frozen=True)
class LastPoll:
    """The last accepted live poll of a dataset."""

    poll_id: int
    digest: AnswerDigest
    records: int | None
    kept: int | None
    rejected: int | None


def last_etag(cursor: Cursor[TupleRow], dataset: str) -> str | None:
    """The ETag of the dataset's last committed poll, None when another version of the parser read that poll."""
    row = cursor.execute(
        """
        SELECT etag, body_digest FROM parking.polls
        WHERE dataset = %s AND outcome <> 'failed' AND origin = 'live'
        ORDER BY poll_id DESC LIMIT 1
        """,
        [dataset],
    ).fetchone()
    return row[0] if row and AnswerDigest.read(row[1]).is_of_this_parser else None


def last_accepted(cursor: Cursor[TupleRow], dataset: str) -> LastPoll | None:
    row = cursor.execute(
        """
        SELECT poll_id, body_digest, records, kept, rejected FROM parking.polls
        WHERE dataset = %s AND outcome = 'accepted' AND origin = 'live'
        ORDER BY poll_id DESC LIMIT 1
        """,
        [dataset],
    ).fetchone()
    return LastPoll(row[0], AnswerDigest.read(row[1]), *row[2:]) if row else None


def newest_accepted(cursor: Cursor[TupleRow], dataset: str) -> datetime | None:
    """The newest `observed_at` of an accepted live poll."""
    return _one_time(
        cursor,
        """
        SELECT max(observed_at) FROM parking.polls
        WHERE dataset = %s AND outcome = 'accepted' AND origin = 'live'
        """,
        dataset,
    )


def newest_feed_time(cursor: Cursor[TupleRow], dataset: str) -> datetime | None:
    """The newest `feed_updated_at` of an accepted poll, seeded ones too."""
    return _one_time(
        cursor,
        "SELECT max(feed_updated_at) FROM parking.polls WHERE dataset = %s AND outcome = 'accepted'",
        dataset,
    )


def is_noted(cursor: Cursor[TupleRow], dataset: str, text: str) -> bool:
    """Whether the note of an earlier poll of the dataset holds the text."""
    row = cursor.execute(
        "SELECT EXISTS (SELECT FROM parking.polls WHERE dataset = %s AND strpos(note, %s) > 0)",
        [dataset, text],
    ).fetchone()
    return bool(row and row[0])


def _one_time(cursor: Cursor[TupleRow], query: str, dataset: str) -> datetime | None:
    row = cursor.execute(query.encode(), [dataset]).fetchone()
    return row[0] if row else None


def draw_poll_id(cursor: Cursor[TupleRow]) -> int:
    """The number of a poll whose row comes at the end of the transaction; lost when that is rolled back."""
    row = cursor.execute("SELECT nextval('parking.polls_poll_id_seq')").fetchone()
    return int(cast(TupleRow, row)[0])


def add_failed(
    cursor: Cursor[TupleRow],
    dataset: str,
    reason: str,
    started_at: datetime,
    received_at: datetime,
    finished_at: datetime,
) -> int:
    """A row for an attempt that brought no complete answer; it has no ETag. Gives its number."""
    row = cursor.execute(
        """
        INSERT INTO parking.polls
            (dataset, outcome, reason, started_at, received_at, origin, finished_at)
        VALUES (%s, 'failed', %s, %s, %s, 'live', %s)
        RETURNING poll_id
        """,
        [dataset, reason, started_at, received_at, finished_at],
    ).fetchone()
    return int(cast(TupleRow, row)[0])


def add_poll(
    cursor: Cursor[TupleRow], answer: Answer, digest: AnswerDigest, outcome: Outcome, finished_at: datetime
) -> None:
    """A row for a complete answer, under the number that was drawn for it."""
    cursor.execute(
        """
        INSERT INTO parking.polls (
            poll_id, dataset, outcome, reason, etag, observed_at, feed_updated_at, started_at, received_at,
            body_bytes, records, kept, changed, rejected, origin, finished_at, body_digest, note
        ) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'live', %s, %s, %s)
        """,
        [
            outcome.poll_id,
            answer.dataset,
            outcome.outcome,
            outcome.reason,
            answer.etag,
            answer.observed_at,
            outcome.feed_updated_at,
            answer.started_at,
            answer.received_at,
            answer.body.size,
            outcome.records,
            outcome.kept,
            outcome.changed,
            outcome.rejected,
            finished_at,
            str(digest),
            outcome.note,
        ],
    )


def add_unreadable(cursor: Cursor[TupleRow], answer: Answer, poll_id: int) -> None:
    """Keep the beginning of an answer that cannot be read at all."""
    head = answer.body.head(UNREADABLE_BYTES).decode(errors="replace")
    columns = [column for column in REJECTED_RECORDS.columns if column.name != "rejected_id"]
    row = (poll_id, answer.dataset, "parse", Reason.NOT_JSON.value, None, head, answer.received_at, None)
    staging.copy(cursor, sql.Identifier(SCHEMA, REJECTED_RECORDS.name), columns, [row])


def add_rejected(cursor: Cursor[TupleRow], answer: Answer, poll_id: int, most: int | None) -> None:
    """Keep the staged rejects of an answer, the first `most` of them."""
    cursor.execute(
        """
        INSERT INTO parking.rejected_records
            (poll_id, dataset, step, reason, record_key, payload, rejected_at, field)
        SELECT %s, %s, step, reason, record_key, payload, %s, field
        FROM refused_records
        ORDER BY place
        LIMIT %s
        """,
        [poll_id, answer.dataset, answer.received_at, most],
    )
