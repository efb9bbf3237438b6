"""Silver: change events typed by their contracts, one row per key, misfits in quarantine.

Each batch of bronze is merged by key, and a row gives way only to a higher offset: events of one key share
one partition, so offsets order them. Playing any part of bronze again, or all of it, changes nothing.
Deletes and tombstones leave the history as it is.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from melpark.contracts import Column, Type
from melpark.places import Home
from melpark.processing.tables import COORDINATE_NAMES, QUARANTINE, SILVER, SPARK_TYPE, LakeTable, SilverTable
from melpark.settings import Settings

ROW_OPERATIONS = ("c", "u", "r")
DELETE = "d"
AT_ONCE = 2


def checkpoint(home: Home) -> Path:
    """The folder of the query's progress."""
    return home.checkpoints / "silver"


def start(spark: SparkSession, settings: Settings, available_now: bool = False) -> StreamingQuery:
    """Start the query: until the end of bronze as it is now, or for ever. The tables must exist."""
    home = Home(settings.home.resolve())
    topics = ", ".join(f"'{table.topic}'" for table in SILVER)
    writer = (
        spark.readStream.format("delta")
        .option("maxBytesPerTrigger", "256m")
        .load(str(home.bronze))
        .where(f"topic IN ({topics})")
        .writeStream.queryName("silver")
        .option("checkpointLocation", str(checkpoint(home)))
        .foreachBatch(partial(write_batch, str(home.root)))
    )
    writer = (
        writer.trigger(availableNow=True)
        if available_now
        else writer.trigger(processingTime=f"{settings.silver_trigger_seconds} seconds")
    )
    return writer.start()


def write_batch(root: str, batch: DataFrame, batch_id: int) -> None:
    """Merge one batch of bronze into every silver table that it speaks of. Runs inside the Spark server."""
    spark, home = batch.sparkSession, Home(Path(root))
    batch.createOrReplaceTempView("changes")
    present = {row.topic for row in spark.sql("SELECT DISTINCT topic FROM changes").collect()}
    _merge(spark, home, [table for table in SILVER if table.topic in present])


def _merge(spark: SparkSession, home: Home, tables: Sequence[SilverTable]) -> None:
    if not tables:
        return
    # What is read as the sign that all else is there comes last.
    *first, last = (partial(_merge_table, spark, home, table) for table in tables)
    # Spark plans a statement on one thread.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        started = [threads.submit(merge) for merge in (*first, partial(_merge_misfits, spark, home, tables))]
    for merge in started:
        merge.result()
    last()


def _merge_table(spark: SparkSession, home: Home, table: SilverTable) -> None:
    spark.sql(merge_sql(table.lake, home.silver(table.lake.name), fitting_sql(table)))


def _merge_misfits(spark: SparkSession, home: Home, tables: Sequence[SilverTable]) -> None:
    misfits = " UNION ALL ".join(misfits_sql(table) for table in tables)
    if not spark.sql(misfits).isEmpty():
        spark.sql(merge_sql(QUARANTINE, home.silver(QUARANTINE.name), misfits))


def typed_sql(table: SilverTable) -> str:
    """The table's events of view `changes`: coordinates, columns, and what no contract can name: `_key`,
    `_value` and `_image` as received, `_op`, and `_reason`.

    `_reason` is null where the event fits. Every field is read as text and then cast, so that a value of a
    wrong type is told apart from a null.
    """
    columns = table.contract.columns
    names = ", ".join(f"`{column.name}`" for column in columns)
    fields = ", ".join(f"`{column.name}`: string" for column in columns)
    casts = ", ".join(_cast(column) for column in columns)
    derived = "".join(f", {expression} AS `{column.name}`" for column, expression in table.derived)
    coordinates = ", ".join(COORDINATE_NAMES)
    # `inline` of one struct is a wall: without it the optimizer copies the parsing of the JSON, and then each
    # cast, into every place that names a column, and does it as many times per event.
    return f"""
        SELECT *, {_reason(table)} AS _reason
        FROM (
          SELECT {coordinates}, key AS _key, value AS _value, _op, _image, {names}{derived}
          FROM changes
          LATERAL VIEW inline(array(from_json(value, 'op string, after struct<{fields}>'))) AS _op, _image
          LATERAL VIEW inline(array(struct({casts}))) AS {names}
          WHERE topic = '{table.topic}' AND (value IS NOT NULL OR key IS NULL)
        )"""


def fitting_sql(table: SilverTable) -> str:
    """The newest fitting event of each key in the batch."""
    names = ", ".join(f"`{name}`" for name in table.lake.column_names)
    key = ", ".join(f"`{name}`" for name in table.lake.key)
    return f"""
        SELECT {names}
        FROM (
          SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY offset DESC) AS _newest_first
          FROM ({typed_sql(table)})
          WHERE _reason IS NULL AND _op <> '{DELETE}'
        )
        WHERE _newest_first = 1"""


def misfits_sql(table: SilverTable) -> str:
    """The events of the batch that do not fit."""
    coordinates = ", ".join(COORDINATE_NAMES)
    names = f"{coordinates}, _reason AS reason, _key AS record_key, _value AS payload"
    return f"SELECT {names} FROM ({typed_sql(table)}) WHERE _reason IS NOT NULL"


def merge_sql(table: LakeTable, path: Path, source: str) -> str:
    """Merge `source` into the table: new keys in, known keys only by a higher offset."""
    same = " AND ".join(f"held.`{name}` = came.`{name}`" for name in table.key)
    return f"""
        MERGE INTO delta.`{path}` AS held USING ({source}) AS came ON {same}
        WHEN MATCHED AND came.offset > held.offset THEN UPDATE SET *
        WHEN NOT MATCHED THEN INSERT *"""


def _cast(column: Column) -> str:
    text = f"_image.`{column.name}`"
    match column.type:
        case Type.TEXT | Type.JSON:
            return text
        case Type.DATE:
            # Debezium writes a date as days since 1970.
            return f"date_from_unix_date(try_cast({text} AS int))"
        case other:
            return f"try_cast({text} AS {SPARK_TYPE[other]})"


def _reason(table: SilverTable) -> str:
    operations = ", ".join(f"'{operation}'" for operation in (*ROW_OPERATIONS, DELETE))
    checks = [
        ("_key IS NULL", "'null key'"),
        ("_op IS NULL", "'not a change event'"),
        (f"_op NOT IN ({operations})", "concat('unknown op ', _op)"),
        (f"_op = '{DELETE}'", "NULL"),
        ("_image IS NULL", "'no after image'"),
    ]
    for column in table.contract.columns:
        checks.append(
            (
                f"_image.`{column.name}` IS NOT NULL AND `{column.name}` IS NULL",
                f"'{column.name} is not {column.type.value}'",
            )
        )
        if not column.nullable:
            checks.append((f"`{column.name}` IS NULL", f"'{column.name} is missing'"))
    checks += [(f"`{column.name}` IS NULL", f"'{column.name} is unknown'") for column, _ in table.derived]
    return "CASE " + " ".join(f"WHEN {check} THEN {reason}" for check, reason in checks) + " END"
