"""The tables on disk and the catalogue, which is no more than a cache of them.

Tables are made with delta-rs, in milliseconds and before Spark is up; whoever reads and writes by path needs
no catalogue. It is there for dbt and for people, and can be made again at any time.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.schema import ArrayType, PrimitiveType, StructType

from melpark.places import Home
from melpark.processing.tables import BRONZE, HEADERS, TABLES, LakeColumn, LakeTable
from melpark.settings import Settings

if TYPE_CHECKING:
    # Whoever only asks for the tables on disk does without Spark's client and its 90 MiB.
    from pyspark.sql.connect.session import SparkSession

log = logging.getLogger(__name__)

DATABASES = ("bronze", "silver", "gold")

PROPERTIES = {
    # Off, so that delta-rs and DuckDB read everything.
    "delta.enableDeletionVectors": "false",
    # Spark's interval; delta-rs would wait for a hundred commits, each of which every reader opens.
    "delta.checkpointInterval": "10",
}
OF_BRONZE = {
    # Spark would pack the small files within a batch, which then comes later; the worker of silver packs them.
    "delta.autoOptimize.autoCompact": "false",
    # Minima of whole JSON texts help no one and cost every commit.
    "delta.dataSkippingStatsColumns": "partition,offset,kafka_at",
    # Spark writes each within a batch, which then comes later (docs/benchmarks.md).
    "delta.checkpointInterval": "100",
}
DELTA_TYPE: dict[str, Any] = {
    "string": PrimitiveType("string"),
    "int": PrimitiveType("integer"),
    "bigint": PrimitiveType("long"),
    "double": PrimitiveType("double"),
    "boolean": PrimitiveType("boolean"),
    "timestamp": PrimitiveType("timestamp"),
    "date": PrimitiveType("date"),
    HEADERS: ArrayType(
        StructType([Field("key", PrimitiveType("string")), Field("value", PrimitiveType("binary"))]),
        contains_null=True,
    ),
}


def create(home: Home) -> list[LakeTable]:
    """Make the tables of bronze and silver that are not on disk, and add the columns that a contract gained.

    Returns the tables that gained columns, which are null in the rows that were there.
    """
    changed = []
    for table in TABLES:
        path = path_of(home, table)
        if not is_on_disk(home, table):
            _create(path, table)
            continue
        held = DeltaTable(path)
        known = {field.name for field in held.schema().fields}
        gained = [_field(column, True) for column in table.columns if column.name not in known]
        if gained:
            held.alter.add_columns(gained)
            changed.append(table)
    return changed


def set_retention(home: Home, settings: Settings) -> None:
    """Give the tables of bronze and silver the settings' retention, and what older homes lack."""
    every = PROPERTIES | {
        "delta.deletedFileRetentionDuration": f"interval {settings.lake_retention_days} days",
        "delta.logRetentionDuration": f"interval {settings.lake_log_retention_days} days",
    }
    for table in TABLES:
        held = DeltaTable(path_of(home, table))
        wanted = every | (OF_BRONZE if table is BRONZE else {})
        if not wanted.items() <= held.metadata().configuration.items():
            held.alter.set_table_properties(wanted)


def register(spark: "SparkSession", home: Home) -> None:
    """Make the databases, the tables, and a catalogue entry for every Delta table on disk that has none.

    Changes nothing that is there already, so it may run at every start and after the metastore was lost.
    """
    create(home)
    for database in DATABASES:
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {database} LOCATION '{home.lake / database}'")
        known = {row.tableName for row in spark.sql(f"SHOW TABLES IN {database}").collect()}
        for path in in_database(home, database):
            if path.name not in known:
                spark.sql(
                    f"CREATE TABLE IF NOT EXISTS {database}.`{path.name}` USING DELTA LOCATION '{path}'"
                )


def on_disk(home: Home) -> Iterator[tuple[str, Path]]:
    """Database and folder of every Delta table under the home."""
    for database in DATABASES:
        for path in in_database(home, database):
            yield database, path


def in_database(home: Home, database: str) -> list[Path]:
    """Folder of every Delta table of one database.

    A log without a commit is left by a build that was killed in its first one: no table yet, and the next build's.
    """
    logs = sorted((home.lake / database).glob("*/_delta_log"))
    return [log.parent for log in logs if _has_commit(log.parent)]


def path_of(home: Home, table: LakeTable) -> Path:
    """The table's folder."""
    return home.lake / table.database / table.name


def is_on_disk(home: Home, table: LakeTable) -> bool:
    """True when the folder holds a Delta table with at least one commit."""
    return _has_commit(path_of(home, table))


def committed_at(path: Path) -> int | None:
    """When something was last committed to a table, in nanoseconds since 1970; None when there is no table yet."""
    try:
        return (path / "_delta_log").stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _has_commit(path: Path) -> bool:
    return any((path / "_delta_log").glob("*.json"))


def _create(path: Path, table: LakeTable) -> None:
    try:
        DeltaTable.create(
            path,
            schema=Schema([_field(column, column.nullable) for column in table.columns]),
            description=table.grain,
            partition_by=list(table.partitioned_by),
            configuration=PROPERTIES | (OF_BRONZE if table is BRONZE else {}),
            mode="ignore",
            raise_if_key_not_exists=False,
        )
    except CommitFailedError:
        # Another process made the same table at the same moment.
        log.info("%s was made by another process", path)


def _field(column: LakeColumn, nullable: bool) -> Field:
    return Field(
        column.name, DELTA_TYPE[column.type], nullable=nullable, metadata={"comment": column.description}
    )
