"""A home whose silver holds a simulated past of any length, with the references that the way itself brought there."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from e2e.stack.replays import rows_in_postgres, rows_in_silver
from e2e.stack.running import Stack
from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES
from melpark.places import Home, topic
from melpark.processing import merging
from melpark.processing.tables import SILVER, SilverTable
from melpark.settings import Settings
from melpark.simulator import server
from melpark.simulator.history import Found, History, spans
from melpark.simulator.history_files import REFRESH

BY_NAME = {table.contract.name: table for table in SILVER}
FILLED = (SENSOR_EVENTS, SENSOR_STATES, FEED_OUTAGES, POLLS)
STATES = BY_NAME[SENSOR_STATES.name]


def with_references(stack: Stack) -> None:
    """Start the stack, wait until the references and the rule calendar are in silver, and stop it."""
    stack.start()
    stack.wait_until_healthy()
    names = [table.contract.name for table in SILVER if table.contract not in FILLED]
    stack.wait_for(
        "the references in silver",
        lambda status: rows_in_silver(stack.home, names) == rows_in_postgres(stack, names),
    )
    assert stack.stop() == []
    for contract in FILLED:
        DeltaTable(Home(stack.home).silver(contract.name)).delete()


class Past:
    """Writes the simulated past of the settings' city into silver, as many days at a time as asked for."""

    def __init__(self, settings: Settings) -> None:
        self._home = Home(settings.home)
        self._history: History = server.history(settings)
        self._states: list[pa.Table] = []
        self._held_states: pa.Table | None = None
        self._polls = 0
        self.events = 0

    def open(self, start: datetime) -> None:
        """What the first poll finds, just before `start`."""
        self._append(self._history.opening(start - REFRESH))
        self.end_states()

    def add(self, start: datetime, end: datetime) -> Iterator[int]:
        """The past of [start, end), a day at a time, oldest first; gives the events that are there so far."""
        for span in reversed(list(spans(start, end))):
            self._append(self._history.found(span))
            yield self.events

    def end_states(self) -> None:
        """Each state holds until the next one of its bay begins: what changed is merged, as silver does."""
        whole = _cut(pa.concat_tables(self._states))
        path = self._home.silver(SENSOR_STATES.name)
        if self._held_states is None:
            write_deltalake(path, _shaped(STATES, whole), mode="append")
        else:
            merging.upsert(DeltaTable(path), STATES.lake, _changed(whole, self._held_states))
        self._held_states = whole

    def _append(self, found: Found) -> None:
        self.events += found.sensor_events.num_rows
        self._states.append(found.sensor_states)
        ids = pa.array(range(self._polls, self._polls + found.polls.num_rows), pa.int64())
        self._polls += found.polls.num_rows
        tables = {
            SENSOR_EVENTS.name: _with_presence(found.sensor_events),
            FEED_OUTAGES.name: found.feed_outages,
            POLLS.name: found.polls.append_column("poll_id", ids),
        }
        for name, rows in tables.items():
            if rows.num_rows:
                write_deltalake(self._home.silver(name), _shaped(BY_NAME[name], rows), mode="append")


def _with_presence(events: pa.Table) -> pa.Table:
    return events.append_column("is_present", pc.equal(events["status"], "Present").cast(pa.int32()))


def _shaped(table: SilverTable, rows: pa.Table) -> pa.Table:
    """The rows with silver's columns and types; of no topic's log, so that any real change would win."""
    count = rows.num_rows
    made: dict[str, Any] = {
        "topic": pa.repeat(topic(table.contract.name), count),
        "partition": pa.array([0] * count, pa.int32()),
        "offset": pa.array(range(count), pa.int64()),
    }
    columns = {}
    for column in table.lake.columns:
        type_ = merging.ARROW_TYPE[column.type]
        if column.name in rows.column_names:
            columns[column.name] = rows[column.name].cast(type_)
        else:
            columns[column.name] = made.get(column.name, pa.nulls(count, type_))
    return pa.table(columns)


def _cut(states: pa.Table) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("states", states)
        return connection.sql(
            "SELECT *, lead(valid_from_at) OVER bay AS valid_to_at, lead(valid_from_at) OVER bay IS NULL AS is_current "
            "FROM (SELECT DISTINCT ON (kerbside_id, valid_from_at) * FROM states) "
            "WINDOW bay AS (PARTITION BY kerbside_id ORDER BY valid_from_at)"
        ).to_arrow_table()


def _changed(whole: pa.Table, held: pa.Table) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("whole", whole)
        connection.register("held", held)
        changed = connection.sql("SELECT * FROM whole EXCEPT SELECT * FROM held").to_arrow_table()
    return list(_shaped(STATES, changed).to_pylist())


def refreshes(at: datetime) -> datetime:
    """The refresh of the feed at or before an instant."""
    return server.refresh_at(at)


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
