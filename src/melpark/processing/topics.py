"""The topics of the change log, made by us and not by whoever writes first."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from melpark import contracts
from melpark.contracts import Table
from melpark.errors import RetryableError
from melpark.places import (
    HEARTBEATS_TOPIC,
    LIVE_ALERTS_TOPIC,
    LIVE_DEADLINES_TOPIC,
    LIVE_LATE_TOPIC,
    LIVE_OCCUPANCY_TOPIC,
    LIVE_PLACES_TOPIC,
    NOTIFICATIONS_TOPIC,
    SIGNALS,
    TOPIC_PREFIX,
    topic,
)
from melpark.processing.kafka_admin import admin
from melpark.settings import Settings

DAY_MS = 86_400_000
HISTORY_DAYS = 30
LIVE_DAYS = 2
BAY_PARTITIONS = 3
CALENDAR = (contracts.RULE_WINDOWS, contracts.RULE_VERSIONS)
CALENDAR_MARGIN_WEEKS = 4


@dataclass(frozen=True)
class TopicPlan:
    """Name, number of partitions (never changed: it would part a bay's events) and settings of one topic."""

    name: str
    partitions: int
    config: dict[str, str]


# Written by Flink: the newest value of each window for days, of each alert for a month, of each
# bay's place and deadline for ever.
LIVE = (
    TopicPlan(
        LIVE_OCCUPANCY_TOPIC,
        1,
        {
            "cleanup.policy": "compact,delete",
            "retention.ms": str(LIVE_DAYS * DAY_MS),
            "segment.ms": str(DAY_MS // 24),
        },
    ),
    TopicPlan(
        LIVE_ALERTS_TOPIC, 1, {"cleanup.policy": "compact,delete", "retention.ms": str(HISTORY_DAYS * DAY_MS)}
    ),
    TopicPlan(LIVE_PLACES_TOPIC, 1, {"cleanup.policy": "compact"}),
    TopicPlan(LIVE_DEADLINES_TOPIC, 1, {"cleanup.policy": "compact"}),
    TopicPlan(LIVE_LATE_TOPIC, 1, {"retention.ms": str(HISTORY_DAYS * DAY_MS)}),
)


def plan(rule_weeks_after: int = 4) -> list[TopicPlan]:
    """Every topic that the connector writes: one per captured table, and what it says of itself.

    `rule_weeks_after` is how far the rule calendar is written ahead.
    """
    return [
        *(_of_table(table, rule_weeks_after) for table in contracts.CAPTURED),
        TopicPlan(HEARTBEATS_TOPIC, 1, {"retention.ms": str(DAY_MS)}),
        TopicPlan(f"{TOPIC_PREFIX}.{SIGNALS}", 1, {"retention.ms": str(DAY_MS)}),
        TopicPlan(NOTIFICATIONS_TOPIC, 1, {"retention.ms": str(HISTORY_DAYS * DAY_MS)}),
        *LIVE,
    ]


def _of_table(table: Table, rule_weeks_after: int) -> TopicPlan:
    partitions = BAY_PARTITIONS if table.is_by_bay else 1
    if table is contracts.SENSORS:
        # The newest row of each bay stays for ever, also of a bay that has not changed for a year.
        config = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.2", "segment.ms": str(DAY_MS)}
    elif table in CALENDAR:
        # A rule must still be there on the day for which it was written, and a while after.
        days = max(HISTORY_DAYS, 7 * (rule_weeks_after + CALENDAR_MARGIN_WEEKS))
        config = {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS)}
    else:
        config = {"cleanup.policy": "delete", "retention.ms": str(HISTORY_DAYS * DAY_MS)}
    return TopicPlan(topic(table.name), partitions, config)


def missing(settings: Settings) -> list[TopicPlan]:
    """The topics that Kafka does not hold. Raises RetryableError when it does not answer."""
    with _explained():
        existing = set(admin(settings.kafka_address).list_topics(timeout=10).topics)
    return [p for p in plan(settings.rule_weeks_after) if p.name not in existing]


def make(settings: Settings) -> list[str]:
    """Make the missing topics and put right the settings of the others. Returns the names made."""
    wanted = missing(settings)
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            p.name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in p.config.items()
            ],
        )
        for p in plan(settings.rule_weeks_after)
        if p not in wanted
    ]
    new = [
        NewTopic(p.name, num_partitions=p.partitions, replication_factor=1, config=p.config) for p in wanted
    ]
    client = admin(settings.kafka_address)
    with _explained():
        for future in (client.create_topics(new) if new else {}).values():
            _done(future)
        for future in (client.incremental_alter_configs(changes) if changes else {}).values():
            future.result(timeout=10)
    return [p.name for p in wanted]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise RetryableError(
            "Kafka's topics could not be made", error.args[0].str(), "Is Kafka running?"
        ) from None


def _done(future: "Future[None]") -> None:
    try:
        future.result(timeout=10)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
