"""MERGE of typed rows into Delta tables by key, as cheaply as the batch allows.

Planning costs more than the data of a small batch: rows go to Spark as one local relation, files that cannot hold
a key are left out by its range, and where no row is known yet, which is nearly always so, one insert-only MERGE
does it.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake.exceptions import CommitFailedError
from pyspark.errors import PySparkException
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession

from melpark.processing.change_events import Key, Row
from melpark.processing.tables import LakeTable, SilverTable

log = logging.getLogger(__name__)

ATTEMPTS = 5
CONFLICT = ("DELTA_CONCURRENT", "ConcurrentModification", "DELTA_METADATA_CHANGED", "MetadataChanged")
ARROW_TYPE: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}
BLOCK = 1000
RANGED = frozenset({"timestamp", "int", "bigint", "date"})
DELETED = "_is_deleted"
LATER = (
    "came.lsn > coalesce(held.lsn, -1) OR (coalesce(came.lsn, -1) = coalesce(held.lsn, -1) "
    "AND came.offset > held.offset)"
)


def again_when_overtaken(merge: Callable[[], object]) -> None:
    """Run a merge, and again when another writer, such as a compaction, committed in the middle of it.

    What is run may be repeated at any time, as a merge by key may.
    """
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            merge()
            return
        except (PySparkException, CommitFailedError) as error:
            is_overtaken = isinstance(error, CommitFailedError) or any(
                word in str(error) for word in CONFLICT
            )
            if not attempts_left or not is_overtaken:
                raise
            log.warning("Overtaken by another writer, merging again: %s", str(error).splitlines()[0])


def upsert_later(
    spark: SparkSession,
    path: Path,
    table: LakeTable,
    rows: Collection[Row],
    deleted: Collection[Row] = (),
) -> None:
    """New keys in, known keys only by a later change, and by a later deletion out."""
    everything = [*rows, *deleted]
    if not everything:
        return
    names = names_of(table, everything)
    came = relation(spark, table, names, everything)
    if not deleted:
        came.createOrReplaceTempView(_view(table))
        if insert_new(spark, path, table, names, everything) == len(everything):
            return
    else:
        gone = [False] * len(rows) + [True] * len(deleted)
        flagged = _arrow(table, names, everything).append_column(DELETED, pa.array(gone))
        spark.createDataFrame(flagged).createOrReplaceTempView(_view(table))
    spark.sql(
        f"MERGE INTO delta.`{path}` AS held USING {_view(table)} AS came ON {_same(table, everything)} "
        + (f"WHEN MATCHED AND came.{DELETED} AND ({LATER}) THEN DELETE " if deleted else "")
        + f"WHEN MATCHED AND ({LATER}) THEN UPDATE SET {_sets(names)} WHEN NOT MATCHED "
        + (f"AND NOT came.{DELETED} " if deleted else "")
        + f"THEN INSERT {_inserts(names)}"
    )


def upsert(spark: SparkSession, path: Path, table: LakeTable, rows: Collection[Row]) -> None:
    """New keys in, known keys as they come."""
    if not rows:
        return
    names = names_of(table, rows)
    relation(spark, table, names, rows).createOrReplaceTempView(_view(table))
    spark.sql(
        f"MERGE INTO delta.`{path}` AS held USING {_view(table)} AS came ON {_same(table, rows)} "
        f"WHEN MATCHED THEN UPDATE SET {_sets(names)} WHEN NOT MATCHED THEN INSERT {_inserts(names)}"
    )


def insert(spark: SparkSession, path: Path, table: LakeTable, rows: Collection[Row]) -> None:
    """New keys in; known keys stay as they are."""
    if not rows:
        return
    names = names_of(table, rows)
    relation(spark, table, names, rows).createOrReplaceTempView(_view(table))
    insert_new(spark, path, table, names, rows)


def insert_new(
    spark: SparkSession, path: Path, table: LakeTable, names: Sequence[str], rows: Collection[Row]
) -> int:
    """Insert the rows of the table's view whose key is new; returns how many they were."""
    merged = spark.sql(
        f"MERGE INTO delta.`{path}` AS held USING {_view(table)} AS came ON {_same(table, rows)} "
        f"WHEN NOT MATCHED THEN INSERT {_inserts(names)}"
    ).collect()
    return int(merged[0]["num_inserted_rows"])


