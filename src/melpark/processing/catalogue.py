"""The catalogue is a cache of what lies on disk: every table can be registered again."""

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql.connect.session import SparkSession

from melpark.places import Home
from melpark.processing.tables import BRONZE, TABLES, LakeTable

DATABASES = ("bronze", "silver", "gold")

# Deletion vectors stay off so that delta-rs and DuckDB read everything.
PROPERTIES = {
    "delta.enableDeletionVectors": "false",
    # Streams commit small files for ever; compaction follows them without a schedule.
    "delta.autoOptimize.autoCompact": "true",
}


def register(spark: SparkSession, home: Home) -> None:
    """Make the databases, the tables of the contracts, and an entry for every Delta table on disk.

    Changes nothing that is there already, so it may run at every start and after the metastore was lost.
    """
    for database in DATABASES:
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {database} LOCATION '{home.lake / database}'")
    for table in TABLES:
        _create(spark, home, table)
    for database, path in on_disk(home):
        spark.sql(f"CREATE TABLE IF NOT EXISTS {database}.`{path.name}` USING DELTA LOCATION '{path}'")


def on_disk(home: Home) -> Iterator[tuple[str, Path]]:
    """Database and folder of every Delta table under the home."""
    for database in DATABASES:
        for log in sorted((home.lake / database).glob("*/_delta_log")):
            # A build that was killed before its first commit leaves an empty log behind.
            if any(log.glob("*.json")):
                yield database, log.parent


def path_of(home: Home, table: LakeTable) -> Path:
    """The table's folder."""
    return home.lake / table.database / table.name


def is_on_disk(home: Home, table: LakeTable) -> bool:
    """True when the folder holds a Delta table with at least one commit."""
    return any((path_of(home, table) / "_delta_log").glob("*.json"))


def _create(spark: SparkSession, home: Home, table: LakeTable) -> None:
    name, path = f"{table.database}.{table.name}", path_of(home, table)
    if is_on_disk(home, table):
        spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING DELTA LOCATION '{path}'")
        _add_missing_columns(spark, name, table)
        return
    # An entry whose folder is gone would hide the new table behind an error.
    spark.sql(f"DROP TABLE IF EXISTS {name}")
    properties = ", ".join(f"'{key}'='{value}'" for key, value in (PROPERTIES | _statistics(table)).items())
    partitioned = f"PARTITIONED BY ({', '.join(table.partitioned_by)})" if table.partitioned_by else ""
    spark.sql(
        f"CREATE TABLE {name} ({', '.join(column.ddl for column in table.columns)}) USING DELTA "
        f"{partitioned} LOCATION '{path}' COMMENT '{table.grain}' "
        f"TBLPROPERTIES ({properties})"
    )


def _statistics(table: LakeTable) -> dict[str, str]:
    # Minima of whole JSON texts help no one and cost every commit.
    return {"delta.dataSkippingStatsColumns": "partition,offset,kafka_at"} if table is BRONZE else {}


def _add_missing_columns(spark: SparkSession, name: str, table: LakeTable) -> None:
    """A contract that grew: the new column is null in the rows of before."""
    have = set(spark.table(name).columns)
    for column in table.columns:
        if column.name not in have:
            spark.sql(f"ALTER TABLE {name} ADD COLUMN `{column.name}` {column.type}")
