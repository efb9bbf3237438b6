"""Bronze holds every message of Kafka once, whatever happens to the query's progress."""

import shutil
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from confluent_kafka import TopicPartition
from deltalake import DeltaTable, write_deltalake

from integration.lake import engines
from integration.lake.changes import Change
from integration.lake.conftest import Lake
from melpark.contracts import POLLS, RULE_VERSIONS
from melpark.errors import StopError
from melpark.places import topic
from melpark.processing import bronze_position, kafka_log, query, spark_loader, streams, topics
from melpark.processing import lake as reads
from melpark.processing.kafka_admin import admin


def messages_by_topic(lake: Lake) -> Counter[str]:
    _, rows = query.sql(lake.settings, "SELECT topic, count(*) FROM bronze.change_events GROUP BY topic")
    return Counter(dict(rows))


def duplicates(lake: Lake) -> int:
    _, rows = query.sql(
        lake.settings,
        'SELECT count(*) - count(DISTINCT (topic_id, topic, "partition", "offset")) FROM bronze.change_events',
    )
    return int(rows[0][0])


def test_bronze_holds_every_message_once_and_leaves_heartbeats_and_signals_out(lake: Lake) -> None:
    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0


def test_a_lost_checkpoint_neither_loses_nor_repeats_a_message(lake: Lake) -> None:
    shutil.rmtree(spark_loader.checkpoint(lake.home))
    polls = [change for change in lake.history.changes if change.table is POLLS]
    lake.write(polls[-1])
    lake.run()

    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0


def test_the_newest_poll_is_known_without_spark(lake: Lake) -> None:
    newest = max(change.row["poll_id"] for change in lake.history.changes if change.table is POLLS)

    assert reads.newest_poll_id_in_bronze(lake.home) == newest
    assert reads.newest_poll_id_in_silver(lake.home) == newest
    assert reads.rows(lake.home.bronze) == lake.messages.total()


def test_headers_and_times_are_kept(lake: Lake) -> None:
    _, rows = query.sql(
        lake.settings,
        f"SELECT count(*) FROM bronze.change_events "
        f"WHERE topic = '{topic('polls')}' AND arrived_at >= kafka_at AND key IS NOT NULL "
        "AND headers[1]['key'] = 'of' AND decode(headers[1]['value']) = topic",
    )
    assert rows[0][0] == lake.messages[topic("polls")]


def rule_version(zone: int) -> Change:
    at = datetime(2025, 8, 1, tzinfo=UTC)
    row = {
        "zone_number": zone,
        "start_at": at,
        "end_at": at,
        "is_current": True,
        "plates": "[]",
        "observed_at": at,
    }
    return Change(RULE_VERSIONS, row, lsn=zone)


def test_a_batch_of_many_rows_is_written_as_small_files(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silver takes whole files into memory: one of a long backlog would be too much for it."""
    monkeypatch.setattr(spark_loader, "ROWS_PER_FILE", 50)
    version = DeltaTable(lake.home.bronze).version()
    lake.write(*[rule_version(zone) for zone in range(500, 620)])
    lake.run()

    files = pa.table(DeltaTable(lake.home.bronze).get_add_actions(flatten=True)).to_pylist()
    written = [file["num_records"] for file in files if file["partition.topic"] == topic(RULE_VERSIONS.name)]
    assert DeltaTable(lake.home.bronze).version() > version
    assert written.count(50) == 2


def test_what_kafka_deleted_before_it_was_read_is_an_error_with_a_way_back(lake: Lake) -> None:
    name = topic(RULE_VERSIONS.name)
    lake.write(rule_version(1))
    read = lake.messages[name]
    lake.run()
    for zone in (2, 3, 4):
        lake.write(rule_version(zone))
    assert lake.producer.flush(30) == 0
    for future in (
        admin(lake.settings.kafka_address).delete_records([TopicPartition(name, 0, read + 2)]).values()
    ):
        future.result()
    lake.messages[name] -= 2
    del lake.written[-3:-1]
    before = messages_by_topic(lake)

    with pytest.raises(StopError, match=rf"offset {read} to {read + 1}: Kafka deleted it.*accept-gap"):
        lake.run()
    assert messages_by_topic(lake) == before
    assert [(gap.first, gap.end) for gap in streams.accept_gap(lake.settings)] == [(read, read + 2)]
    lake.run()

    assert messages_by_topic(lake) == lake.messages
    assert streams.accept_gap(lake.settings) == []
    _, rows = query.sql(
        lake.settings, 'SELECT topic, "offset", reason FROM silver.quarantine WHERE payload IS NULL'
    )
    assert [row[:2] for row in rows] == [(name, read)]


def test_a_topic_made_anew_is_an_error_and_its_events_are_not_taken_for_the_old_ones(lake: Lake) -> None:
    name = topic(RULE_VERSIONS.name)
    old_id = kafka_log.topic_ids(lake.settings)[name]
    for future in admin(lake.settings.kafka_address).delete_topics([name]).values():
        future.result()
    engines.wait_until(lambda: name not in kafka_log.topics(lake.settings), "the topic gone")
    topics.make(lake.settings)
    engines.wait_until(
        lambda: kafka_log.topic_ids(lake.settings).get(name, old_id) != old_id, "the topic made anew"
    )
    # As many as the old one had: its offsets alone would hide them all.
    for zone in range(11, 11 + lake.messages[name] + 3):
        lake.write(rule_version(zone))

    with pytest.raises(StopError, match="deleted and made anew"):
        lake.run()
    assert len(streams.accept_gap(lake.settings)) == 1
    lake.run()
    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0

    # Without a checkpoint the table says where each of the two topics ended.
    shutil.rmtree(spark_loader.checkpoint(lake.home))
    lake.write(rule_version(5))
    lake.run()
    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0


def test_a_log_whose_end_was_lost_and_written_anew_is_read_again_from_its_beginning(lake: Lake) -> None:
    name = topic(RULE_VERSIONS.name)
    lake.run()
    # What bronze read of Kafka before it lost power: another event at the offset of the one that is there now.
    span = kafka_log.describe(lake.settings)[name].partitions[0]
    lake.write(rule_version(6))
    assert lake.producer.flush(30) == 0
    at = datetime.now(UTC)
    read = DeltaTable(lake.home.bronze).schema().to_arrow()
    row = {
        "topic": name,
        "partition": 0,
        "offset": span.latest,
        "key": "{}",
        "kafka_at": at,
        "arrived_at": at,
    }
    row |= {"topic_id": bronze_position.known(lake.home).ids[name]}
    write_deltalake(lake.home.bronze, pa.Table.from_pylist([row], pa.schema(read)), mode="append")
    shutil.rmtree(spark_loader.checkpoint(lake.home))
    before = messages_by_topic(lake)

    with pytest.raises(StopError, match=r"written anew.*accept-gap"):
        lake.run()
    assert messages_by_topic(lake) == before
    assert [gap.topic for gap in streams.accept_gap(lake.settings)] == [name]
    lake.run()
    # All that Kafka holds once more, beside what was read.
    lake.messages[name] = before[name] + span.latest + 1 - span.earliest
    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0

    # With and without a checkpoint it goes on after what was read of the log that is there.
    lake.write(rule_version(7))
    lake.run()
    shutil.rmtree(spark_loader.checkpoint(lake.home))
    lake.write(rule_version(8))
    lake.run()
    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0
