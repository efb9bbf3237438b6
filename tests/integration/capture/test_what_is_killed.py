"""Laws of killed engines and lost topics: every committed row reaches Kafka once, or a snapshot brings it."""

import pytest

from integration.capture.changes import add_outages, gaps, wait_for_outages
from integration.capture.engines import Engines, wait_until
from melpark.places import topic
from melpark.processing import topics
from melpark.processing.capture.guard import Guard
from melpark.processing.kafka_admin import admin


@pytest.fixture(autouse=True)
def _streaming(engines: Engines) -> None:
    engines.wait_until_streaming()


def test_a_connector_killed_inside_a_large_transaction_writes_each_of_its_rows_once(engines: Engines) -> None:
    rows = 20_000
    add_outages(engines, "2034-01", rows)
    partition = topics_end(engines)
    wait_until(lambda: topics_end(engines) > partition, "the transaction is being written")
    engines.kill("connect")
    written = topics_end(engines) - partition
    assert written < rows, "the kill came too late"
    engines.start("connect")
    assert set(wait_for_outages(engines, "2034-01", rows).values()) == {1}


@pytest.mark.parametrize(("victim", "month"), [("postgres", "2034-05"), ("kafka", "2034-06")])
def test_what_is_committed_around_a_kill_arrives_once(victim: str, month: str, engines: Engines) -> None:
    before = len(gaps(engines))
    add_outages(engines, month, 2000)
    engines.kill(victim)
    engines.start(victim)
    add_outages(engines, f"{month[:-2]}{int(month[-2:]) + 2:02}", 2000)
    engines.wait_until_streaming()
    assert set(wait_for_outages(engines, month, 2000).values()) == {1}
    assert set(wait_for_outages(engines, f"{month[:-2]}{int(month[-2:]) + 2:02}", 2000).values()) == {1}
    assert len(gaps(engines)) == before


def test_a_deleted_topic_is_made_anew_written_down_and_filled(engines: Engines) -> None:
    add_outages(engines, "2034-10", 5)
    wait_for_outages(engines, "2034-10", 5)
    name = topic("feed_outages")
    guard = Guard(engines.settings)
    guard.look()
    before = len(gaps(engines))
    admin(engines.settings.kafka_address).delete_topics([name])[name].result(30)
    wait_until(lambda: [p.name for p in topics.missing(engines.settings)] == [name], "the topic is gone")

    def is_filled() -> bool:
        engines.is_running()
        guard.look()
        return bool(gaps(engines)[before:]) and bool(gaps(engines)[-1]["snapshot_finished_at"])

    wait_until(is_filled, "the gap is filled")
    guard.close()
    (gap,) = gaps(engines)[before:]
    assert (gap["kind"], gap["table_name"]) == ("topic_missing", "feed_outages")
    add_outages(engines, "2034-11", 5)
    engines.wait_until_streaming()
    assert set(wait_for_outages(engines, "2034-10", 5).values()) == {1}
    assert set(wait_for_outages(engines, "2034-11", 5).values()) == {1}


def topics_end(engines: Engines) -> int:
    return engines.end_of(topic("feed_outages"))
