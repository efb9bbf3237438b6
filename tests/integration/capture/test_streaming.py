"""Laws of streaming: each committed change once and in order per bay, its key whole, its images full."""

from collections import defaultdict
from collections.abc import Iterator

import httpx
import pytest

from integration.capture.changes import add_events, add_outages, outages_in_kafka, wait_for_outages
from integration.capture.engines import Engines, wait_until
from melpark.ingestion.database import connect
from melpark.places import CONNECTOR, SUPERUSER
from melpark.processing import setup_debezium
from melpark.processing.capture import slot


@pytest.fixture(autouse=True)
def _streaming(engines: Engines) -> None:
    engines.wait_until_streaming()


def test_the_events_of_a_bay_lie_in_one_partition_in_the_order_of_their_commits(engines: Engines) -> None:
    bays = [f"order{number}" for number in range(12)]
    for part in range(5):
        engines.sql("SELECT parking.make_event_parts(ARRAY['2032-01-01Z'::timestamptz])")
        engines.sql(
            "INSERT INTO parking.sensor_events SELECT bay, '2032-01-01Z'::timestamptz + %s * interval '1 hour'"
            " - number * interval '1 minute', 'Present', '2032-02-01Z', '2032-02-01Z', NULL, 'live'"
            " FROM unnest(%s::text[]) AS bay, generate_series(1, 10) AS number ORDER BY number, bay",
            part + 1,
            bays,
        )
    committed = [
        row["status_changed_at"]
        for row in engines.rows("sensor_events", "kerbside_id = 'order0' ORDER BY ctid")
    ]
    read: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)

    def have_come() -> bool:
        read.clear()
        for message in engines.messages("sensor_events"):
            key = engines.parsed(message.key())
            if key["kerbside_id"].startswith("order"):
                read[key["kerbside_id"]].append((message.partition() or 0, key))
        return sum(map(len, read.values())) >= 600

    wait_until(have_come, "600 events in Kafka")
    assert sum(map(len, read.values())) == 600
    assert {len({partition for partition, _ in events}) for events in read.values()} == {1}
    assert {partition for events in read.values() for partition, _ in events} == {0, 1, 2}
    for events in read.values():
        assert all(set(key) == {"kerbside_id", "status_changed_at"} for _, key in events)
        moments = [key["status_changed_at"] for _, key in events]
        assert [instant(moment) for moment in moments] == [instant(moment) for moment in committed]


def of(month: str) -> str:
    """SQL: the outages of a month."""
    return f"to_char(start_at AT TIME ZONE 'UTC', 'YYYY-MM') = '{month}'"


def instant(text: str) -> str:
    return text.replace("+00:00", "").replace(".000000Z", "")


def test_an_update_and_a_delete_carry_the_row_before_and_a_delete_a_tombstone(engines: Engines) -> None:
    add_outages(engines, "2032-02", 1)
    engines.sql(f"UPDATE parking.feed_outages SET origin = 'seed' WHERE {of('2032-02')}")
    engines.sql(f"DELETE FROM parking.feed_outages WHERE {of('2032-02')}")
    wait_until(lambda: len(outages_in_kafka(engines, "2032-02")) == 3, "three changes in Kafka")
    created, updated, deleted = (
        event
        for event in engines.events("feed_outages")
        if (event["after"] or event["before"])["start_at"].startswith("2032-02")
    )
    assert [created["op"], updated["op"], deleted["op"]] == ["c", "u", "d"]
    assert updated["before"] == created["after"]
    assert deleted["before"] == updated["after"] == created["after"] | {"origin": "seed"}
    tombstones = [message for message in engines.messages("feed_outages") if message.value() is None]
    assert engines.parsed(tombstones[-1].key()) == {"start_at": created["after"]["start_at"]}


def test_events_of_every_month_come_under_the_name_of_the_whole_table(engines: Engines) -> None:
    for month in ("2032-03", "2032-04"):
        add_events(engines, month, ["months"], 2)
    # A month without a part of its own.
    engines.sql(
        "INSERT INTO parking.sensor_events VALUES"
        " ('months', '2002-01-01Z', 'Present', '2032-02-01Z', '2032-02-01Z', NULL, 'live')"
    )

    def tables() -> list[str]:
        events = engines.events("sensor_events")
        return [e["source"]["table"] for e in events if e["after"]["kerbside_id"] == "months"]

    wait_until(lambda: len(tables()) >= 5, "five events in Kafka")
    assert tables() == ["sensor_events"] * 5


def test_a_configuration_that_was_changed_by_hand_is_put_right_and_told(engines: Engines) -> None:
    url = f"http://127.0.0.1:{engines.settings.connect_port}/connectors/{CONNECTOR}/config"
    changed = setup_debezium.configuration(engines.settings) | {"max.batch.size": "7"}
    httpx.put(url, json=changed, timeout=30).raise_for_status()
    assert setup_debezium.register(engines.settings) == "corrected: max.batch.size"
    assert httpx.get(url, timeout=30).json()["max.batch.size"] == "8192"
    assert setup_debezium.register(engines.settings) == "unchanged"


def test_the_slot_moves_on_while_only_tables_that_are_not_captured_are_written(engines: Engines) -> None:
    add_outages(engines, "2032-05", 1)
    wait_for_outages(engines, "2032-05", 1)
    engines.sql("CREATE TABLE IF NOT EXISTS public.busy (filler text)")
    engines.sql("INSERT INTO public.busy SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    written = engines.sql("SELECT (pg_current_wal_lsn() - '0/0')::bigint")[0][0]

    def confirmed() -> int:
        with connect(engines.settings, SUPERUSER) as session:
            return slot.read(session).confirmed_lsn or 0

    assert confirmed() < written
    wait_until(lambda: confirmed() >= written, "the slot has moved on")
    assert len(outages_in_kafka(engines, "2032-05")) == 1


@pytest.fixture
def _same_columns_afterwards(engines: Engines) -> Iterator[None]:
    yield
    engines.sql("ALTER TABLE parking.feed_outages DROP COLUMN IF EXISTS remark")
    engines.sql("ALTER TABLE parking.feed_outages ALTER COLUMN origin SET NOT NULL")


@pytest.mark.usefixtures("_same_columns_afterwards")
def test_a_column_added_changed_and_dropped_shows_in_the_events_and_stops_nothing(engines: Engines) -> None:
    add_outages(engines, "2032-06", 1)
    engines.sql("ALTER TABLE parking.feed_outages ADD COLUMN remark integer")
    add_outages(engines, "2032-07", 1)
    engines.sql(f"UPDATE parking.feed_outages SET remark = 7 WHERE {of('2032-07')}")
    engines.sql("ALTER TABLE parking.feed_outages ALTER COLUMN remark TYPE text")
    add_outages(engines, "2032-08", 1)
    engines.sql(f"UPDATE parking.feed_outages SET remark = 'seven' WHERE {of('2032-08')}")
    engines.sql("ALTER TABLE parking.feed_outages DROP COLUMN remark")
    add_outages(engines, "2032-09", 1)
    wait_for_outages(engines, "2032-09", 1)
    images = [
        event["after"]
        for event in engines.events("feed_outages")
        if event["after"] and "2032-06" <= event["after"]["start_at"] < "2032-10"
    ]
    absent = "no such field"
    assert [image.get("remark", absent) for image in images] == [absent, None, 7, None, "seven", absent]
    assert engines.is_running()
