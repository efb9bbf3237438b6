"""The record of what capture may have missed: written once, kept until a reconciliation finds the lake equal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg import Connection
from psycopg.rows import TupleRow, class_row

from melpark.places import GAPS
from melpark.processing.capture.connector_log import Notification

Session = Connection[TupleRow]


class Kind(StrEnum):
    """What was noticed; values are those of the table."""

    first_snapshot = "first_snapshot"
    slot_missing = "slot_missing"
    slot_lost = "slot_lost"
    slot_ahead = "slot_ahead"
    snapshot_again = "snapshot_again"
    snapshot_cut_off = "snapshot_cut_off"
    topic_missing = "topic_missing"


@dataclass(frozen=True)
class Gap:
    """One row of the record. `table_name` is None where any table may lack changes."""

    gap_id: int
    kind: str
    table_name: str | None
    detail: str
    noticed_at: datetime
    snapshot_started_at: datetime | None
    snapshot_finished_at: datetime | None
    verified_at: datetime | None

    @property
    def state(self) -> str:
        """open, snapshot (it is being filled), filled (not yet compared) or verified."""
        if self.verified_at:
            return "verified"
        if self.snapshot_finished_at:
            return "filled"
        return "snapshot" if self.snapshot_started_at else "open"

    @property
    def signal(self) -> str:
        """Id of the signal that asks for this gap's own snapshot."""
        return f"gap-{self.gap_id}"

    def __str__(self) -> str:
        what = f"possible loss ({self.kind}): {self.detail}"
        then = {
            "open": "a snapshot will fill it",
            "snapshot": "a snapshot is filling it",
            "filled": "filled by a snapshot, `melpark reconcile` has not yet found the lake equal",
            "verified": f"filled, and the lake found equal at {self.verified_at:%Y-%m-%d %H:%M:%S}Z"
            if self.verified_at
            else "",
        }
        return f"{self.noticed_at:%Y-%m-%d %H:%M:%S}Z {what}; {then[self.state]}"


def unverified(session: Session) -> list[Gap]:
    """What a person should know of, oldest first."""
    return _read(session, "verified_at IS NULL AND kind <> 'first_snapshot'")


def has_begun(session: Session) -> bool:
    """The tables were captured before: from now on whatever is not there may be a loss."""
    row = session.execute(f"SELECT EXISTS (SELECT FROM {GAPS} WHERE kind = 'first_snapshot')").fetchone()
    return bool(row and row[0])


def record(session: Session, kind: Kind, detail: str, table: str | None = None) -> bool:
    """Note a gap unless the same is noted and not yet filled. True when it is new."""
    written = session.execute(
        f"""
        INSERT INTO {GAPS} (kind, table_name, detail)
        SELECT %(kind)s, %(table)s::text, %(detail)s
        WHERE NOT EXISTS (
            SELECT FROM {GAPS}
            WHERE kind = %(kind)s AND table_name IS NOT DISTINCT FROM %(table)s AND snapshot_finished_at IS NULL
        )
        """,
        {"kind": kind.value, "table": table, "detail": detail},
    )
    return written.rowcount > 0


def unfilled(session: Session, seconds: float) -> bool:
    """A gap of every table was noticed at least so long ago, and no snapshot has begun to fill it."""
    row = session.execute(
        f"""
        SELECT EXISTS (
            SELECT FROM {GAPS}
            WHERE table_name IS NULL AND snapshot_started_at IS NULL
                AND noticed_at <= clock_timestamp() - make_interval(secs => %s)
        )
        """,
        [seconds],
    ).fetchone()
    return bool(row and row[0])


def is_being_filled(session: Session) -> bool:
    """A gap of every table is known, and its snapshot has not ended."""
    row = session.execute(
        f"SELECT EXISTS (SELECT FROM {GAPS} WHERE table_name IS NULL AND snapshot_finished_at IS NULL)"
    ).fetchone()
    return bool(row and row[0])


def cut_off(session: Session, streamed_at: datetime) -> datetime | None:
    """When the snapshot of every table began that had not ended when a change was streamed then; None without one."""
    row = session.execute(
        f"""
        SELECT max(snapshot_started_at) FROM {GAPS}
        WHERE table_name IS NULL AND snapshot_finished_at IS NULL AND snapshot_started_at < %s
        """,
        [streamed_at],
    ).fetchone()
    return row[0] if row else None


def follow(session: Session, notifications: Iterable[Notification]) -> list[str]:
    """Put what the connector said of its snapshots into the record; returns what is new to a person.

    Notifications may be given again: the record knows the time of the last.
    """
    said = []
    for notification in notifications:
        if notification.snapshot == "Initial":
            said += _whole_snapshot(session, notification)
        else:
            _own_snapshot(session, notification)
    return said


def verify(session: Session, began_at: datetime) -> int:
    """A comparison that began then found no difference: close the gaps that were filled before. Returns how many."""
    return session.execute(
        f"UPDATE {GAPS} SET verified_at = clock_timestamp() WHERE verified_at IS NULL AND snapshot_finished_at < %s",
        [began_at],
    ).rowcount


def _whole_snapshot(session: Session, notification: Notification) -> list[str]:
    if notification.step == "STARTED":
        known = session.execute(
            f"SELECT EXISTS (SELECT FROM {GAPS} WHERE snapshot_started_at >= %s)", [notification.at]
        ).fetchone()
        if known and known[0]:
            return []
        filled = session.execute(
            f"UPDATE {GAPS} SET snapshot_started_at = %s WHERE snapshot_finished_at IS NULL RETURNING table_name",
            [notification.at],
        ).fetchall()
        if (None,) in filled:
            return ["A snapshot of every table fills what was missed"]
        kind = Kind.snapshot_again if has_begun(session) else Kind.first_snapshot
        session.execute(
            f"INSERT INTO {GAPS} (kind, detail, snapshot_started_at) VALUES (%s, %s, %s)",
            [kind.value, DETAIL[kind], notification.at],
        )
        return [DETAIL[kind]] if kind is Kind.snapshot_again else []
    if notification.step == "COMPLETED":
        session.execute(
            f"""
            UPDATE {GAPS} SET snapshot_finished_at = %(at)s,
                verified_at = CASE WHEN kind = 'first_snapshot' THEN %(at)s END
            WHERE snapshot_started_at <= %(at)s AND snapshot_finished_at IS NULL
            """,
            {"at": notification.at},
        )
    return []


DETAIL = {
    Kind.first_snapshot: "the first snapshot of this home",
    Kind.snapshot_again: "the connector took a snapshot anew: its position or its slot was gone",
}


def _own_snapshot(session: Session, notification: Notification) -> None:
    if notification.step == "STARTED":
        column = "snapshot_started_at"
    elif notification.step == "TABLE_SCAN_COMPLETED" and not notification.failure:
        column = "snapshot_finished_at"
    elif notification.failure:
        session.execute(
            f"UPDATE {GAPS} SET snapshot_started_at = NULL"
            " WHERE 'gap-' || gap_id = %s AND snapshot_finished_at IS NULL",
            [notification.id],
        )
        return
    else:
        return
    session.execute(
        f"UPDATE {GAPS} SET {column} = %s WHERE 'gap-' || gap_id = %s AND {column} IS NULL",
        [notification.at, notification.id],
    )


def _read(session: Session, condition: str) -> list[Gap]:
    with session.cursor(row_factory=class_row(Gap)) as cursor:
        columns = ", ".join(Gap.__dataclass_fields__)
        return cursor.execute(f"SELECT {columns} FROM {GAPS} WHERE {condition} ORDER BY gap_id").fetchall()
