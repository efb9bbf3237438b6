"""Small reads of the lake's tables from their logs, without Spark."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

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
    files = _files(path)
    name = f"max.{column}"
    if files is None or name not in files.column_names:
        return None
    return pc.max(files[name]).as_py()


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
    """`poll_id` of the newest poll among the change events; None when there is none."""
    table = _table(home.bronze)
    if table is None:
        return None
    polls = ds.field("topic") == topic(POLLS.name)
    dataset = table.to_pyarrow_dataset()
    newest_offset = pc.max(dataset.to_table(columns=["offset"], filter=polls)["offset"]).as_py()
    if newest_offset is None:
        return None
    values = dataset.to_table(columns=["value"], filter=polls & (ds.field("offset") == newest_offset))[
        "value"
    ]
    return _poll_id(values[0].as_py())


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
