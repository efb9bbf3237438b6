"""What the Databricks notebooks call: bronze and silver on the session that they are given.

With a catalogue they write its tables (melpark.processing.governed), as Databricks wants it. Without one, tables and
checkpoints lie under the settings' home as on one machine, which must be a real file system and no volume.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql.connect.session import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from melpark import settings as configuration
from melpark.places import Home
from melpark.processing import catalogue, governed, silver, spark_loader, streams
from melpark.settings import Settings

# Change events as files: one JSON object a line, with a message's coordinates, key, value and time.
FILE_SCHEMA = (
    "topic string, partition int, offset bigint, key string, value string, "
    "headers array<struct<key:string,value:binary>>, kafka_at timestamp"
)


def run_bronze(spark: SparkSession, dbutils: Any) -> Mapping[str, int]:
    """What the notebook Bronze does, by its widgets: catalog, or home and available_now; kafka_servers, source,
    folder, secret_scope."""
    widget = dbutils.widgets.get
    if widget("catalog"):
        return governed.run_bronze(spark, widget, lambda scope, key: str(dbutils.secrets.get(scope, key)))
    settings, available_now = _settings(widget, "kafka_servers"), widget("available_now") == "true"
    source = widget("source")
    if source == "kafka":
        return bronze(spark, settings, available_now)
    return bronze_of_files(spark, settings, widget("folder"), source, available_now)


def run_silver(spark: SparkSession, dbutils: Any) -> Mapping[str, int]:
    """What the notebook Silver does, by its widgets: catalog, or home and available_now."""
    widget = dbutils.widgets.get
    if widget("catalog"):
        return governed.run_silver(spark, widget)
    return silver_of_bronze(spark, _settings(widget), widget("available_now") == "true")


def run_maintenance(spark: SparkSession, dbutils: Any) -> None:
    """What the notebook Maintenance does, by its widget catalog; a home has `melpark schedule`."""
    governed.run_maintenance(spark, dbutils.widgets.get)


def bronze(spark: SparkSession, settings: Settings, available_now: bool = True) -> Mapping[str, int]:
    """Kafka to bronze; returns the rows when it ends, which without `available_now` it does not."""
    _prepare(spark, settings)
    return _ended(spark_loader.start(spark, settings, available_now), settings, "bronze")


def bronze_of_files(
    spark: SparkSession,
    settings: Settings,
    folder: str,
    source: str = "cloudFiles",
    available_now: bool = True,
) -> Mapping[str, int]:
    """Files of change events to bronze, each file once: Auto Loader, or `json`, Spark's own reader of files.

    For a workspace that cannot reach Kafka: a sink connector writes the files.
    """
    _prepare(spark, settings)
    home = Home(settings.home.resolve())
    reader = spark.readStream.format(source).schema(FILE_SCHEMA)
    if source == "cloudFiles":
        reader = reader.option("cloudFiles.format", "json")
    writer = (
        reader.load(folder)
        .selectExpr("*", "current_timestamp() AS arrived_at", "CAST(NULL AS string) AS topic_id")
        .writeStream.format("delta")
        .queryName("bronze_of_files")
        .outputMode("append")
        .option("checkpointLocation", str(home.checkpoints / "bronze_of_files"))
    )
    if available_now:
        writer = writer.trigger(availableNow=True)
    return _ended(writer.start(str(home.bronze)), settings, "bronze")


def silver_of_bronze(
    spark: SparkSession, settings: Settings, available_now: bool = True
) -> Mapping[str, int]:
    """Bronze to silver; returns the rows of each table when it ends."""
    _prepare(spark, settings)
    return _ended(silver.start(spark, settings, available_now), settings, "silver")


def _settings(widget: Callable[[str], str], *optional: str) -> Settings:
    given = {name: widget(name) for name in ("home", *optional)}
    return configuration.load({name: value or None for name, value in given.items()})


def _prepare(spark: SparkSession, settings: Settings) -> None:
    catalogue.register(spark, Home(settings.home.resolve()))


def _ended(query: StreamingQuery, settings: Settings, layer: str) -> Mapping[str, int]:
    query.awaitTermination()
    return streams.counts(Home(settings.home.resolve()), frozenset({layer}))
