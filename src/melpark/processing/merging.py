"""MERGE of typed rows into silver's Delta tables by key, with delta-rs in the process that typed them (ADR 0016).

A batch of few rows costs tens of milliseconds a table; Spark would take a second, nearly all of it planning.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Field, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError
from deltalake.schema import PrimitiveType
from deltalake.table import TableMerger

from melpark.processing.change_events import Key, Row
from melpark.processing.tables import LakeTable, SilverTable

log = logging.getLogger(__name__)

ATTEMPTS = 5
ARROW_TYPE: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}
# Silver takes whole files of bronze into memory; its own may as well be of that size.
LARGEST_FILE = 4 << 20
SMALL_FILES = 30
# For packing, which other programs' tables get, too: a checkpoint of a commit that Spark overwrites would hide Spark's.
NO_HOOK = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
DELETED = "_is_deleted"
LATER = (
    "(came.lsn > coalesce(held.lsn, -1) OR (coalesce(came.lsn, -1) = coalesce(held.lsn, -1) "
    'AND came."offset" > held."offset"))'
)


def again_when_overtaken(merge: Callable[[], object]) -> None:
    """Run a merge, and again when another writer, such as a compaction, committed in the middle of it.

    What is run may be repeated at any time, as a merge by key may.
    """
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            merge()
            return
        except CommitFailedError as error:
            if not attempts_left:
                raise
            log.warning("Overtaken by another writer, merging again: %s", str(error).splitlines()[0])


def upsert_later(path: Path, table: LakeTable, rows: Collection[Row], deleted: Collection[Row] = ()) -> None:
    """New keys in, known keys only by a later change, and by a later deletion out."""
    everything = [*rows, *deleted]
    if not everything:
        return
    names = names_of(table, everything)
    gone = pa.array([False] * len(rows) + [True] * len(deleted))
    came = _arrow(table, names, everything).append_column(DELETED, gone)
    (
        _merge(path, table, came)
        .when_matched_delete(predicate=f"came.{DELETED} AND {LATER}")
        .when_matched_update(_values(names), predicate=f"NOT came.{DELETED} AND {LATER}")
        .when_not_matched_insert(_values(names), predicate=f"NOT came.{DELETED}")
        .execute()
    )


def upsert(path: Path, table: LakeTable, rows: Collection[Row]) -> None:
    """New keys in, known keys as they come."""
    if not rows:
        return
    names = names_of(table, rows)
    (
        _merge(path, table, _arrow(table, names, rows))
        .when_matched_update(_values(names))
        .when_not_matched_insert(_values(names))
        .execute()
    )


def insert(path: Path, table: LakeTable, rows: Collection[Row]) -> None:
    """New keys in; known keys stay as they are."""
    if not rows:
        return
    names = names_of(table, rows)
    _merge(path, table, _arrow(table, names, rows)).when_not_matched_insert(_values(names)).execute()


def held_neighbours(path: Path, table: SilverTable, spans: Mapping[Key, tuple[Any, Any]]) -> dict[Key, Row]:
    """The rows of a table of versions that meet the spans, by their key: for each thing its versions from the first
    to the last of the span, the one before them and the one after them."""
    version = str(table.version)
    versions: dict[Key, list[Row]] = {}
    for row in _of_things(path, table, spans):
        versions.setdefault(tuple(row[name] for name in table.thing), []).append(row)
    return {
        tuple(row[name] for name in table.lake.key): row
        for thing, span in spans.items()
        for row in _meeting(sorted(versions.get(thing, ()), key=lambda row: row[version]), version, span)
    }


def _of_things(path: Path, table: SilverTable, things: Collection[Key]) -> Iterable[Row]:
    """The rows of the things, and some of others that share parts of their keys."""
    types = {column.name: ARROW_TYPE[column.type] for column in table.lake.columns}
    wanted = {
        name: pa.array({thing[at] for thing in things}, types[name]) for at, name in enumerate(table.thing)
    }
    # By batches and not by a filter of the data set: that compares strings with views of strings, and fails.
    for batch in DeltaTable(path).to_pyarrow_dataset().to_batches():
        for name, values in wanted.items():
            batch = batch.filter(pc.is_in(batch[name], value_set=values))
        yield from batch.to_pylist()


def _meeting(versions: Sequence[Row], version: str, span: tuple[Any, Any]) -> Iterable[Row]:
    first, last = span
    for at, row in enumerate(versions):
        ends_before = at + 1 < len(versions) and versions[at + 1][version] < first
        begins_after = at > 0 and versions[at - 1][version] > last
        if not ends_before and not begins_after:
            yield row


def add_columns(path: Path, names: Collection[str]) -> None:
    """Add the text columns that the table lacks."""
    table = DeltaTable(path)
    gained = sorted(set(names) - {field.name for field in table.schema().fields})
    if gained:
        table.alter.add_columns([Field(name, PrimitiveType("string")) for name in gained])


def pack(path: Path) -> None:
    """Rewrite a Delta table's small files as fewer; anew when a stream changed them meanwhile."""

    def compact() -> None:
        DeltaTable(path).optimize.compact(
            target_size=LARGEST_FILE, max_concurrent_tasks=1, post_commithook_properties=NO_HOOK
        )

    again_when_overtaken(compact)


def pack_many(path: Path) -> None:
    """Pack the table when streams have left it many small files, which every read and merge must open."""
    sizes = pa.table(DeltaTable(path).get_add_actions())["size_bytes"].to_pylist()
    if sum(size < LARGEST_FILE // 2 for size in sizes) > SMALL_FILES:
        pack(path)


def names_of(table: LakeTable, rows: Iterable[Row]) -> list[str]:
    """The table's columns that the rows have, and those beyond the contract."""
    present = {name for row in rows for name in row}
    own = [name for name in table.column_names if name in present]
    return own + sorted(present - set(table.column_names))


def _merge(path: Path, table: LakeTable, came: pa.Table) -> TableMerger:
    nullable = {column.name for column in table.columns if column.nullable}
    same = " AND ".join(
        f'(held."{name}" {"IS NOT DISTINCT FROM" if name in nullable else "="} came."{name}")'
        for name in table.key
    )
    # Not streamed: files that by their statistics hold none of the keys are left out.
    return DeltaTable(path).merge(came, same, source_alias="came", target_alias="held", streamed_exec=False)


def _arrow(table: LakeTable, names: Sequence[str], rows: Collection[Row]) -> pa.Table:
    types = {column.name: ARROW_TYPE[column.type] for column in table.columns}
    arrays = [pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in names]
    return pa.table(arrays, names=list(names))


def _values(names: Sequence[str]) -> dict[str, str]:
    return {f'"{name}"': f'came."{name}"' for name in names}
