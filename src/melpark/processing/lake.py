"""Small reads of the lake's tables from their logs, without Spark."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from melpark.contracts import POLLS
from melpark.places import Home, topic
from melpark.processing.kafka_log import Last, Partition
from melpark.processing.tables import ARRIVED_AT, COORDINATE_NAMES, TOPIC_ID

LOSABLE = timedelta(minutes=1)


@dataclass(frozen=True)
class Size:
    """What a table's newest version consists of."""

    rows: int
    files: int
    bytes: int


def size(path: Path) -> Size:
    """Rows, files and bytes by the table's log; all 0 when there is no table yet."""
    files = _files(path)
    if files is None:
        return Size(0, 0, 0)
    return Size(
        rows=pc.sum(files["num_records"]).as_py() or 0,
        files=files.num_rows,
        bytes=pc.sum(files["size_bytes"]).as_py() or 0,
    )


def rows(path: Path) -> int:
    """Number of rows by the table's log; 0 when there is no table yet."""
    return size(path).rows


def newest(path: Path, column: str) -> Any:
    """Greatest value of a column by the statistics of the files; None when there is none.

    Statistics hold times to the millisecond, cut off.
    """
    return rows_and_newest(path, column)[1]


def rows_and_newest(path: Path, column: str) -> tuple[int, Any]:
    """As `rows` and `newest`, by one look."""
    files = _files(path)
    if files is None:
        return 0, None
    name = f"max.{column}"
    newest = pc.max(files[name]).as_py() if name in files.column_names else None
    return pc.sum(files["num_records"]).as_py() or 0, newest


def reaches_back_to(path: Path, column: str, origin: str, partitions: int) -> Any:
    """Since when rows of an origin that is written newest first are here: of each partition of its topic the least
    value of the column, and of these the greatest, for partitions are not read evenly. None until each has some."""
    table = _table(path)
    files = [] if table is None else table.file_uris()
    if not files:
        return None
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT CASE WHEN count(*) >= ? THEN max(least) END"
            f' FROM (SELECT min("{column}") AS least FROM read_parquet(?, union_by_name = true)'
            " WHERE origin = ? GROUP BY partition)",
            [partitions, files, origin],
        ).fetchone()
    return None if found is None else found[0]


def last_read(home: Home) -> dict[Partition, tuple[str | None, Last]]:
    """The topic's id and the last record of each partition in bronze, of its newest minute: a power loss can take
    no older ones from Kafka."""
    at, table = newest(home.bronze, "kafka_at"), _table(home.bronze)
    if at is None or table is None:
        return {}
    rows = table.to_pyarrow_dataset().to_table(
        columns=["topic", "partition", "offset", "kafka_at", "topic_id"],
        filter=ds.field("kafka_at") >= at - LOSABLE,
    )
    return {
        (row["topic"], row["partition"]): (row["topic_id"], Last(row["offset"], row["kafka_at"]))
        for row in rows.sort_by("offset").to_pylist()
    }


def coordinates(path: Path, first: datetime, last: datetime) -> set[tuple[str | None, str, int, int]]:
    """Topic id, topic, partition and offset of the rows that arrived from `first` to `last`."""
    table = _table(path)
    if table is None:
        return set()
    names = (TOPIC_ID.name, *COORDINATE_NAMES)
    within = (ds.field(ARRIVED_AT.name) >= first) & (ds.field(ARRIVED_AT.name) <= last)
    found = table.to_pyarrow_dataset().to_table(columns=list(names), filter=within)
    return {tuple(row[name] for name in names) for row in found.to_pylist()}


def newest_poll_id_in_bronze(home: Home) -> int | None:
    """`poll_id` of the newest poll among the change events; None when there is none.

    By the log the newest offset is known, so one file is read.
    """
    files = _files(home.bronze)
    if files is None:
        return None
    known = files.select(["path", "partition.topic", "max.offset"]).to_pylist()
    of_polls = [file for file in known if file["partition.topic"] == topic(POLLS.name)]
    if not of_polls:
        return None
    newest = max(of_polls, key=lambda file: file["max.offset"])
    return _poll_id(_last_value(home.bronze / unquote(newest["path"])))


def _last_value(file: Path) -> str | None:
    """Of the change event of the greatest offset in one file of bronze."""
    with duckdb.connect() as connection:
        found = connection.execute(
            'SELECT value FROM read_parquet(?, hive_partitioning = false) ORDER BY "offset" DESC LIMIT 1',
            [str(file)],
        ).fetchone()
    return None if found is None else found[0]


def newest_poll_id_in_silver(home: Home) -> int | None:
    """Greatest `poll_id` in silver; None when there is none."""
    value = newest(home.silver(POLLS.name), "poll_id")
    return None if value is None else int(value)


def _poll_id(value: str | None) -> int | None:
    try:
        return int(json.loads(value or "")["after"]["poll_id"])
    except (ValueError, KeyError, TypeError):
        return None


def _files(path: Path) -> pa.Table | None:
    table = _table(path)
    return None if table is None else pa.table(table.get_add_actions(flatten=True))


def _table(path: Path) -> DeltaTable | None:
    try:
        return DeltaTable(path)
    except TableNotFoundError:
        return None
