"""The past of a fresh simulator home: days as polls would have found them, filled in newest first between the polls.

The rows say how far it has come. Each step is one transaction that holds its polls: what `polls` holds of a time is
there whole, so that a kill at any moment loses nothing and doubles nothing.
"""

import asyncio
import io
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import pyarrow as pa
from psycopg import Cursor, sql
from psycopg.rows import TupleRow
from pyarrow import csv

from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES, SENSORS, Table
from melpark.ingestion import staging
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.places import SCHEMA
from melpark.settings import Settings
from melpark.simulator.history import Found, History, Span
from melpark.simulator.history_files import REFRESH
from melpark.simulator.server import history, refresh_at

log = logging.getLogger(__name__)

# So short that writing one delays no poll by much.
SPAN = timedelta(hours=6)
DAY = timedelta(days=1)
# These are wanted soon; what is older leaves most of the cores to the lake, which is to take the newest in: a step
# costs capture, bronze and silver several times what it costs here.
SOON_DAYS = 7
REST_SHARE = 10.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Marks the poll that ends the work: the oldest, which found every bay new.
FIRST_POLL = "the first poll of the history"

IS_FRESH: LiteralString = """
    SELECT NOT EXISTS (SELECT FROM parking.polls WHERE dataset = %s AND outcome = 'accepted')
"""
READ_PROGRESS: LiteralString = """
    SELECT min(started_at), max(started_at), bool_or(note IS NOT DISTINCT FROM %s)
    FROM parking.polls WHERE dataset = %s AND origin = 'seed'
"""
MAKE_EVENT_PARTS: LiteralString = """
    SELECT parking.make_event_parts(array_agg(DISTINCT date_trunc('month', status_changed_at)))
    FROM seeded_sensor_events
"""


@dataclass(frozen=True)
class Progress:
    """The seeded polls: the oldest, the first live refresh that they lead to, and whether the oldest is the first."""

    oldest_at: datetime
    live_from_at: datetime
    is_done: bool

    @property
    def days(self) -> int:
        """Whole days that are there."""
        return (self.live_from_at - self.oldest_at) // DAY


class Seeding:
    """Fills in `history_days` before the first live poll of the sensors. One at a time, with the poller's loader.

    A home that has polled before without seed is left as it is.
    """

    def __init__(self, settings: Settings, loader: PostgresLoader) -> None:
        self.opened = asyncio.Event()
        self._settings = settings
        self._loader = loader
        self._history: History | None = None
        self._said_days = 0

    async def open(self, first_poll_at: datetime) -> None:
        """Before the first live poll is loaded: commit the present just before it, and the poll that found it.

        Does nothing when a poll was accepted before. Raises RetryableError when PostgreSQL is away.
        """
        if self.opened.is_set():
            return
        with self._loader.transaction() as cursor:
            (is_fresh,) = cursor.execute(IS_FRESH, [SENSORS.dataset]).fetchone() or (False,)
        if is_fresh:
            sensors, found = await asyncio.to_thread(self._present, refresh_at(first_poll_at))
            with self._loader.transaction() as cursor:
                _write(cursor, found, sensors)
        self.opened.set()

    async def fill_in_next(self) -> bool:
        """Fill in the newest hours that are missing; False when there are none.

        Raises RetryableError when PostgreSQL is away (then nothing, or all of them, was committed).
        """
        with self._loader.transaction() as cursor:
            progress = _progress(cursor)
        if progress is None or progress.is_done:
            self._history = None
            return False
        self._say(progress)
        found = await asyncio.to_thread(self._before, progress)
        with self._loader.transaction() as cursor:
            # Another poller may have gone on from there while our session was lost.
            if _progress(cursor) == progress:
                _write(cursor, found)
        return True

    def rest(self, seconds: float) -> float:
        """How long to leave the machine alone after a step that took `seconds`."""
        return REST_SHARE * seconds if self._said_days >= SOON_DAYS else 0.0

    def _present(self, live_from_at: datetime) -> tuple[pa.Table, Found]:
        """`sensors` after the last answered poll before the live ones, and what the polls from it on found.

        Every bay's newest state goes with it, though most are as old as the history: until the oldest day is there, a
        bay would be in no zone, and in gold on none of the days that are.
        """
        made = self._made()
        sensors = made.sensors(live_from_at - REFRESH)
        found = made.found(Span(sensors["observed_at"][0].as_py(), live_from_at))
        return sensors, replace(found, sensor_states=made.standing(self._start(live_from_at), live_from_at))

    def _start(self, live_from_at: datetime) -> datetime:
        return live_from_at - self._settings.history_days * DAY

    def _before(self, progress: Progress) -> Found:
        """What the polls before the oldest one found: of some hours, or of the very first poll."""
        start = self._start(progress.live_from_at)
        end = progress.oldest_at
        if end > start:
            into = (end - EPOCH) % SPAN or SPAN
            return self._made().found(Span(max(start, end - into), end))
        first = self._made().opening(end - REFRESH)
        note = first.polls.column_names.index("note")
        field = first.polls.schema.field(note)
        return replace(first, polls=first.polls.set_column(note, field, pa.array([FIRST_POLL])))

    def _made(self) -> History:
        if self._history is None:
            self._history = history(self._settings)
        return self._history

    def _say(self, progress: Progress) -> None:
        if progress.days > self._said_days:
            self._said_days = progress.days
            log.info("history: %d of %d days", progress.days, self._settings.history_days)


def _progress(cursor: Cursor[TupleRow]) -> Progress | None:
    """None for a home without seed."""
    oldest, newest, is_done = cursor.execute(READ_PROGRESS, [FIRST_POLL, SENSORS.dataset]).fetchone() or (
        None,
        None,
        None,
    )
    return None if oldest is None else Progress(oldest, newest + REFRESH, bool(is_done))


def _write(cursor: Cursor[TupleRow], found: Found, sensors: pa.Table | None = None) -> None:
    """Add the rows that are not there yet. The polls come last: who sees one may look for all that it brought."""
    _stage(cursor, SENSOR_EVENTS, found.sensor_events)
    cursor.execute(MAKE_EVENT_PARTS)
    _add(cursor, SENSOR_EVENTS, found.sensor_events)
    rest = ((SENSOR_STATES, found.sensor_states), (FEED_OUTAGES, found.feed_outages), (POLLS, found.polls))
    present = () if sensors is None else ((SENSORS, sensors),)
    for contract, rows in (*present, *rest):
        _stage(cursor, contract, rows)
        _add(cursor, contract, rows)


def _stage(cursor: Cursor[TupleRow], contract: Table, rows: pa.Table) -> None:
    name = _staged(contract)
    staging.create(cursor, name, [column for column in contract.columns if column.name in rows.column_names])
    text = io.BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)")
    with cursor.copy(statement.format(sql.Identifier(name), _names(rows))) as stream:
        stream.write(text.getbuffer())


def _add(cursor: Cursor[TupleRow], contract: Table, rows: pa.Table) -> None:
    # In the order of time, so that poll_id is.
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} {} ON CONFLICT DO NOTHING").format(
        sql.Identifier(SCHEMA, contract.name),
        _names(rows),
        _names(rows),
        sql.Identifier(_staged(contract)),
        sql.SQL("ORDER BY started_at" if contract is POLLS else ""),
    )
    cursor.execute(statement)


def _staged(contract: Table) -> str:
    return f"seeded_{contract.name}"


def _names(rows: pa.Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in rows.column_names)
