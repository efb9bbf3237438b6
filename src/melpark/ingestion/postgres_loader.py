"""One answer, one transaction: present, history, refusals and the poll's own row are committed together."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

import psycopg
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import REFERENCES, REJECTED_RECORDS, SENSORS, Table
from melpark.errors import RefusedError, RetryableError, StopError
from melpark.ingestion import rule_load, sensor_load, staging
from melpark.ingestion.answer_format import Format, format_of
from melpark.ingestion.database import connect, first_line
from melpark.ingestion.guards import Census, check_count, check_fields, check_rejected
from melpark.ingestion.parking_api import Answer, utc_now
from melpark.ingestion.reference_load import load_reference, staged_columns
from melpark.ingestion.sensor_sql import SEEN_COLUMNS
from melpark.ingestion.sources import PARSER_VERSION, READERS, Reason, Rejected
from melpark.ingestion.sources.wording import clean
from melpark.ingestion.staged_answer import MOST_REJECTS, StagedAnswer
from melpark.places import SCHEMA
from melpark.settings import Settings

log = logging.getLogger(__name__)

LOCK = 0x6D656C7061726B
# A poller that was killed leaves its session for a moment.
LOCK_TIMEOUT = "10s"
# What is kept of an answer that cannot be read at all.
UNREADABLE_BYTES = 1000
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
    note: str | None = None


@dataclass
class _Work:
    """What is known of an answer while it is loaded, also when it ends in a refusal."""

    records: int | None = None
    kept: int | None = None
    rejected: int | None = None
    feed_updated_at: datetime | None = None
    notes: list[str] = field(default_factory=list)
    is_unreadable: bool = False
    is_staged: bool = False
    refused_keys: list[str] = field(default_factory=list)
    refused_beginnings: list[str] = field(default_factory=list)


class PostgresLoader:
    """The only writer of schema `parking`: a session of its own, opened when needed, that holds the lock."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._now = now
        self._connection: Connection[TupleRow] | None = None
        self._said_fields: set[tuple[str, str]] = set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def last_etag(self, dataset: str) -> str | None:
        """The ETag of the dataset's last committed poll, for If-None-Match.

        None when another version of the parser read that poll: then the answer is worth to be read again.
        """
        with self.transaction() as cursor:
            row = cursor.execute(
                """
                SELECT etag, body_digest FROM parking.polls
                WHERE dataset = %s AND outcome <> 'failed' AND origin = 'live'
                ORDER BY poll_id DESC LIMIT 1
                """,
                [dataset],
            ).fetchone()
        return row[0] if row and str(row[1]).startswith(f"{PARSER_VERSION}:") else None

    def load(self, answer: Answer, is_refetched: bool = False) -> Outcome:
        """Load one answer, whole or not at all, and leave its row in `polls`.

        `is_refetched`: read it even where its bytes were read before, and compute anew what follows from it.
        Raises RetryableError when PostgreSQL goes away (then nothing, or all, was committed), RefusedError when
        it does not take the rows (then nothing was), StopError when another poller is running.
        """
        with self.transaction() as cursor:
            work = _Work(notes=[answer.note] if answer.note else [])
            changed, reason = None, None
            try:
                changed = self._apply(cursor, answer, work, is_refetched)
                rule_load.keep(cursor, answer.dataset, answer.observed_at, self._settings, is_refetched)
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
                work.rejected,
                "; ".join(work.notes) or None,
            )
            poll_id = _add_poll(cursor, answer, outcome, self._now())
            _add_rejected(cursor, answer, poll_id, work, None if reason is None else MOST_REJECTS)
        return outcome

    def record_failure(self, dataset: str, reason: str, started_at: datetime, received_at: datetime) -> None:
        """Leave a row for an attempt that brought no complete answer; it has no ETag."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO parking.polls
                    (dataset, outcome, reason, started_at, received_at, origin, finished_at)
                VALUES (%s, 'failed', %s, %s, %s, 'live', %s)
                """,
                [dataset, reason, started_at, received_at, self._now()],
            )

    def _apply(self, cursor: Cursor[TupleRow], answer: Answer, work: _Work, is_refetched: bool) -> int:
        """Write what the answer changes. Raises RefusedError before anything but temporary tables is written."""
        table = TABLES[answer.dataset]
        newest = _newest_accepted(cursor, answer.dataset)
        if newest is not None and answer.observed_at < newest:
            raise RefusedError(f"older than the poll of {newest:%Y-%m-%dT%H:%M:%SZ}")
        last = _last_accepted(cursor, answer.dataset)
        is_known = last is not None and table is not SENSORS and last.digest == _digest(answer)
        if last is not None and is_known and not is_refetched:
            work.records, work.kept, work.rejected = last.records, last.kept, last.rejected
            work.notes.append(f"the bytes of poll {last.poll_id}")
            return 0
        self._stage(cursor, answer, work, last)
        if table is SENSORS:
            feed = _feed(cursor, answer, work, self._settings.offline_after)
            return sensor_load.apply(cursor, feed, work.refused_keys)
        return load_reference(cursor, table, work.refused_keys, work.refused_beginnings, answer.observed_at)

    def _stage(self, cursor: Cursor[TupleRow], answer: Answer, work: _Work, last: "_LastPoll | None") -> None:
        """Read the answer into temporary tables and look whether it makes sense. Raises RefusedError."""
        reader = READERS[answer.dataset]
        is_live = reader.table is SENSORS
        columns = SEEN_COLUMNS if is_live else staged_columns(reader.table)
        staged = StagedAnswer(cursor, reader, answer.body, answer.observed_at, columns)
        try:
            kind = format_of(answer.body, reader.table)
            staged.stage(may_stop=self._settings.max_rejected_share < 1)
        except RefusedError:
            work.is_unreadable = True
            raise
        if kind is not Format.JSON_ARRAY:
            work.notes.append(f"read as {kind}")
        if kind is Format.JSON_LINES:
            log.warning("%s: the answer is no JSON array but lines of JSON; they are read", answer.dataset)
        work.is_staged, work.records = True, staged.records
        try:
            self._say_unknown_fields(answer.dataset, staged.census, work)
            if not staged.records:
                raise RefusedError("it holds no record")
            check_fields(staged.census, reader.table.source_fields)
            if staged.is_hopeless:
                raise RefusedError(f"the first {staged.records} records were all rejected")
            check_count(staged.records, last.records if last else None, self._settings.max_record_fall_share)
            check_rejected(staged.rejected, staged.kept, self._settings.max_rejected_share)
            staged.take_out_duplicates(self._settings.max_rejected_share)
            if is_live:
                work.feed_updated_at = sensor_load.feed_updated_at(cursor)
                found = sensor_load.take_out_contradictions(cursor)
                staged.refuse_kept(
                    "load",
                    [number for number, _, _ in found],
                    [Rejected(reason, key, None, "status_timestamp") for _, reason, key in found],
                )
            check_rejected(staged.rejected, staged.kept, self._settings.max_rejected_share)
            if not staged.kept:
                raise RefusedError("every record was rejected")
        except RefusedError:
            if staged.rejected > MOST_REJECTS:
                reasons = ", ".join(f"{count} {reason}" for reason, count in staged.reasons())
                work.notes.append(f"rejected: {reasons}; {MOST_REJECTS} of {staged.rejected} are kept")
            raise
        finally:
            work.kept, work.rejected = staged.kept, staged.rejected
        work.refused_keys = staged.refused_keys()
        work.refused_beginnings = staged.refused_beginnings()

    def _say_unknown_fields(self, dataset: str, census: Census, work: _Work) -> None:
        """Note every field that the contract does not name, and log each one once."""
        for name, count in sorted(census.unknown.items()):
            name = clean(name)
            work.notes.append(f"unknown field {name} in {count} records")
            if (dataset, name) not in self._said_fields:
                self._said_fields.add((dataset, name))
                log.warning(
                    "%s: field %s is not known (in %d records); it is kept in extra", dataset, name, count
                )

    @contextmanager
    def transaction(self) -> Iterator[Cursor[TupleRow]]:
        """One transaction in the session that holds the lock. Raises as `load` does."""
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


