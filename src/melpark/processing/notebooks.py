"""What the Databricks notebooks call: bronze and silver on the session that they are given.

The tables and checkpoints lie under the settings' home as on one machine, only that it is a path of the workspace.
"""

from collections.abc import Callable, Mapping

from pyspark.sql.connect.session import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from melpark import settings as configuration
from melpark.places import Home
from melpark.processing import catalogue, silver, spark_loader, streams
from melpark.settings import Settings

# Change events as files: one JSON object a line, with a message's coordinates, key, value and time.
FILE_SCHEMA = (
    "topic string, partition int, offset bigint, key string, value string, "
    "headers array<struct<key:string,value:binary>>, kafka_at timestamp"
)


def run_bronze(spark: SparkSession, widget: Callable[[str], str]) -> Mapping[str, int]:
    """What the notebook Bronze does, by its widgets: home, kafka_servers, available_now, source, folder."""
    settings, available_now = _settings(widget, "kafka_servers"), widget("available_now") == "true"
    source = widget("source")
    if source == "kafka":
        return bronze(spark, settings, available_now)
    return bronze_of_files(spark, settings, widget("folder"), source, available_now)


def run_silver(spark: SparkSession, widget: Callable[[str], str]) -> Mapping[str, int]:
    """What the notebook Silver does, by its widgets: home, available_now."""
    return silver_of_bronze(spark, _settings(widget), widget("available_now") == "true")


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
