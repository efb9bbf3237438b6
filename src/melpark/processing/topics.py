"""The topics of the change log, made by us and not by whoever writes first."""

from concurrent.futures import Future
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from melpark import contracts
from melpark.contracts import Table
from melpark.errors import RetryableError
from melpark.places import TOPIC_PREFIX, topic
from melpark.settings import Settings

DAY_MS = 86_400_000
HISTORY_DAYS = 30
BAY_PARTITIONS = 3


@dataclass(frozen=True)
class TopicPlan:
    """Name, number of partitions (never changed: it would part a bay's events) and settings of one topic."""

    name: str
    partitions: int
    config: dict[str, str]


def plan() -> list[TopicPlan]:
    """Every topic that the connector writes: one per captured table, and its heartbeat."""
    heartbeat = TopicPlan(f"__debezium-heartbeat.{TOPIC_PREFIX}", 1, {"retention.ms": str(DAY_MS)})
    return [*(_of_table(table) for table in contracts.CAPTURED), heartbeat]


def _of_table(table: Table) -> TopicPlan:
    partitions = BAY_PARTITIONS if table.kafka_key == ("kerbside_id",) else 1
    if table is contracts.SENSORS:
        # The newest row of each bay stays for ever, also of a bay that has not changed for a year.
        config = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.2", "segment.ms": str(DAY_MS)}
    else:
        config = {"cleanup.policy": "delete", "retention.ms": str(HISTORY_DAYS * DAY_MS)}
    return TopicPlan(topic(table.name), partitions, config)


def make(settings: Settings) -> list[str]:
    """Make the missing topics and put right the settings of the others. Returns the names made."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{settings.kafka_port}", "log_level": 0})
    try:
        existing = set(admin.list_topics(timeout=10).topics)
        plans = plan()
        wanted = [p for p in plans if p.name not in existing]
        new = [
            NewTopic(p.name, num_partitions=p.partitions, replication_factor=1, config=p.config)
            for p in wanted
        ]
        for future in (admin.create_topics(new) if new else {}).values():
            _done(future)
        changes = [
            ConfigResource(
                ResourceType.TOPIC,
                p.name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in p.config.items()
                ],
            )
            for p in plans
            if p.name in existing
        ]
        for future in (admin.incremental_alter_configs(changes) if changes else {}).values():
            future.result(timeout=10)
    except KafkaException as error:
        raise RetryableError(
            "Kafka's topics could not be made", error.args[0].str(), "Is Kafka running?"
        ) from None
    return [p.name for p in wanted]


def _done(future: "Future[None]") -> None:
    try:
        future.result(timeout=10)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
