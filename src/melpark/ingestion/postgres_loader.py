"""One answer, one transaction: present, history, refusals and the poll's own row are committed together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import orjson
import psycopg
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import REFERENCES, REJECTED_RECORDS, SENSORS, Table
from melpark.errors import RefusedError, RetryableError, StopError
from melpark.ingestion import rule_load, sensor_load, staging
from melpark.ingestion.database import connect, first_line
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.reference_load import load_reference
from melpark.ingestion.sources import PARSERS, Parsed, Rejected
from melpark.places import SCHEMA
from melpark.settings import Settings

LOCK = 0x6D656C7061726B
# A poller that was killed leaves its session for a moment.
LOCK_TIMEOUT = "10s"
TABLES: dict[str, Table] = {table.dataset: table for table in (SENSORS, *REFERENCES)}


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


@dataclass
class _Work:
    """What is known of an answer while it is loaded, also when it ends in a refusal."""

    records: int | None = None
    feed_updated_at: datetime | None = None
    parsed: Parsed | None = None
    contradicting: list[Rejected] = field(default_factory=list)

    @property
    def rejected(self) -> list[Rejected]:
        return [*(self.parsed.rejected if self.parsed else ()), *self.contradicting]

    @property
    def kept(self) -> int | None:
        return len(self.parsed.kept) - len(self.contradicting) if self.parsed else None


class PostgresLoader:
    """The only writer of schema `parking`: a session of its own, opened when needed, that holds the lock."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection[TupleRow] | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def last_etag(self, dataset: str) -> str | None:
        """The ETag of the dataset's last committed poll, for If-None-Match."""
        with self._transaction() as cursor:
            row = cursor.execute(
                """
                SELECT etag FROM parking.polls
                WHERE dataset = %s AND outcome <> 'failed' AND origin = 'live'
                ORDER BY poll_id DESC LIMIT 1
                """,
                [dataset],
            ).fetchone()
        return row[0] if row else None

    def load(self, answer: Answer) -> Outcome:
        """Load one answer, whole or not at all, and leave its row in `polls`.

        Raises RetryableError when PostgreSQL goes away (then nothing, or all, was committed), RefusedError when
        it does not take the rows (then nothing was), StopError when another poller is running.
        """
        with self._transaction() as cursor:
            work = _Work()
            changed, reason = None, None
            try:
                changed = self._apply(cursor, answer, work)
                rule_load.keep(cursor, answer.dataset, answer.observed_at, self._settings)
            except RefusedError as error:
                reason = error.what
            outcome = Outcome(
                answer.dataset,
                "accepted" if reason is None else "refused",
                reason,
                answer.observed_at,
                work.feed_updated_at,
                work.records,
                work.kept,
                changed,
                len(work.rejected) if work.parsed else None,
            )
            poll_id = _add_poll(cursor, answer, outcome)
            _add_rejected(cursor, answer, poll_id, work)
        return outcome

    def record_failure(self, dataset: str, reason: str, started_at: datetime, received_at: datetime) -> None:
        """Leave a row for an attempt that brought no complete answer; it has no ETag."""
        with self._transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO parking.polls (dataset, outcome, reason, started_at, received_at, origin)
                VALUES (%s, 'failed', %s, %s, %s, 'live')
                """,
                [dataset, reason, started_at, received_at],
            )

    def _apply(self, cursor: Cursor[TupleRow], answer: Answer, work: _Work) -> int:
        """Write what the answer changes. Raises RefusedError before anything but temporary tables is written."""
        records = json_array(answer.body)
        work.records = len(records)
        newest = _newest_accepted(cursor, answer.dataset)
        if newest is not None and answer.observed_at < newest:
            raise RefusedError(f"older than the poll of {newest:%Y-%m-%dT%H:%M:%SZ}")
        work.parsed = parsed = PARSERS[answer.dataset](records, answer.observed_at)
        if answer.dataset == SENSORS.dataset:
            work.feed_updated_at = sensor_load.feed_updated_at(parsed.kept)
            work.contradicting = sensor_load.stage(cursor, parsed.kept)
        if not work.kept:
            raise RefusedError("every record was rejected" if records else "it holds no record")
        refused_keys = [item.key for item in work.rejected if item.key is not None]
        if answer.dataset == SENSORS.dataset:
            feed = _feed(cursor, answer, work, self._settings.offline_after)
            return sensor_load.apply(cursor, feed, refused_keys)
        return load_reference(cursor, TABLES[answer.dataset], parsed.kept, refused_keys, answer.observed_at)

    @contextmanager
    def _transaction(self) -> Iterator[Cursor[TupleRow]]:
        connection = self._open()
        try:
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            raise RetryableError(
                "PostgreSQL went away", first_line(error), "Look at `melpark logs postgres`"
            ) from None
        except psycopg.Error as error:
            raise RefusedError(
                "PostgreSQL does not take the rows",
                first_line(error),
                "Nothing was written; report this answer",
            ) from error

    def _open(self) -> Connection[TupleRow]:
        if self._connection is None or self._connection.closed:
            connection = connect(self._settings, application_name="melpark ingest")
            try:
                _lock(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def json_array(body: bytes) -> list[object]:
    """The records of an answer. Raises RefusedError when it is not a JSON array."""
    try:
        records = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(f"not JSON: {error}") from None
    if not isinstance(records, list):
        raise RefusedError("not a JSON array")
    return records


def _lock(connection: Connection[TupleRow]) -> None:
    try:
        connection.execute(sql.SQL("SET lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        connection.execute("RESET lock_timeout")
    except psycopg.errors.LockNotAvailable:
        raise StopError(
            "Another poller is running",
            "two would write the same history twice",
            "Stop it, or let it do the work",
        ) from None
    except psycopg.OperationalError as error:
        raise RetryableError("PostgreSQL went away", first_line(error)) from None


def _newest_accepted(cursor: Cursor[TupleRow], dataset: str) -> datetime | None:
    return _one_time(
        cursor,
        "SELECT max(observed_at) FROM parking.polls WHERE dataset = %s AND outcome = 'accepted'",
        dataset,
    )


def _feed(
    cursor: Cursor[TupleRow], answer: Answer, work: _Work, offline_after: timedelta
) -> sensor_load.Feed:
    previous = _one_time(
        cursor,
        "SELECT max(feed_updated_at) FROM parking.polls WHERE dataset = %s AND outcome = 'accepted'",
        answer.dataset,
    )
    updated_at = cast(datetime, work.feed_updated_at)
    return sensor_load.Feed(
        answer.observed_at, max(updated_at, previous or updated_at), previous, offline_after
    )


def _one_time(cursor: Cursor[TupleRow], query: str, dataset: str) -> datetime | None:
    row = cursor.execute(query.encode(), [dataset]).fetchone()
    return row[0] if row else None


def _add_poll(cursor: Cursor[TupleRow], answer: Answer, outcome: Outcome) -> int:
    row = cursor.execute(
        """
        INSERT INTO parking.polls (
            dataset, outcome, reason, etag, observed_at, feed_updated_at, started_at, received_at,
            body_bytes, records, kept, changed, rejected, origin
        ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'live')
        RETURNING poll_id
        """,
        [
            answer.dataset,
            outcome.outcome,
            outcome.reason,
            answer.etag,
            answer.observed_at,
            outcome.feed_updated_at,
            answer.started_at,
            answer.received_at,
            len(answer.body),
            outcome.records,
            outcome.kept,
            outcome.changed,
            outcome.rejected,
        ],
    ).fetchone()
    return int(cast(TupleRow, row)[0])


def _add_rejected(cursor: Cursor[TupleRow], answer: Answer, poll_id: int, work: _Work) -> None:
    if not work.rejected:
        return
    steps: list[tuple[str, Sequence[Rejected]]] = [
        ("parse", work.parsed.rejected if work.parsed else ()),
        ("load", work.contradicting),
    ]
    columns = [column for column in REJECTED_RECORDS.columns if column.name != "rejected_id"]
    rows = (
        (poll_id, answer.dataset, step, item.reason.value, item.key, item.payload, answer.received_at)
        for step, items in steps
        for item in items
    )
    staging.copy(cursor, sql.Identifier(SCHEMA, REJECTED_RECORDS.name), columns, rows)
