"""Bronze and silver as tables of Unity Catalog, for Databricks: the same rows as on one machine, merged by Spark.

A governed table is written by its name and by Spark alone, and a volume lacks the rename by which delta-rs commits
(ADR 0022). What an event means is not written again: events are typed and versions cut by the code that silver uses.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql.connect import functions
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession

from melpark.errors import StopError
from melpark.processing import merging, silver
from melpark.processing.change_events import Key, Misfit, Row, Typed, typed
from melpark.processing.intervals import cut, spans
from melpark.processing.tables import QUARANTINE, SCHEMA_CHANGES, TABLES, LakeTable, SilverTable

log = logging.getLogger(__name__)

LIMIT_WINDOW = timedelta(days=1)
DATABASES = ("bronze", "silver")


@dataclass(frozen=True)
class Catalog:
    """A catalogue, and what goes before the names of its schemas where several people share it."""

    name: str
    prefix: str = ""

    def schema(self, database: str) -> str:
        return f"`{self.name}`.`{self.prefix}{database}`"

    def table(self, table: LakeTable) -> str:
        """The table's full name, quoted."""
        return f"{self.schema(table.database)}.`{table.name}`"


def create(spark: SparkSession, catalog: Catalog, database: str) -> None:
    """Make a layer's schema and tables that are not there, from the contracts; a column that one gained is added."""
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {catalog.schema(database)}")
    there = {row.tableName for row in spark.sql(f"SHOW TABLES IN {catalog.schema(database)}").collect()}
    for table in TABLES:
        if table.database != database:
            continue
        if table.name in there:
            _add_columns(spark, catalog, table, {column.name: column.type for column in table.columns})
        else:
            spark.sql(_definition(catalog, table))


def write_batch(catalog: Catalog, limit: int, batch: DataFrame, batch_id: int) -> None:
    """Merge one batch of bronze into every silver table that it speaks of.

    A batch that was written in part before may be written again. Raises StopError, before anything was written, when it
    would bring more misfits into quarantine than `limit` within a day.
    """
    spark = batch.sparkSession
    found = {table: typed(table, events) for table, events in silver.by_table(batch).items()}
    misfits = [misfit for one in found.values() for misfit in one.misfits]
    _require_few(spark, catalog, misfits, limit)
    _note_schema(spark, catalog, found)
    _insert(spark, catalog, QUARANTINE, [misfit._asdict() for misfit in misfits])
    for table, one in found.items():
        if table.version:
            _upsert_versions(spark, catalog, table, one)
        else:
            _upsert_later(spark, catalog, table.lake, one)
    if misfits:
        log.warning("%d change events do not fit and are in quarantine", len(misfits))


def _definition(catalog: Catalog, table: LakeTable) -> str:
    columns = ", ".join(
        f"`{column.name}` {column.type}{'' if column.nullable else ' NOT NULL'} COMMENT {_quoted(column.description)}"
        for column in table.columns
    )
    parts = ", ".join(f"`{name}`" for name in table.partitioned_by)
    return (
        f"CREATE TABLE IF NOT EXISTS {catalog.table(table)} ({columns}) USING delta"
        f"{f' PARTITIONED BY ({parts})' if parts else ''} COMMENT {_quoted(table.grain)}"
    )


def _upsert_later(spark: SparkSession, catalog: Catalog, table: LakeTable, found: Typed) -> None:
    everything = [*found.rows.values(), *found.deleted.values()]
    if not everything:
        return
    names = merging.names_of(table, everything)
    gone = [False] * len(found.rows) + [True] * len(found.deleted)
    _merge(
        spark,
        catalog,
        table,
        _frame(spark, table, everything, gone),
        f"WHEN MATCHED AND came.{merging.DELETED} AND {_LATER} THEN DELETE "
        f"WHEN MATCHED AND NOT came.{merging.DELETED} AND {_LATER} THEN UPDATE SET {_assignments(names)} "
        f"WHEN NOT MATCHED AND NOT came.{merging.DELETED} THEN INSERT {_values(names)}",
    )


def _upsert_versions(spark: SparkSession, catalog: Catalog, table: SilverTable, found: Typed) -> None:
    """Of each thing that the batch speaks of all versions are read, and cut anew with those that came."""
    if not found.rows:
        return
    held = _held(spark, catalog, table, spans(table, found.rows.values()))
    changed = [
        row for key, row in cut(table, held, found.rows).items() if not silver.is_same(held.get(key), row)
    ]
    if changed:
        names = merging.names_of(table.lake, changed)
        _merge(
            spark,
            catalog,
            table.lake,
            _frame(spark, table.lake, changed),
            f"WHEN MATCHED THEN UPDATE SET {_assignments(names)} WHEN NOT MATCHED THEN INSERT {_values(names)}",
        )


