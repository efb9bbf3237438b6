"""The replication slot: what PostgreSQL keeps for the connector, and how much of it."""

from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from melpark.errors import RetryableError
from melpark.ingestion.database import connect, first_line
from melpark.places import CAPTURE_ROLE, SLOT
from melpark.settings import Settings

READ = """
SELECT
    slot.slot_name IS NOT NULL,
    coalesce(slot.active, false),
    slot.wal_status,
    slot.invalidation_reason,
    (slot.restart_lsn - '0/0')::bigint,
    (slot.confirmed_flush_lsn - '0/0')::bigint,
    (pg_current_wal_lsn() - slot.restart_lsn)::bigint,
    (pg_current_wal_lsn() - slot.confirmed_flush_lsn)::bigint,
    slot.safe_wal_size,
    pg_size_bytes(current_setting('max_slot_wal_keep_size')),
    extract(epoch FROM clock_timestamp() - (SELECT beat_at FROM parking_capture.heartbeat))::float8
FROM (SELECT) AS one
LEFT JOIN pg_replication_slots AS slot ON slot.slot_name = %s AND slot.database = current_database()
"""


@dataclass(frozen=True)
class Slot:
    """The slot as PostgreSQL shows it; positions are bytes of the WAL, None where it has none.

    `wal_status` is `missing` when there is no slot, else PostgreSQL's: reserved, extended, unreserved (about to be
    lost) or lost. `retained_bytes` is WAL kept for it, `behind_bytes` what the connector has not confirmed,
    `limit_bytes` where PostgreSQL gives the slot up (-1: never), `safe_bytes` how far that is.
    """

    is_there: bool
    is_active: bool
    wal_status: str
    lost_by: str | None
    restart_lsn: int | None
    confirmed_lsn: int | None
    retained_bytes: int | None
    behind_bytes: int | None
    safe_bytes: int | None
    limit_bytes: int
    heartbeat_age_seconds: float | None

    @property
    def is_lost(self) -> bool:
        """PostgreSQL has removed WAL that the connector had not read: this slot gives nothing any more."""
        return self.wal_status == "lost"

    def skips(self, committed_lsn: int | None) -> bool:
        """It would go on behind what the connector has committed, which does not always show in Debezium."""
        if committed_lsn is None or self.confirmed_lsn is None:
            return False
        return committed_lsn < self.confirmed_lsn


def read(connection: Connection[TupleRow]) -> Slot:
    """The slot now; any role may ask."""
    row = connection.execute(READ, [SLOT]).fetchone()
    assert row is not None
    is_there, is_active, wal_status, *rest = row
    return Slot(is_there, is_active, wal_status if is_there else "missing", *rest)


def drop(settings: Settings) -> None:
    """Drop the slot, so that the connector makes a new one and fills the gap by a snapshot.

    Raises RetryableError when somebody reads from it.
    """
    try:
        with connect(settings, CAPTURE_ROLE, application_name="melpark capture") as connection:
            connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
    except psycopg.errors.UndefinedObject:
        return
    except psycopg.Error as error:
        raise RetryableError(
            "The slot could not be dropped", first_line(error), "It is tried again"
        ) from None
