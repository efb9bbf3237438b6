"""Looks after capture: what may have been lost is noticed, written down, said, and filled by a snapshot.

What Debezium 3.7 does by itself was tried out, and ADR 0010 tells it. Without its slot it takes a snapshot of every
table. A slot that PostgreSQL has given up lets it wait for half an hour and then fail. A slot that stands behind the
connector's position, because somebody moved it on or made it anew, it may follow without a word, and so it does with
the slot of a snapshot that was ended before its first row. Such slots are dropped, and Debezium does the rest.
"""

import logging
import time

import psycopg

from melpark import contracts
from melpark.errors import MelParkError, RetryableError
from melpark.ingestion.database import connect, first_line
from melpark.places import topic
from melpark.processing import setup_debezium, topics
from melpark.processing.capture import gaps, slot, snapshots
from melpark.processing.capture.connector_log import ConnectorLog
from melpark.processing.capture.gaps import Kind
from melpark.settings import Settings

log = logging.getLogger(__name__)
# Between making a new slot and telling of its snapshot, Debezium looks as if it followed the wrong slot.
PATIENCE_SECONDS = 8.0
DROP_EVERY_SECONDS = 60.0
ATTEMPTS = 3
ATTEMPT_EVERY_SECONDS = 0.5
# Kafka aborts a transaction whose producer is gone after a minute, and looks for such every ten seconds.
UNDECIDED_SECONDS = 90.0


class UndecidedError(RetryableError):
    """Where the connector stands is not known before Kafka has ended a transaction of it."""


class Guard:
    """Keeps its connections to Kafka between looks. `look` may be called as often as wanted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._log: ConnectorLog | None = None
        self._dropped_at: float | None = None
        self._looked_cut_off = False

    def look(self, patience: float = PATIENCE_SECONDS, waits_for_kafka: bool = True) -> None:
        """Notice and record what is wrong, and mend it, where Debezium does not begin to within `patience` seconds.

        Raises RetryableError when an engine is away, and UndecidedError when only a transaction's end can tell; without
        `waits_for_kafka` the worse is assumed then.
        """
        try:
            if self._log is None:
                self._log = ConnectorLog(self._settings)
            with connect(self._settings, application_name="melpark capture") as session:
                seen = self._catch_up(session, waits_for_kafka)
                self._note_what_was_cut_off(session)
                if seen.is_lost or (seen.is_there and gaps.unfilled(session, patience)):
                    self._drop(seen)
                self._make_topics(session)
                self._ask_for_snapshots(session)
        except (psycopg.Error, MelParkError) as error:
            # What was read and not yet written down is read again.
            self.close()
            if isinstance(error, MelParkError):
                raise
            raise RetryableError("Capture could not be looked after", first_line(error), "") from None

    def _catch_up(self, session: gaps.Session, waits_for_kafka: bool) -> slot.Slot:
        """Follow the connector's snapshots, and judge the slot where none moved while it was looked at."""
        assert self._log is not None
        for _ in range(ATTEMPTS):
            # The slot first: the connector's position, read after it, can only be farther.
            seen = slot.read(session)
            notifications = self._log.catch_up()
            for said in gaps.follow(session, notifications):
                log.warning("%s", said)
            if failed := [told.id for told in notifications if told.failure]:
                # A request that could not be met is put again.
                snapshots.forget(self._settings, failed)
            if not notifications:
                self._judge(session, seen, waits_for_kafka)
                break
        return seen

    def _judge(self, session: gaps.Session, seen: slot.Slot, waits_for_kafka: bool) -> None:
        assert self._log is not None
        committed_lsn = self._log.committed.lsn if self._log.committed else None
        if committed_lsn is None or gaps.is_being_filled(session):
            return
        if not seen.is_there:
            _note(session, Kind.slot_missing, "the replication slot is gone, and with it what came after")
        elif seen.is_lost:
            reason = f"PostgreSQL gave the slot up ({seen.lost_by}): its limit is {seen.limit_bytes:,} bytes"
            _note(session, Kind.slot_lost, reason)
        elif seen.skips(committed_lsn):
            undecided_lsn = self._log.undecided_lsn() if waits_for_kafka else None
            if undecided_lsn is not None and not seen.skips(undecided_lsn):
                raise UndecidedError(
                    "Whether the slot is ahead is not known yet",
                    "a transaction of the connector is neither committed nor aborted",
                    "It is looked at again",
                )
            reason = f"the slot stands at {seen.confirmed_lsn:,}, the connector at {committed_lsn:,}"
            _note(session, Kind.slot_ahead, reason)

    def _note_what_was_cut_off(self, session: gaps.Session) -> None:
        """Debezium streams after its snapshot, or without it when it was ended before the first row was committed.

        Twice in a row, since a reader may see a later transaction's end a moment before that of an earlier one.
        """
        assert self._log is not None
        position = self._log.committed
        began_at = gaps.cut_off(session, position.at) if position and position.is_streamed else None
        if began_at is not None and self._looked_cut_off:
            reason = f"the snapshot that began at {began_at:%Y-%m-%d %H:%M:%S}Z was cut off"
            _note(session, Kind.snapshot_cut_off, reason)
        self._looked_cut_off = began_at is not None

    def close(self) -> None:
        if self._log is not None:
            self._log.__exit__(None, None, None)
            self._log = None

    def _drop(self, seen: slot.Slot) -> None:
        """Nobody may read from a slot that is dropped; Debezium fills the gap when it finds none, given the time."""
        now = time.monotonic()
        if self._dropped_at is not None and now - self._dropped_at < DROP_EVERY_SECONDS:
            return
        self._dropped_at = now
        if not seen.is_active:
            slot.drop(self._settings)
            return
        try:
            setup_debezium.stop(self._settings)
            slot.drop(self._settings)
        finally:
            setup_debezium.resume(self._settings)

    def _make_topics(self, session: gaps.Session) -> None:
        if topics.missing(self._settings):
            note_missing_topics(session, topics.make(self._settings))

    def _ask_for_snapshots(self, session: gaps.Session) -> None:
        for gap in gaps.unverified(session):
            if gap.kind == Kind.topic_missing and gap.table_name and gap.state == "open":
                snapshots.ask(self._settings, snapshots.Request.of([gap.table_name], id=gap.signal))
            elif gap.kind == Kind.topic_missing and gap.state == "filled":
                snapshots.forget(self._settings, [gap.signal])


