"""Laws of the record of possible losses, told step by step what a connector says of its snapshots."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from melpark.ingestion.database import connect
from melpark.places import GAPS, SUPERUSER
from melpark.processing.capture import gaps
from melpark.processing.capture.connector_log import Notification
from melpark.processing.capture.gaps import Kind, Session
from melpark.settings import Settings

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def at(minute: int) -> datetime:
    return BEGIN + timedelta(minutes=minute)


def told(step: str, minute: int, snapshot: str = "Initial", id: str = "") -> Notification:
    return Notification(id, snapshot, step, at(minute), {})


@pytest.fixture
def session(postgres: Settings) -> Iterator[Session]:
    with connect(postgres, SUPERUSER) as session:
        yield session


@pytest.fixture
def captured(session: Session) -> Session:
    """A home whose first snapshot has ended."""
    gaps.follow(session, [told("STARTED", 0), told("COMPLETED", 1)])
    return session


def states(session: Session) -> list[tuple[str, str]]:
    return [(gap.kind, gap.state) for gap in gaps._read(session, "true")]


def test_the_first_snapshot_is_no_loss(captured: Session) -> None:
    assert states(captured) == [("first_snapshot", "verified")]
    assert gaps.unverified(captured) == []


def test_what_a_connector_says_again_changes_nothing(captured: Session) -> None:
    said = [told("STARTED", 5), told("COMPLETED", 6)]
    assert gaps.follow(captured, said) != []
    before = captured.execute(f"SELECT * FROM {GAPS} ORDER BY gap_id").fetchall()
    assert gaps.follow(captured, [told("STARTED", 0), told("COMPLETED", 1), *said]) == []
    assert captured.execute(f"SELECT * FROM {GAPS} ORDER BY gap_id").fetchall() == before


def test_a_snapshot_that_nobody_asked_for_is_written_down_also_while_one_table_is_to_be_filled(
    captured: Session,
) -> None:
    gaps.record(captured, Kind.topic_missing, "gone", "bays")
    gaps.follow(captured, [told("STARTED", 5)])
    assert states(captured)[1:] == [("topic_missing", "snapshot"), ("snapshot_again", "snapshot")]
    gaps.follow(captured, [told("COMPLETED", 6)])
    assert states(captured)[1:] == [("topic_missing", "filled"), ("snapshot_again", "filled")]


def test_a_snapshot_was_cut_off_when_a_change_was_streamed_after_its_beginning_and_before_its_end(
    captured: Session,
) -> None:
    gaps.record(captured, Kind.slot_missing, "gone")
    assert gaps.cut_off(captured, at(4)) is None
    gaps.follow(captured, [told("STARTED", 5)])
    assert gaps.cut_off(captured, at(4)) is None
    assert gaps.cut_off(captured, at(6)) == at(5)
    gaps.follow(captured, [told("COMPLETED", 7)])
    assert gaps.cut_off(captured, at(8)) is None


def test_a_snapshot_of_one_table_goes_on_while_changes_are_streamed(captured: Session) -> None:
    gaps.record(captured, Kind.topic_missing, "gone", "bays")
    (gap,) = gaps.unverified(captured)
    gaps.follow(captured, [told("STARTED", 5, "Incremental", gap.signal)])
    assert states(captured)[1:] == [("topic_missing", "snapshot")]
    assert gaps.cut_off(captured, at(9)) is None


def test_what_was_cut_off_is_filled_by_the_next_snapshot_and_waits_for_a_comparison_even_if_it_was_the_first(
    session: Session,
) -> None:
    gaps.follow(session, [told("STARTED", 0)])
    assert gaps.record(session, Kind.snapshot_cut_off, "ended")
    assert not gaps.record(session, Kind.snapshot_cut_off, "ended")
    assert gaps.unfilled(session, 0)
    gaps.follow(session, [told("STARTED", 5)])
    assert not gaps.unfilled(session, 0)
    gaps.follow(session, [told("COMPLETED", 6)])
    assert states(session) == [("first_snapshot", "verified"), ("snapshot_cut_off", "filled")]
    assert gaps.verify(session, datetime.now(UTC)) == 1
    assert gaps.unverified(session) == []