def _held(
    spark: SparkSession, catalog: Catalog, table: SilverTable, things: Collection[Key]
) -> dict[Key, Row]:
    wanted = [dict(zip(table.thing, thing, strict=True)) for thing in things]
    same = " AND ".join(f"held.`{name}` <=> wanted.`{name}`" for name in table.thing)
    found = spark.sql(
        f"SELECT held.* FROM {catalog.table(table.lake)} AS held LEFT SEMI JOIN {{wanted}} AS wanted ON {same}",
        wanted=_frame(spark, table.lake, wanted),
    )
    return {tuple(row[name] for name in table.lake.key): row for row in found.toArrow().to_pylist()}


def _insert(spark: SparkSession, catalog: Catalog, table: LakeTable, rows: Sequence[Row]) -> None:
    if rows:
        clause = f"WHEN NOT MATCHED THEN INSERT {_values(merging.names_of(table, rows))}"
        _merge(spark, catalog, table, _frame(spark, table, rows), clause)


def _merge(spark: SparkSession, catalog: Catalog, table: LakeTable, came: DataFrame, clauses: str) -> None:
    # A key column may be null (the topic's id), and null is one value of it.
    same = " AND ".join(f"held.`{name}` <=> came.`{name}`" for name in table.key)
    spark.sql(
        f"MERGE INTO {catalog.table(table)} AS held USING {{came}} AS came ON {same} {clauses}",
        came=came,
    ).collect()


def _frame(
    spark: SparkSession, table: LakeTable, rows: Sequence[Row], gone: Sequence[bool] | None = None
) -> DataFrame:
    data = merging.arrow(table, merging.names_of(table, rows), rows)
    return spark.createDataFrame(data if gone is None else data.append_column(merging.DELETED, [gone]))


def _require_few(spark: SparkSession, catalog: Catalog, misfits: Sequence[Misfit], limit: int) -> None:
    if not misfits:
        return
    coordinates = {(one.topic_id, one.topic, one.partition, one.offset) for one in misfits}
    newest = max((misfit.arrived_at for misfit in misfits if misfit.arrived_at), default=None)
    if newest is not None:
        # Spark leaves parameters of BETWEEN unbound.
        held = (
            spark.table(catalog.table(QUARANTINE))
            .where(functions.col("arrived_at").between(newest - LIMIT_WINDOW, newest))
            .select("topic_id", "topic", "partition", "offset")
        )
        coordinates |= {tuple(row) for row in held.collect()}
    if len(coordinates) > limit:
        raise StopError(
            f"{len(coordinates)} change events within a day do not fit, more than the limit of {limit}",
            f"{misfits[0].topic}, offset {misfits[0].offset}: {misfits[0].reason}",
            "Nothing of the batch was written; mend the contract or raise MELPARK_QUARANTINE_LIMIT, then run again",
        )


def _note_schema(spark: SparkSession, catalog: Catalog, found: Mapping[SilverTable, Typed]) -> None:
    notes: list[Row] = []
    for table, one in found.items():
        _add_columns(spark, catalog, table.lake, dict.fromkeys(one.added, "string"))
        for change, events in (("added", one.added), ("missing", one.missing)):
            notes += [
                {
                    "table_name": table.contract.name,
                    "column_name": name,
                    "change": change,
                    "topic": event.topic,
                    "partition": event.partition,
                    "offset": event.offset,
                }
                for name, event in events.items()
            ]
    _insert(spark, catalog, SCHEMA_CHANGES, notes)


def _add_columns(spark: SparkSession, catalog: Catalog, table: LakeTable, wanted: Mapping[str, str]) -> None:
    if not wanted:
        return
    known = {column.lower() for column in spark.table(catalog.table(table)).columns}
    gained = {name: kind for name, kind in wanted.items() if name.lower() not in known}
    if gained:
        columns = ", ".join(f"{_name(name)} {kind}" for name, kind in gained.items())
        spark.sql(f"ALTER TABLE {catalog.table(table)} ADD COLUMNS ({columns})")


_LATER = (
    "(came.lsn > coalesce(held.lsn, -1) OR (coalesce(came.lsn, -1) = coalesce(held.lsn, -1) "
    "AND came.`offset` > held.`offset`))"
)


def _assignments(names: Sequence[str]) -> str:
    return ", ".join(f"held.{_name(name)} = came.{_name(name)}" for name in names)


def _values(names: Sequence[str]) -> str:
    columns = ", ".join(_name(name) for name in names)
    return f"({columns}) VALUES ({', '.join(f'came.{_name(name)}' for name in names)})"


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
