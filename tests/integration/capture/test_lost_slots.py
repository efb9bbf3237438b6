"""Laws of a lost slot: noticed, written down, filled by a snapshot; and a slot that is merely behind loses nothing."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from integration.capture.changes import add_outages, gaps, wait_for_outages
from integration.capture.engines import Engines, wait_until
from melpark.ingestion.database import connect
from melpark.places import CONNECTOR, NOTIFICATIONS_TOPIC, SUPERUSER, TOPIC_PREFIX
from melpark.processing import setup_debezium
from melpark.processing.capture import slot
from melpark.processing.capture.connector_log import OFFSETS_TOPIC
from melpark.processing.capture.guard import Guard, UndecidedError, look_before_start

DROP = "SELECT pg_drop_replication_slot('melpark')"
CREATE = "SELECT pg_create_logical_replication_slot('melpark', 'pgoutput')"
MOVE_ON = "SELECT pg_replication_slot_advance('melpark', pg_current_wal_lsn())"


@pytest.fixture
def guard(engines: Engines) -> Iterator[Guard]:
    guard = Guard(engines.settings)
    guard.look()
    yield guard
    guard.close()


def lose(engines: Engines) -> None:
    """Let PostgreSQL write more than it may keep for the slot."""
    engines.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'")
    engines.sql("SELECT pg_reload_conf()")
    try:
        for _ in range(8):
            engines.sql("SELECT pg_logical_emit_message(false, 'test', '')")
            engines.sql("SELECT pg_switch_wal()")
            engines.sql("CHECKPOINT")
        assert seen(engines).is_lost
    finally:
        engines.sql("ALTER SYSTEM RESET max_slot_wal_keep_size")
        engines.sql("SELECT pg_reload_conf()")


def recreate(engines: Engines) -> None:
    engines.sql(DROP)
    engines.sql(CREATE)


def producer(engines: Engines, **options: object) -> Producer:
    return Producer({"bootstrap.servers": f"127.0.0.1:{engines.settings.kafka_port}", **options})


def tell_position(told: Producer, offset: dict[str, object]) -> None:
    """Write a position as Connect does."""
    key = json.dumps([CONNECTOR, {"server": TOPIC_PREFIX}], separators=(",", ":"))
    told.produce(OFFSETS_TOPIC, json.dumps(offset), key)


def begin_a_snapshot_and_end_at_once(engines: Engines) -> None:
    """What Debezium has committed of a snapshot before its first row: that it began, and a position without content."""
    told = producer(engines)
    started = {
        "id": str(uuid.uuid4()),
        "type": "STARTED",
        "aggregate_type": "Initial Snapshot",
        "additional_data": {"connector_name": TOPIC_PREFIX},
        "timestamp": time.time_ns() // 1_000_000,
    }
    told.produce(NOTIFICATIONS_TOPIC, json.dumps(started))
    tell_position(told, {})
    assert told.flush(30) == 0


def seen(engines: Engines) -> slot.Slot:
    with connect(engines.settings, SUPERUSER) as session:
        return slot.read(session)


@pytest.mark.parametrize(
    ("month", "harm", "kind"),
    [
        ("2031-01", lambda engines: engines.sql(DROP), "slot_missing"),
        ("2031-02", recreate, "slot_ahead"),
        ("2031-03", lambda engines: engines.sql(MOVE_ON), "slot_ahead"),
        ("2031-04", lose, "slot_lost"),
    ],
    ids=["dropped", "recreated", "moved on", "given up by PostgreSQL"],
)
def test_what_was_committed_while_the_slot_was_lost_is_filled_by_a_snapshot_and_written_down(
    month: str, harm: Callable[[Engines], object], kind: str, engines: Engines, guard: Guard
) -> None:
    engines.wait_until_streaming()
    before = len(gaps(engines))
    setup_debezium.stop(engines.settings)
    try:
        add_outages(engines, month, 3)
        harm(engines)
        guard.look()
    finally:
        setup_debezium.resume(engines.settings)

    def is_filled() -> bool:
        guard.look()
        return all(gap["snapshot_finished_at"] for gap in gaps(engines)[before:])

    wait_until(is_filled, "the gap is filled")
    assert [gap["kind"] for gap in gaps(engines)[before:]] == [kind]
    assert set(wait_for_outages(engines, month, 3).values()) == {1}
    engines.wait_until_streaming()
    assert seen(engines).wal_status == "reserved"


def test_a_slot_that_was_moved_on_while_connect_was_down_is_noticed_before_it_starts(
    engines: Engines, guard: Guard
) -> None:
    engines.wait_until_streaming()
    before = len(gaps(engines))
    engines.stop("connect")
    add_outages(engines, "2031-05", 2)
    engines.sql(MOVE_ON)
    look_before_start(engines.settings)
    engines.start("connect")
    assert set(wait_for_outages(engines, "2031-05", 2).values()) == {1}
    assert [gap["kind"] for gap in gaps(engines)[before:]] == ["slot_ahead"]


def test_a_snapshot_that_was_ended_before_its_first_row_is_taken_again(
    engines: Engines, guard: Guard
) -> None:
    engines.wait_until_streaming()
    before = len(gaps(engines))
    setup_debezium.stop(engines.settings)
    add_outages(engines, "2031-08", 3)
    recreate(engines)
    begin_a_snapshot_and_end_at_once(engines)
    setup_debezium.resume(engines.settings)

    def is_filled() -> bool:
        engines.is_running()
        guard.look()
        found = gaps(engines)[before:]
        return bool(found) and all(gap["snapshot_finished_at"] for gap in found)

    wait_until(is_filled, "the gap is filled")
    assert [gap["kind"] for gap in gaps(engines)[before:]] == ["snapshot_again", "snapshot_cut_off"]
    assert set(wait_for_outages(engines, "2031-08", 3).values()) == {1}


def test_a_slot_ahead_of_a_transaction_that_may_still_be_committed_is_not_judged(
    engines: Engines, guard: Guard
) -> None:
    engines.wait_until_streaming()
    before = len(gaps(engines))
    setup_debezium.stop(engines.settings)
    told = producer(engines, **{"transactional.id": "melpark-test"})
    told.init_transactions(30)
    try:
        add_outages(engines, "2031-09", 3)
        engines.sql(MOVE_ON)
        told.begin_transaction()
        tell_position(told, {"lsn": seen(engines).confirmed_lsn, "lsn_proc": seen(engines).confirmed_lsn})
        assert told.flush(30) == 0
        with pytest.raises(UndecidedError):
            guard.look()
        assert len(gaps(engines)) == before
        ended = threading.Timer(2, told.abort_transaction, [30])
        ended.start()
        look_before_start(engines.settings)
        ended.join()
        assert [gap["kind"] for gap in gaps(engines)[before:]] == ["slot_ahead"]
    finally:
        setup_debezium.resume(engines.settings)
    assert set(wait_for_outages(engines, "2031-09", 3).values()) == {1}


def test_a_connector_that_was_down_for_long_goes_on_where_it_stood(engines: Engines, guard: Guard) -> None:
    engines.wait_until_streaming()
    before = len(gaps(engines))
    setup_debezium.stop(engines.settings)
    add_outages(engines, "2031-06", 500)
    for _ in range(3):
        engines.sql("SELECT pg_switch_wal()")
        engines.sql("CHECKPOINT")
    guard.look()
    assert (seen(engines).behind_bytes or 0) > 2 * 2**24
    add_outages(engines, "2031-07", 500)
    setup_debezium.resume(engines.settings)
    assert set(wait_for_outages(engines, "2031-06", 500).values()) == {1}
    assert set(wait_for_outages(engines, "2031-07", 500).values()) == {1}
    guard.look()
    assert len(gaps(engines)) == before
    wait_until(lambda: (seen(engines).behind_bytes or 0) < 2**24, "the WAL is let go")