def note_missing_topics(session: gaps.Session, made: list[str]) -> None:
    """Topics of captured tables had to be made anew though the tables were captured before."""
    lost = [table.name for table in contracts.CAPTURED if topic(table.name) in made]
    if lost and gaps.has_begun(session):
        for name in lost:
            _note(session, Kind.topic_missing, f"topic {topic(name)} was gone and is made anew, empty", name)


def make_topics(settings: Settings) -> list[str]:
    """Make the missing topics and return their names.

    What was lost with one is written down, to be filled once the connector runs.
    """
    made = topics.make(settings)
    with connect(settings, application_name="melpark capture") as session:
        note_missing_topics(session, made)
    return made


def look_before_start(settings: Settings) -> None:
    """Before Connect starts: once the connector runs, it no longer shows that its slot was moved on."""
    guard = Guard(settings)
    undecided_until = time.monotonic() + UNDECIDED_SECONDS
    attempts_left = ATTEMPTS
    try:
        while attempts_left:
            try:
                guard.look(patience=0, waits_for_kafka=time.monotonic() < undecided_until)
                return
            except UndecidedError as error:
                log.info("%s", error)
            except MelParkError as error:
                # A topic that has just been made has no leader yet.
                attempts_left -= 1
                level = logging.INFO if attempts_left else logging.WARNING
                log.log(level, "Capture could not be looked after before its start: %s", error)
            time.sleep(ATTEMPT_EVERY_SECONDS)
    finally:
        guard.close()


def _note(session: gaps.Session, kind: Kind, detail: str, table: str | None = None) -> None:
    if gaps.record(session, kind, detail, table):
        log.error(
            "Changes may have been missed: %s. A snapshot fills the gap; see `melpark cdc status`", detail
        )
