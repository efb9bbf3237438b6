"""Laws of the topics on a real broker: as planned, put right when changed, and the present outlives a year."""

import time

from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from integration.capture.engines import Engines, wait_until
from melpark.places import topic
from melpark.processing import topics
from melpark.processing.kafka_admin import admin

YEAR_MS = 365 * topics.DAY_MS
# So that a segment ends, and is looked at, within the test.
QUICK = {"segment.ms": "200", "segment.bytes": "1048576", "file.delete.delay.ms": "100"}


def settings_of(engines: Engines, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    found = admin(engines.settings.kafka_address).describe_configs([resource])[resource].result(30)
    return {key: entry.value for key, entry in found.items()}


def alter(engines: Engines, name: str, key: str, value: str) -> None:
    change = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])
    admin(engines.settings.kafka_address).incremental_alter_configs([resource])[resource].result(30)


def test_every_topic_has_its_partitions_and_settings(engines: Engines) -> None:
    found = admin(engines.settings.kafka_address).list_topics(timeout=30).topics
    for plan in topics.plan():
        assert len(found[plan.name].partitions) == plan.partitions
        assert plan.config.items() <= settings_of(engines, plan.name).items()


def test_settings_that_were_changed_by_hand_are_put_right(engines: Engines) -> None:
    alter(engines, topic("sensors"), "cleanup.policy", "delete")
    assert topics.make(engines.settings) == []
    assert settings_of(engines, topic("sensors"))["cleanup.policy"] == "compact"


def test_the_present_of_a_bay_that_did_not_change_for_a_year_outlives_compaction_and_a_history_does_not(
    engines: Engines,
) -> None:
    plans = {plan.name: plan for plan in topics.plan()}
    copies = {"test.present": plans[topic("sensors")], "test.history": plans[topic("sensor_events")]}
    new = [
        NewTopic(name, 1, 1, config=plan.config | QUICK | {"min.cleanable.dirty.ratio": "0.01"})
        for name, plan in copies.items()
    ]
    kafka = admin(engines.settings.kafka_address)
    for future in kafka.create_topics(new).values():
        future.result(30)
    long_ago = int(time.time() * 1000) - YEAR_MS
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{engines.settings.kafka_port}"})
    for name in copies:
        producer.produce(name, "still", "unchanged", timestamp=long_ago)
        producer.produce(name, "old", "busy", timestamp=long_ago)
    assert producer.flush(30) == 0

    def values(name: str) -> list[str]:
        # Each new message ends the segment before it, which then may be cleaned.
        for copy in copies:
            producer.produce(copy, "new", "busy")
        assert producer.flush(30) == 0
        return [(message.value() or b"").decode() for message in engines.read(name)]

    wait_until(lambda: "old" not in values("test.present"), "the present is compacted")
    wait_until(lambda: "still" not in values("test.history"), "the history of a year ago is gone")
    present = {message.key(): message.value() for message in engines.read("test.present")}
    assert present == {b"unchanged": b"still", b"busy": b"new"}
    kafka.delete_topics(list(copies))
