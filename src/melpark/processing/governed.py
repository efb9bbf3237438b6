"""Bronze and silver as tables of a catalogue, on the session that a notebook gives.

Each returns when everything that was there has been taken: serverless compute knows no other way, and a job's schedule
is the clock. What a query has read stands in its checkpoint, a folder of a volume.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pyspark.sql.connect.session import SparkSession
from pyspark.sql.connect.streaming.readwriter import DataStreamReader
from pyspark.sql.streaming.query import StreamingQuery

from melpark import settings as configuration
from melpark.errors import ConfigurationError
from melpark.processing import kafka_log, unity
from melpark.processing.tables import BRONZE, QUARANTINE, SILVER, LakeTable
from melpark.processing.unity import Catalog

# A batch is held in the driver's memory, which is larger than that of one machine's worker: fewer merges.
BATCH_BYTES = "64m"
# Change events as files: one JSON object a line, with a message's coordinates, key, value and time.
FILE_SCHEMA = (
    "topic string, partition int, offset bigint, key string, value string, "
    "headers array<struct<key:string,value:binary>>, kafka_at timestamp"
)
MESSAGE = (
    "topic",
    "partition",
    "offset",
    "CAST(key AS string) AS key",
    "CAST(value AS string) AS value",
    "headers",
    "timestamp AS kafka_at",
)
ARRIVAL = ("current_timestamp() AS arrived_at", "CAST(NULL AS string) AS topic_id")


@dataclass(frozen=True)
class Place:
    """Where a notebook writes: a catalogue, and a folder for what its queries have read."""

    catalog: Catalog
    checkpoints: str

    @classmethod
    def of(cls, widget: Callable[[str], str]) -> "Place":
        return cls(Catalog(widget("catalog"), widget("schema_prefix")), widget("checkpoints"))


def run_bronze(
    spark: SparkSession, widget: Callable[[str], str], secret: Callable[[str, str], str]
) -> Mapping[str, int]:
    """What the notebook Bronze does, by its widgets: catalog, schema_prefix, checkpoints, source, folder,
    kafka_servers, secret_scope. Returns the rows of bronze.

    `secret` gives a secret by scope and key: `kafka-options` is a JSON object of Kafka's client settings.
    """
    place, source = Place.of(widget), widget("source")
    if source != "kafka":
        return bronze_of_files(spark, place, widget("folder"), source)
    scope = widget("secret_scope")
    options = json.loads(secret(scope, "kafka-options")) if scope else {}
    return bronze(spark, place, widget("kafka_servers"), options)


def run_silver(spark: SparkSession, widget: Callable[[str], str]) -> Mapping[str, int]:
    """What the notebook Silver does, by its widgets: catalog, schema_prefix, checkpoints.

    Returns the rows of each table.
    """
    return silver_of_bronze(spark, Place.of(widget))


def run_maintenance(spark: SparkSession, widget: Callable[[str], str]) -> None:
    """Pack bronze and silver, and delete the files that no version of the retention needs; Databricks' own defaults."""
    catalog = Place.of(widget).catalog
    for table in (BRONZE, *(table.lake for table in SILVER), QUARANTINE):
        spark.sql(f"OPTIMIZE {catalog.table(table)}").collect()
        spark.sql(f"VACUUM {catalog.table(table)}").collect()


def bronze(
    spark: SparkSession, place: Place, servers: str, options: Mapping[str, str] | None = None
) -> Mapping[str, int]:
    """Kafka to bronze until the end of the topics as they are now. `options` are Kafka's, without the prefix."""
    if not servers:
        raise ConfigurationError(
            "Bronze does not know where Kafka is",
            "kafka_servers is empty",
            "Give host:port, several by commas",
        )
    events = (
        spark.readStream.format("kafka")
        .options(
            **{
                "kafka.bootstrap.servers": servers,
                "subscribePattern": kafka_log.TOPICS,
                "startingOffsets": "earliest",
                "kafka.isolation.level": "read_committed",
                "includeHeaders": "true",
                "failOnDataLoss": "true",
                "maxOffsetsPerTrigger": "500000",
            }
            | {f"kafka.{name}": value for name, value in (options or {}).items()}
        )
        .load()
        .selectExpr(*MESSAGE, *ARRIVAL)
    )
    return _into_bronze(spark, place, events.writeStream, "bronze")


def bronze_of_files(
    spark: SparkSession, place: Place, folder: str, source: str = "cloudFiles"
) -> Mapping[str, int]:
    """Files of change events to bronze, each file once: Auto Loader, or `json`, Spark's own reader of files.

    For a workspace that cannot reach Kafka: a sink connector writes the files.
    """
    reader: DataStreamReader = spark.readStream.format(source).schema(FILE_SCHEMA)
    if source == "cloudFiles":
        # The schema is given: a field that no column takes is no reason to stop, for the value is kept as a text.
        reader = reader.options(**{"cloudFiles.format": "json", "cloudFiles.schemaEvolutionMode": "none"})
    events = reader.load(folder).selectExpr("*", *ARRIVAL)
    return _into_bronze(spark, place, events.writeStream, "bronze_of_files")


def silver_of_bronze(spark: SparkSession, place: Place) -> Mapping[str, int]:
    """Bronze to silver until the end of bronze as it is now; returns the rows of each table."""
    unity.create(spark, place.catalog, "silver")
    topics = ", ".join(f"'{table.topic}'" for table in SILVER)
    query = (
        spark.readStream.option("maxBytesPerTrigger", BATCH_BYTES)
        .table(place.catalog.table(BRONZE))
        .where(f"topic IN ({topics})")
        .writeStream.queryName("silver")
        .option("checkpointLocation", f"{place.checkpoints}/silver")
        .foreachBatch(partial(unity.write_batch, place.catalog, configuration.load().quarantine_limit))
        .trigger(availableNow=True)
        .start()
    )
    return _ended(spark, query, place, [*(table.lake for table in SILVER), QUARANTINE])


def _into_bronze(spark: SparkSession, place: Place, writer, name: str) -> Mapping[str, int]:  # type: ignore[no-untyped-def]
    unity.create(spark, place.catalog, "bronze")
    query = (
        writer.format("delta")
        .queryName(name)
        .outputMode("append")
        .option("checkpointLocation", f"{place.checkpoints}/{name}")
        .trigger(availableNow=True)
        .toTable(place.catalog.table(BRONZE))
    )
    return _ended(spark, query, place, [BRONZE])


def _ended(
    spark: SparkSession, query: StreamingQuery, place: Place, tables: list[LakeTable]
) -> Mapping[str, int]:
    query.awaitTermination()
    counted = " UNION ALL ".join(
        f"SELECT '{table.database}.{table.name}' AS name, count(*) AS rows FROM {place.catalog.table(table)}"
        for table in tables
    )
    return {row.name: row.rows for row in spark.sql(counted).collect()}
