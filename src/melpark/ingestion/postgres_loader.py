"""One answer, one transaction: present, history, refusals and the poll's own row are committed together."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import psycopg
from psycopg import Connection, Cursor, sql
from psycopg.rows import TupleRow
from structlog.contextvars import bind_contextvars

from melpark.contracts import REFERENCES, SENSORS, Table
from melpark.errors import RefusedError, RetryableError, StopError
from melpark.ingestion import poll_rows, rule_load, sensor_load
from melpark.ingestion.answer_digest import AnswerDigest, digest_of_records
from melpark.ingestion.answer_format import Format, format_of
from melpark.ingestion.database import connect, first_line
from melpark.ingestion.guards import Census, check_count, check_fields, check_rejected
from melpark.ingestion.parking_api import Answer, utc_now
from melpark.ingestion.poll_rows import LastPoll, Outcome
from melpark.ingestion.reference_load import load_reference, staged_columns
from melpark.ingestion.sensor_sql import SEEN_COLUMNS
from melpark.ingestion.sources import READERS, Rejected
from melpark.ingestion.sources.wording import clean
from melpark.ingestion.staged_answer import MOST_REJECTS, StagedAnswer
from melpark.settings import Settings

log = logging.getLogger(__name__)

LOCK = 0x6D656C7061726B
# A poller that was killed leaves its session for a moment.
LOCK_TIMEOUT = "10s"
TABLES: dict[str, Table] = {table.dataset: table for table in (SENSORS, *REFERENCES)}


@dataclass
class _Work:
    """What is known of an answer while it is loaded, also when it ends in a refusal."""

    digest: AnswerDigest
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
            return poll_rows.last_etag(cursor, dataset)

    def load(self, answer: Answer, is_refetched: bool = False) -> Outcome:
        """Load one answer, whole or not at all, and leave its row in `polls`.

        `is_refetched`: read it even where its bytes were read before, and compute anew what follows from it.
        Raises RetryableError when PostgreSQL goes away (then nothing, or all, was committed), RefusedError when
        it does not take the rows (then nothing was), StopError when another poller is running.
        What is logged meanwhile, and by the caller afterwards, carries the poll's number.
        """
        with self.transaction() as cursor:
            work = _Work(AnswerDigest(answer.body.digest), notes=[answer.note] if answer.note else [])
            poll_id = poll_rows.draw_poll_id(cursor)
            bind_contextvars(poll_id=poll_id)
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
                poll_id,
            )
            poll_rows.add_poll(cursor, answer, work.digest, outcome, self._now())
            if work.is_unreadable:
                poll_rows.add_unreadable(cursor, answer, poll_id)
            elif work.is_staged and work.rejected:
                poll_rows.add_rejected(cursor, answer, poll_id, None if reason is None else MOST_REJECTS)
        return outcome

    def record_failure(self, dataset: str, reason: str, started_at: datetime, received_at: datetime) -> int:
        """Leave a row for an attempt that brought no complete answer; it has no ETag. Gives its number."""
        with self.transaction() as cursor:
            return poll_rows.add_failed(cursor, dataset, reason, started_at, received_at, self._now())

    def _apply(self, cursor: Cursor[TupleRow], answer: Answer, work: _Work, is_refetched: bool) -> int:
        """Write what the answer changes. Raises RefusedError before anything but temporary tables is written."""
        table = TABLES[answer.dataset]
        newest = poll_rows.newest_accepted(cursor, answer.dataset)
        if newest is not None and answer.observed_at < newest:
            raise RefusedError(f"older than the poll of {newest:%Y-%m-%dT%H:%M:%SZ}")
        last = poll_rows.last_accepted(cursor, answer.dataset)
        if table is not SENSORS:
            same = _sameness(answer, work, last)
            if last is not None and same and not is_refetched:
                work.records, work.kept, work.rejected = last.records, last.kept, last.rejected
                work.notes.append(f"{same} of poll {last.poll_id}")
                return 0
        self._stage(cursor, answer, work, last)
        if table is SENSORS:
            feed = _feed(cursor, answer, work, self._settings.offline_after)
            return sensor_load.apply(cursor, feed, work.refused_keys)
        return load_reference(cursor, table, work.refused_keys, work.refused_beginnings, answer.observed_at)

    def _stage(self, cursor: Cursor[TupleRow], answer: Answer, work: _Work, last: LastPoll | None) -> None:
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
            self._say_unknown_fields(cursor, answer.dataset, staged.census, work)
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

    def _say_unknown_fields(
        self, cursor: Cursor[TupleRow], dataset: str, census: Census, work: _Work
    ) -> None:
        """Note every field that the contract does not name, and log each one that no earlier poll's note names."""
        for name, count in sorted(census.unknown.items()):
            name = clean(name)
            noted = f"unknown field {name} in "
            work.notes.append(f"{noted}{count} records")
            if (dataset, name) not in self._said_fields and not poll_rows.is_noted(cursor, dataset, noted):
                log.warning(
                    "%s: field %s is not known (in %d records); it is kept in extra", dataset, name, count
                )
            self._said_fields.add((dataset, name))

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


def _sameness(answer: Answer, work: _Work, last: LastPoll | None) -> str | None:
    """In what the answer is the last poll's, None when in nothing. Makes the digest of its records, where needed.

    Reference records are read the same at any time, so equal ones give equal rows and rejects.
    """
    if last is not None and work.digest.has_the_bytes_of(last.digest):
        work.digest = last.digest
        return "the bytes"
    of_records = digest_of_records(answer.body, TABLES[answer.dataset])
    work.digest = replace(work.digest, of_records=of_records)
    if last is not None and work.digest.has_the_records_of(last.digest):
        return "in another order the records"
    return None


def _feed(
    cursor: Cursor[TupleRow], answer: Answer, work: _Work, offline_after: timedelta
) -> sensor_load.Feed:
    previous = poll_rows.newest_feed_time(cursor, answer.dataset)
    updated_at = cast(datetime, work.feed_updated_at)
    return sensor_load.Feed(
        answer.observed_at, max(updated_at, previous or updated_at), previous, offline_after
    )
