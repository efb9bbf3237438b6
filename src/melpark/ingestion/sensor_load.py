"""One accepted poll of the sensors: the present, events, states and outages, as semantics.md defines them.

`seen_sensors` holds the answer's records, `sensor_changes` the present before and after side by side; from
these each table is written by one statement, and only where something changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import Cursor
from psycopg.rows import TupleRow

from melpark.ingestion import staging
from melpark.ingestion.sensor_sql import (
    ADD_EVENTS,
    ADD_OUTAGE,
    ADD_STATES,
    CHANGES,
    CHANGES_COLUMNS,
    FIND_CHANGES,
    INSERT_SENSORS,
    MAKE_EVENT_PARTS,
    TAKE_OUT_CONTRADICTIONS,
    UPDATE_SENSORS,
)
from melpark.ingestion.sources import Reason


@dataclass(frozen=True)
class Feed:
    """The instants of one poll: its HTTP Date, the feed's own time in it, and in the accepted polls before.

    `updated_at` never runs backwards: it is the newest `lastupdated` of this poll and those before.
    `previous_updated_at` is None for the first poll.
    """

    observed_at: datetime
    updated_at: datetime
    previous_updated_at: datetime | None
    offline_after: timedelta


def take_out_contradictions(cursor: Cursor[TupleRow]) -> list[tuple[int, Reason, str]]:
    """Take out the staged records that contradict what is known: their number, the reason and the bay."""
    found = cursor.execute(TAKE_OUT_CONTRADICTIONS).fetchall()
    return [(number, Reason(reason), key) for number, key, reason in found]


def apply(cursor: Cursor[TupleRow], feed: Feed, refused_keys: Sequence[str]) -> int:
    """Write what the staged records change and return the number of rows of `sensors` written.

    Bays in `refused_keys` are in the feed, though nothing new is known of them.
    """
    staging.create(cursor, CHANGES, CHANGES_COLUMNS)
    parameters = {
        "observed_at": feed.observed_at,
        "feed": feed.updated_at,
        "previous_feed": feed.previous_updated_at,
        "offline_after": feed.offline_after,
        "refused_keys": list(refused_keys),
    }
    for statement in (FIND_CHANGES, MAKE_EVENT_PARTS, ADD_EVENTS, ADD_STATES, ADD_OUTAGE):
        cursor.execute(statement, parameters)
    updated = cursor.execute(UPDATE_SENSORS, parameters).rowcount
    return updated + cursor.execute(INSERT_SENSORS, parameters).rowcount


def feed_updated_at(cursor: Cursor[TupleRow]) -> datetime | None:
    """The newest `lastupdated` of the staged records."""
    row = cursor.execute("SELECT max(heard_at) FROM seen_sensors").fetchone()
    return row[0] if row else None
