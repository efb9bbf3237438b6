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
from deltalake.exceptions import CommitFailedError, DeltaError
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
# Packing is for Spark's tables, too, where a checkpoint of a commit that Spark overwrites would hide Spark's.
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
    came = arrow(table, names, everything).append_column(DELETED, gone)
    (
        _merge(DeltaTable(path), table, came)
        .when_matched_delete(predicate=f"came.{DELETED} AND {LATER}")
        .when_matched_update(_values(names), predicate=f"NOT came.{DELETED} AND {LATER}")
        .when_not_matched_insert(_values(names), predicate=f"NOT came.{DELETED}")
        .execute()
    )


def upsert(held: DeltaTable, table: LakeTable, rows: Collection[Row]) -> None:
    """New keys in, known keys as they come.

    Raises CommitFailedError when the table changed since `held`, the version that the rows were made from.
    """
    if not rows:
        return
    names = names_of(table, rows)
    (
        _merge(held, table, arrow(table, names, rows))
        .when_matched_update(_values(names))
        .when_not_matched_insert(_values(names))
        .execute()
    )


def insert(path: Path, table: LakeTable, rows: Collection[Row]) -> None:
    """New keys in; known keys stay as they are."""
    if not rows:
        return
    names = names_of(table, rows)
    came = arrow(table, names, rows)
    _merge(DeltaTable(path), table, came).when_not_matched_insert(_values(names)).execute()


def held_neighbours(
    held: DeltaTable, table: SilverTable, spans: Mapping[Key, tuple[Any, Any]]
) -> dict[Key, Row]:
    """The rows of a table of versions that meet the spans, by their key: for each thing its versions from the first
    to the last of the span, the one before them and the one after them."""
    found = _of_things(held, table, spans)
    version = str(table.version)
    places: dict[Key, list[tuple[Any, int]]] = {}
    columns = [found[name].to_pylist() for name in (*table.thing, version)]
    for place, (*thing, at) in enumerate(zip(*columns, strict=True)):
        places.setdefault(tuple(thing), []).append((at, place))
    wanted = [
        place
        for thing, span in spans.items()
        for place in _meeting(sorted(places.get(thing, ()), key=lambda one: one[0]), span)
    ]
    rows = found.take(pa.array(wanted, pa.int64())).to_pylist()
    return {tuple(row[name] for name in table.lake.key): row for row in rows}


def _of_things(held: DeltaTable, table: SilverTable, things: Collection[Key]) -> pa.Table:
    """The rows of the things, and some of others that share parts of their keys."""
    types = {column.name: ARROW_TYPE[column.type] for column in table.lake.columns}
    wanted = {
        name: pa.array({thing[at] for thing in things}, types[name]) for at, name in enumerate(table.thing)
    }
    data = held.to_pyarrow_dataset()
    # By batches and not by a filter of the data set: that compares strings with views of strings, and fails.
    kept = []
    for batch in data.to_batches():
        for name, values in wanted.items():
            batch = batch.filter(pc.is_in(batch[name], value_set=values))
        kept.append(batch)
    return pa.Table.from_batches(kept, data.schema)


def _meeting(versions: Sequence[tuple[Any, int]], span: tuple[Any, Any]) -> Iterable[int]:
    first, last = span
    for at, (_, place) in enumerate(versions):
        ends_before = at + 1 < len(versions) and versions[at + 1][0] < first
        begins_after = at > 0 and versions[at - 1][0] > last
        if not ends_before and not begins_after:
            yield place


def add_columns(path: Path, names: Collection[str]) -> None:
    """Add the text columns that the table lacks."""
    table = DeltaTable(path)
    # Spark reads names without case.
    known = {field.name.lower() for field in table.schema().fields}
    gained = sorted(name for name in set(names) if name.lower() not in known)
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
    """Pack the table when streams have left it many small files, which every read and merge must open.

    What fails is tried again after the next batch: the rows are there.
    """
    try:
        sizes = pa.table(DeltaTable(path).get_add_actions())["size_bytes"].to_pylist()
        if sum(size < LARGEST_FILE // 2 for size in sizes) > SMALL_FILES:
            pack(path)
    except (DeltaError, OSError) as error:
        log.warning("%s was not packed: %s", path, str(error).splitlines()[0])


def names_of(table: LakeTable, rows: Iterable[Row]) -> list[str]:
    """The table's columns that the rows have, and those beyond the contract."""
    present = {name for row in rows for name in row}
    own = [name for name in table.column_names if name in present]
    return own + sorted(present - set(table.column_names))


def _merge(held: DeltaTable, table: LakeTable, came: pa.Table) -> TableMerger:
    nullable = {column.name for column in table.columns if column.nullable}
    same = " AND ".join(
        f'(held."{name}" {"IS NOT DISTINCT FROM" if name in nullable else "="} came."{name}")'
        for name in table.key
    )
    # Not streamed: files that by their statistics hold none of the keys are left out.
    return held.merge(came, same, source_alias="came", target_alias="held", streamed_exec=False)


def arrow(table: LakeTable, names: Sequence[str], rows: Collection[Row]) -> pa.Table:
    """The named columns of the rows, in the table's types; those beyond the contract are texts."""
    types = {column.name: ARROW_TYPE[column.type] for column in table.columns}
    arrays = [pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in names]
    return pa.table(arrays, names=list(names))


def _values(names: Sequence[str]) -> dict[str, str]:
    quoted = [name.replace('"', '""') for name in names]
    return {f'"{name}"': f'came."{name}"' for name in quoted}
