"""Bronze: every change event of Kafka as it is, once, appended to one Delta table.

Nothing is parsed, so nothing can be lost to a schema. Exactly once: Delta remembers the batch of the query
that it committed last; and when the checkpoint is gone, the table's own greatest offsets say where to go on.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from melpark.errors import RetryableError
from melpark.places import SCHEMA, TOPIC_PREFIX, Home
from melpark.processing.tables import BRONZE
from melpark.settings import Settings

log = logging.getLogger(__name__)

TOPICS = rf"{TOPIC_PREFIX}\.{SCHEMA}\..*"
EARLIEST = -2
# Small batches leave one or two files per topic, large ones still use both cores.
WRITERS = 2

Offsets = Mapping[tuple[str, int], int]


def checkpoint(home: Home) -> Path:
    """The folder of the query's progress."""
    return home.checkpoints / "bronze"


def start(spark: SparkSession, settings: Settings, available_now: bool = False) -> StreamingQuery:
    """Start the query: until the end of the topics as they are now, or for ever.

    The table must exist (melpark.processing.catalogue.register). Raises RetryableError when Kafka does not
    answer.
    """
    home = Home(settings.home.resolve())
    offsets = "earliest" if checkpoint(home).exists() else _after_the_table(spark, settings, home)
    events = (
        spark.readStream.format("kafka")
        .options(
            **{
                "kafka.bootstrap.servers": f"127.0.0.1:{settings.kafka_port}",
                "subscribePattern": TOPICS,
                "startingOffsets": offsets,
                "kafka.isolation.level": "read_committed",
                "kafka.metadata.max.age.ms": "2000",
                "kafka.fetch.max.wait.ms": "50",
                "includeHeaders": "true",
                "failOnDataLoss": "true",
                "maxOffsetsPerTrigger": "500000",
            }
        )
        .load()
        .selectExpr(
            "topic",
            "partition",
            "offset",
            "CAST(key AS string) AS key",
            "CAST(value AS string) AS value",
            "headers",
            "timestamp AS kafka_at",
            "current_timestamp() AS arrived_at",
        )
        .coalesce(WRITERS)
    )
    writer = (
        events.writeStream.format("delta")
        .queryName("bronze")
        .outputMode("append")
        .option("checkpointLocation", str(checkpoint(home)))
    )
    writer = (
        writer.trigger(availableNow=True)
        if available_now
        else writer.trigger(processingTime=f"{settings.bronze_trigger_seconds} seconds")
    )
    return writer.start(str(home.bronze))


def topics(settings: Settings, timeout: float = 10) -> dict[str, list[int]]:
    """Partitions of each captured topic that Kafka holds. Raises RetryableError when it does not answer."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{settings.kafka_port}"}, logger=log)
    try:
        found = admin.list_topics(timeout=timeout).topics
    except KafkaException as error:
        raise RetryableError(
            f"Kafka does not answer on 127.0.0.1:{settings.kafka_port}",
            error.args[0].str(),
            "See `melpark logs kafka`; `melpark up` starts it",
        ) from error
    return {name: sorted(topic.partitions) for name, topic in found.items() if re.fullmatch(TOPICS, name)}


def starting_offsets(partitions: Iterable[tuple[str, int]], newest: Offsets) -> str:
    """Spark's JSON: after the newest known offset of each partition, from the earliest where none is known."""
    starts: dict[str, dict[str, int]] = {}
    for topic, partition in sorted(partitions):
        known = newest.get((topic, partition))
        starts.setdefault(topic, {})[str(partition)] = EARLIEST if known is None else known + 1
    return json.dumps(starts)


def _after_the_table(spark: SparkSession, settings: Settings, home: Home) -> str:
    held = spark.sql(
        f"SELECT topic, partition, max(offset) FROM delta.`{home.bronze}` GROUP BY ALL"
    ).collect()
    if not held:
        return "earliest"
    log.warning("The checkpoint of %s is gone; going on after the table's own offsets", BRONZE.name)
    partitions = ((topic, number) for topic, numbers in topics(settings).items() for number in numbers)
    return starting_offsets(partitions, {(topic, partition): offset for topic, partition, offset in held})