@dataclass(frozen=True)
class _LastPoll:
    """The last accepted live poll of a dataset."""

    poll_id: int
    digest: str | None
    records: int | None
    kept: int | None
    rejected: int | None


def _last_accepted(cursor: Cursor[TupleRow], dataset: str) -> _LastPoll | None:
    row = cursor.execute(
        """
        SELECT poll_id, body_digest, records, kept, rejected FROM parking.polls
        WHERE dataset = %s AND outcome = 'accepted' AND origin = 'live'
        ORDER BY poll_id DESC LIMIT 1
        """,
        [dataset],
    ).fetchone()
    return _LastPoll(*row) if row else None


def _digest(answer: Answer) -> str:
    return f"{PARSER_VERSION}:{answer.body.digest}"


def _newest_accepted(cursor: Cursor[TupleRow], dataset: str) -> datetime | None:
    return _one_time(
        cursor,
        """
        SELECT max(observed_at) FROM parking.polls
        WHERE dataset = %s AND outcome = 'accepted' AND origin = 'live'
        """,
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


def _add_poll(cursor: Cursor[TupleRow], answer: Answer, outcome: Outcome, finished_at: datetime) -> int:
    row = cursor.execute(
        """
        INSERT INTO parking.polls (
            dataset, outcome, reason, etag, observed_at, feed_updated_at, started_at, received_at,
            body_bytes, records, kept, changed, rejected, origin, finished_at, body_digest, note
        ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'live', %s, %s, %s)
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
            answer.body.size,
            outcome.records,
            outcome.kept,
            outcome.changed,
            outcome.rejected,
            finished_at,
            _digest(answer),
            outcome.note,
        ],
    ).fetchone()
    return int(cast(TupleRow, row)[0])


def _add_rejected(
    cursor: Cursor[TupleRow], answer: Answer, poll_id: int, work: _Work, most: int | None
) -> None:
    if work.is_unreadable:
        head = answer.body.head(UNREADABLE_BYTES).decode(errors="replace")
        columns = [column for column in REJECTED_RECORDS.columns if column.name != "rejected_id"]
        row = (poll_id, answer.dataset, "parse", Reason.NOT_JSON.value, None, head, answer.received_at, None)
        staging.copy(cursor, sql.Identifier(SCHEMA, REJECTED_RECORDS.name), columns, [row])
    elif work.is_staged and work.rejected:
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
