"""Bronze: every change event of Kafka as it is, once, appended to one Delta table.

Nothing is parsed, so nothing can be lost to a schema. Exactly once: Delta remembers the batch of the query
that it committed last; and when the checkpoint is gone, the table's own greatest offsets say where to go on.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pyspark.sql.connect.session import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from melpark.contracts import SENSORS
from melpark.places import Home
from melpark.places import topic as topic_of
from melpark.processing import bronze_position, kafka_log, lake, merging
from melpark.processing.bronze_position import MARKER, Known, Unread
from melpark.processing.kafka_log import Partition, Topic
from melpark.processing.tables import BRONZE, QUARANTINE
from melpark.settings import Settings

log = logging.getLogger(__name__)

PRESENT = topic_of(SENSORS.name)
# Small batches leave one or two files per topic, large ones still use both cores.
WRITERS = 2
# Silver takes whole files into memory, and after a backlog a batch has half a million rows.
ROWS_PER_FILE = 25_000


def checkpoint(home: Home) -> Path:
    """The folder of the query's progress."""
    return home.checkpoints / "bronze"


def start(spark: SparkSession, settings: Settings, available_now: bool = False) -> StreamingQuery:
    """Start the query: until the end of the topics as they are now, or for ever.

    The table must exist (melpark.processing.catalogue.create). Raises RetryableError when Kafka does not
    answer, StopError when it no longer holds what was not read.
    """
    home = Home(settings.home.resolve())
    where = _where(spark, settings, home)
    now, known = where.now, where.known
    bronze_position.require_no_gaps(_unread(settings, home, where))
    known.ids = {name: topic.id for name, topic in now.items()}
    bronze_position.keep(home, known)
    events = (
        spark.readStream.format("kafka")
        .options(
            **{
                "kafka.bootstrap.servers": settings.kafka_address,
                "subscribePattern": kafka_log.TOPICS,
                # Read only where the checkpoint holds no progress.
                "startingOffsets": bronze_position.starts(now, where.positions, known),
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
            f"{_id_sql(now)} AS topic_id",
        )
        .coalesce(WRITERS)
    )
    writer = (
        events.writeStream.format("delta")
        .queryName("bronze")
        .outputMode("append")
        .option("checkpointLocation", str(checkpoint(home)))
        .option("maxRecordsPerFile", str(ROWS_PER_FILE))
    )
    writer = (
        writer.trigger(availableNow=True)
        if available_now
        else writer.trigger(processingTime=f"{settings.bronze_trigger_seconds} seconds")
    )
    return writer.start(str(home.bronze))


def accept_gaps(spark: SparkSession, settings: Settings) -> list[Unread]:
    """Let bronze go on from what Kafka holds; each gap becomes a row of quarantine. Returns the gaps.

    The query must not run. Raises RetryableError when Kafka does not answer.
    """
    home = Home(settings.home.resolve())
    where = _where(spark, settings, home)
    found, known = _unread(settings, home, where), where.known
    if not found:
        return []
    at = datetime.now(UTC)
    rows = [
        {
            "topic": gap.topic,
            "partition": gap.partition,
            "offset": gap.first,
            "reason": f"lost before it was read: {gap}",
            "topic_id": known.ids.get(gap.topic),
            "arrived_at": at,
        }
        for gap in found
    ]
    merging.again_when_overtaken(partial(merging.insert, home.silver(QUARANTINE.name), QUARANTINE, rows))
    # First what is accepted, then the checkpoint: killed between the two, the gaps are found again.
    known.ids = {name: topic.id for name, topic in where.now.items()} | known.ids
    bronze_position.accept(found, where.now, known)
    bronze_position.keep(home, known)
    shutil.rmtree(checkpoint(home), ignore_errors=True)
    return found


def made_anew(settings: Settings, home: Home) -> list[str]:
    """Topics that were deleted and made anew since the query started. Raises RetryableError without Kafka.

    Until that is noticed events of the new topic may be written under the id of the old one; they are read again
    under their own, for a topic made anew is read from its beginning.
    """
    ids = bronze_position.known(home).ids
    return [
        name
        for name, now in kafka_log.topic_ids(settings).items()
        if bronze_position.kafka_id(ids.get(name, now)) != now
    ]


@dataclass
class _Where:
    """What Kafka holds, and where bronze goes on in it."""

    now: Mapping[str, Topic]
    positions: Mapping[Partition, int]
    known: Known
    hidden: int


def _unread(settings: Settings, home: Home, where: _Where) -> list[Unread]:
    read = {
        partition: last
        for partition, (topic_id, last) in lake.last_read(home).items()
        if _holds(where.now, partition, topic_id, last.offset)
    }
    held = kafka_log.records(settings, {partition: last.offset for partition, last in read.items()})
    other = bronze_position.rewritten(read, held)
    return bronze_position.gaps(where.now, where.positions, where.known, where.hidden, other)


def _holds(now: Mapping[str, Topic], partition: Partition, topic_id: str | None, offset: int) -> bool:
    topic = now.get(partition[0])
    span = topic.partitions.get(partition[1]) if topic and topic.id == topic_id else None
    # Compaction takes single records out of the topic of the present.
    return span is not None and span.earliest <= offset < span.latest and partition[0] != PRESENT


def _where(spark: SparkSession, settings: Settings, home: Home) -> _Where:
    now, known = kafka_log.describe(settings), bronze_position.known(home)
    positions = bronze_position.of_checkpoint(checkpoint(home))
    if positions:
        return _Where(bronze_position.with_lives(now, known.ids), positions, known, hidden=0)
    held = spark.sql(
        "SELECT topic, partition, topic_id, max(offset), max(kafka_at) "
        f"FROM delta.`{home.bronze}` GROUP BY topic, partition, topic_id"
    ).collect()
    if held:
        log.warning("The checkpoint of %s is gone; going on after the table's own offsets", BRONZE.name)
    if positions is None:
        # Without progress the folder holds no more than a name for the query.
        shutil.rmtree(checkpoint(home), ignore_errors=True)
    known.ids = bronze_position.newest_ids(held) | known.ids
    now = bronze_position.with_lives(now, known.ids)
    return _Where(now, bronze_position.of_table(held, now), known, hidden=MARKER)


def _id_sql(now: Mapping[str, Topic]) -> str:
    pairs = ", ".join(f"'{name}', '{topic.id}'" for name, topic in sorted(now.items()))
    return f"element_at(map({pairs}), topic)" if pairs else "CAST(NULL AS string)"
