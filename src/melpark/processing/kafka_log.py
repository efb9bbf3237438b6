"""What Kafka holds of the change log: topics with their ids, and the offsets of each partition."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from melpark.errors import RetryableError
from melpark.places import SCHEMA, TOPIC_PREFIX
from melpark.processing.kafka_admin import admin
from melpark.settings import Settings

TOPICS = rf"{TOPIC_PREFIX}\.{SCHEMA}\..*"


Partition = tuple[str, int]


@dataclass(frozen=True)
class Span:
    """Offsets of one partition: the first that is there, and the one that will be written next."""

    earliest: int
    latest: int


@dataclass(frozen=True)
class Last:
    """A record: its offset, and when Kafka was given it."""

    offset: int
    at: datetime


@dataclass(frozen=True)
class Topic:
    """One topic; another id under the same name means that it was deleted and made anew."""

    id: str
    partitions: Mapping[int, Span]


def topics(settings: Settings, timeout: float = 10) -> dict[str, list[int]]:
    """Partitions of each captured topic. Raises RetryableError when Kafka does not answer."""
    try:
        found = admin(settings.kafka_address).list_topics(timeout=timeout).topics
    except KafkaException as error:
        raise _away(settings, error) from error
    return {name: sorted(topic.partitions) for name, topic in found.items() if re.fullmatch(TOPICS, name)}


def topic_ids(settings: Settings, timeout: float = 10) -> dict[str, str]:
    """Kafka's id of each captured topic. Raises RetryableError when Kafka does not answer."""
    return _ids(settings, list(topics(settings, timeout)), timeout)


def describe(settings: Settings, timeout: float = 10) -> dict[str, Topic]:
    """Every captured topic. Raises RetryableError when Kafka does not answer."""
    partitions = topics(settings, timeout)
    ids = _ids(settings, list(partitions), timeout)
    asked = [TopicPartition(name, number) for name, numbers in partitions.items() for number in numbers]
    try:
        ends = []
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):
            futures = admin(settings.kafka_address).list_offsets(
                dict.fromkeys(asked, spec), request_timeout=timeout
            )
            ends.append({(at.topic, at.partition): future.result().offset for at, future in futures.items()})
    except KafkaException as error:
        raise _away(settings, error) from error
    earliest, latest = ends
    return {
        name: Topic(
            ids[name],
            {number: Span(earliest[name, number], latest[name, number]) for number in numbers},
        )
        for name, numbers in partitions.items()
        if name in ids
    }


def records(
    settings: Settings, offsets: Mapping[Partition, int], timeout: float = 30
) -> dict[Partition, Last | None]:
    """The first committed record at or after an offset of each partition; None where there is none.

    Raises RetryableError when Kafka does not answer.
    """
    found: dict[Partition, Last | None] = {}
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_address,
            "group.id": "melpark-bronze",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "latest",
            "log_level": 0,
        }
    )
    try:
        consumer.assign([TopicPartition(*partition, offset) for partition, offset in offsets.items()])
        deadline = time.monotonic() + timeout
        while len(found) < len(offsets):
            message = consumer.poll(max(0, deadline - time.monotonic()))
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            partition = (str(message.topic()), int(message.partition() or 0))
            if message.error() is None:
                at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
                found.setdefault(partition, Last(int(message.offset() or 0), at))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                found.setdefault(partition, None)
    except KafkaException as error:
        raise _away(settings, error) from error
    finally:
        consumer.close()
    return found


def _ids(settings: Settings, names: list[str], timeout: float) -> dict[str, str]:
    if not names:
        return {}
    try:
        futures = admin(settings.kafka_address).describe_topics(
            TopicCollection(names), request_timeout=timeout
        )
        return {name: str(future.result().topic_id) for name, future in futures.items()}
    except KafkaException as error:
        raise _away(settings, error) from error


def _away(settings: Settings, error: KafkaException) -> RetryableError:
    return RetryableError(
        f"Kafka does not answer on {settings.kafka_address}",
        error.args[0].str(),
        "See `melpark logs kafka`; `melpark up` starts it",
    )