def held_neighbours(
    spark: SparkSession, path: Path, table: SilverTable, spans: Mapping[Key, tuple[Any, Any]]
) -> dict[Key, Row]:
    """The rows of a table of versions that meet the spans, by their key: for each thing its versions from the first
    to the last of the span, the one before them and the one after them."""
    assert table.version is not None
    schema = {column.name: ARROW_TYPE[column.type] for column in table.lake.columns}
    things = [pa.array([thing[at] for thing in spans], schema[name]) for at, name in enumerate(table.thing)]
    ends = [pa.array([span[end] for span in spans.values()], schema[table.version]) for end in (0, 1)]
    view = f"{_view(table.lake)}_spans"
    asked = pa.table([*things, *ends], names=[*table.thing, "_first", "_last"])
    spark.createDataFrame(asked).createOrReplaceTempView(view)
    same = " AND ".join(f"held.`{name}` = asked.`{name}`" for name in table.thing)
    over = f"OVER (PARTITION BY {', '.join(f'`{name}`' for name in table.thing)} ORDER BY `{table.version}`)"
    found = spark.sql(
        f"""SELECT * EXCEPT (_first, _last, _next, _previous) FROM (
              SELECT *, lead(`{table.version}`) {over} AS _next, lag(`{table.version}`) {over} AS _previous
              FROM (SELECT /*+ BROADCAST(asked) */ held.*, _first, _last
                    FROM delta.`{path}` AS held JOIN {view} AS asked ON {same}))
            WHERE coalesce(_next >= _first, true) AND coalesce(_previous <= _last, true)"""
    ).toArrow()
    return {tuple(row[name] for name in table.lake.key): row for row in found.to_pylist()}


def add_columns(spark: SparkSession, path: Path, names: Collection[str]) -> None:
    """Add the text columns that the table lacks."""
    known = set(spark.sql(f"SELECT * FROM delta.`{path}`").columns)
    gained = sorted(set(names) - known)
    if gained:
        columns = ", ".join(f"`{name}` STRING" for name in gained)
        spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS ({columns})")


def names_of(table: LakeTable, rows: Iterable[Row]) -> list[str]:
    """The table's columns that the rows have, and those beyond the contract."""
    present = {name for row in rows for name in row}
    own = [name for name in table.column_names if name in present]
    return own + sorted(present - set(table.column_names))


def relation(spark: SparkSession, table: LakeTable, names: Sequence[str], rows: Collection[Row]) -> DataFrame:
    """The rows as a local relation."""
    return spark.createDataFrame(_arrow(table, names, rows))


def _arrow(table: LakeTable, names: Sequence[str], rows: Collection[Row]) -> pa.Table:
    types = {column.name: ARROW_TYPE[column.type] for column in table.columns}
    arrays = [pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in names]
    return pa.table(arrays, names=list(names))


def _view(table: LakeTable) -> str:
    return f"came_{table.name}"


def _same(table: LakeTable, rows: Collection[Row]) -> str:
    types = {column.name: column.type for column in table.columns}
    nullable = {column.name for column in table.columns if column.nullable}
    equal = [f"held.`{name}` {'<=>' if name in nullable else '='} came.`{name}`" for name in table.key]
    # Follows from the equality, and lets Delta leave out the files that hold none of the keys.
    ranges = [
        f"held.`{name}` BETWEEN {literal(first)} AND {literal(last)}"
        for name in table.key
        if types[name] in RANGED and name not in nullable
        for first, last in [around([row[name] for row in rows])]
    ]
    return " AND ".join(equal + ranges)


def around(values: Sequence[Any]) -> tuple[Any, Any]:
    """A range that holds the values, in whole days or thousands.

    Spark compiles literals into its code: with the exact ends every batch would be compiled anew.
    """
    first, last = min(values), max(values)
    if isinstance(first, datetime):
        return (
            first.replace(hour=0, minute=0, second=0, microsecond=0),
            last.replace(hour=23, minute=59, second=59, microsecond=999_999),
        )
    if isinstance(first, date):
        return first, last
    return first // BLOCK * BLOCK, last // BLOCK * BLOCK + BLOCK


def literal(value: Any) -> str:
    """The value in SQL."""
    match value:
        case datetime():
            return f"TIMESTAMP '{value.astimezone(UTC).isoformat(' ', 'microseconds')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case _:
            return f"{value}L"


def _sets(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}` = came.`{name}`" for name in names)


def _inserts(names: Sequence[str]) -> str:
    return f"({', '.join(f'`{name}`' for name in names)}) VALUES ({', '.join(f'came.`{name}`' for name in names)})"
