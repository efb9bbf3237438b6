"""Bronze holds every message of Kafka once, whatever happens to the query's progress."""

import shutil
from collections import Counter

from integration.lake.conftest import Lake
from melpark.contracts import POLLS
from melpark.places import topic
from melpark.processing import lake as reads
from melpark.processing import query, spark_loader


def messages_by_topic(lake: Lake) -> Counter[str]:
    _, rows = query.sql(lake.settings, "SELECT topic, count(*) FROM bronze.change_events GROUP BY topic")
    return Counter(dict(rows))


def duplicates(lake: Lake) -> int:
    _, rows = query.sql(
        lake.settings,
        'SELECT count(*) - count(DISTINCT (topic, "partition", "offset")) FROM bronze.change_events',
    )
    return int(rows[0][0])


def test_bronze_holds_every_message_once(lake: Lake) -> None:
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
        f"WHERE topic = '{topic('polls')}' AND arrived_at >= kafka_at AND key IS NOT NULL",
    )
    assert rows[0][0] == lake.messages[topic("polls")]
