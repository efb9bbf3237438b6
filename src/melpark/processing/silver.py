"""Silver: change events typed by their contracts, one row per key, misfits in quarantine.

Each batch of bronze is read once, typed in Python and merged by key. A row gives way only to a later change in
PostgreSQL's log, so playing any part of bronze again, or all of it, changes nothing.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from melpark.errors import StopError
from melpark.locks import only_one
from melpark.places import Home
from melpark.processing import lake, merging
from melpark.processing.change_events import Event, Misfit, Row, Typed, typed
from melpark.processing.intervals import cut, spans
from melpark.processing.spark_session import give_up_soon
from melpark.processing.tables import QUARANTINE, SCHEMA_CHANGES, SILVER, SilverTable
from melpark.settings import Settings

log = logging.getLogger(__name__)

# A batch is held in memory: compressed, about 50,000 events. It is made of whole files, which bronze keeps small.
BATCH_BYTES = "4m"
LIMIT_WINDOW = timedelta(days=1)
WAIT_SECONDS = 120.0
# What this process wrote down already: a drift lasts, and need not be written with every batch.
_noted: set[tuple[Path, str, str, str]] = set()


def checkpoint(home: Home) -> Path:
    """The folder of the query's progress."""
    return home.checkpoints / "silver"


def start(spark: SparkSession, settings: Settings, available_now: bool = False) -> StreamingQuery:
    """Start the query: until the end of bronze as it is now, or for ever. The tables must exist."""
    home = Home(settings.home.resolve())
    topics = ", ".join(f"'{table.topic}'" for table in SILVER)
    writer = (
        spark.readStream.format("delta")
        .option("maxBytesPerTrigger", BATCH_BYTES)
        .load(str(home.bronze))
        .where(f"topic IN ({topics})")
        .writeStream.queryName("silver")
        .option("checkpointLocation", str(checkpoint(home)))
        .foreachBatch(partial(write_batch, str(home.root), settings.quarantine_limit))
    )
    writer = (
        writer.trigger(availableNow=True)
        if available_now
        else writer.trigger(processingTime=f"{settings.silver_trigger_seconds} seconds")
    )
    return writer.start()


def write_batch(root: str, limit: int, batch: DataFrame, batch_id: int) -> None:
    """Merge one batch of bronze into every silver table that it speaks of. Runs inside the Spark server.

    Raises StopError, before anything was written, when the batch would bring more misfits into quarantine than
    `limit` within a day.
    """
    home = Home(Path(root))
    give_up_soon(batch.sparkSession)
    found = {table: typed(table, events) for table, events in by_table(batch).items()}
    misfits = [misfit for one in found.values() for misfit in one.misfits]
    with only_writer(home):
        _require_few(home, misfits, limit)
        _note_schema(home, found)
        _merge(home, found, misfits)
    merging.pack_many(home.bronze)
    if misfits:
        log.warning(
            "%d change events do not fit and are in silver.quarantine, the first: %s, partition %s, offset %s: %s",
            len(misfits),
            misfits[0].topic,
            misfits[0].partition,
            misfits[0].offset,
            misfits[0].reason,
        )


def only_writer(home: Home) -> AbstractContextManager[None]:
    """One process merges into silver at a time: the worker of a query that was stopped may still be at its last batch.

    Raises StopError when another has not ended within two minutes.
    """
    return _alone(home, "merges into silver", "silver-writer.lock")


def tables_stay(home: Home) -> AbstractContextManager[None]:
    """Held by who packs a table of silver and by who takes them all away to make them anew, which are not to meet.

    Raises StopError when another has not ended within two minutes.
    """
    return _alone(home, "packs silver or makes it anew", "silver-tables.lock")


def _alone(home: Home, what_it_does: str, lock: str) -> AbstractContextManager[None]:
    refusal = StopError(
        f"Another process {what_it_does}",
        f"it has not ended within {WAIT_SECONDS:.0f} s",
        "Run again: what was not done is done then",
    )
    return only_one(home.run / lock, refusal, WAIT_SECONDS)


def by_table(batch: DataFrame) -> dict[SilverTable, list[Event]]:
    """The batch's events by table, in the order of SILVER."""
    events: dict[str, list[Event]] = {}
    for row in batch.select(*Event._fields).toArrow().to_batches():
        for event in map(Event._make, zip(*(column.to_pylist() for column in row.columns), strict=True)):
            events.setdefault(event.topic, []).append(event)
    return {table: events[table.topic] for table in SILVER if table.topic in events}


def _merge(home: Home, found: Mapping[SilverTable, Typed], misfits: Sequence[Misfit]) -> None:
    """What is read as the sign that all else is there comes last (melpark.processing.tables.SILVER)."""
    path = home.silver(QUARANTINE.name)
    quarantined = partial(merging.insert, path, QUARANTINE, [misfit._asdict() for misfit in misfits])
    merging.again_when_overtaken(quarantined)
    for table, one in found.items():
        path = home.silver(table.lake.name)
        merging.again_when_overtaken(partial(_merge_table, path, table, one))
        merging.pack_many(path)


def _merge_table(path: Path, table: SilverTable, found: Typed) -> None:
    if not table.version:
        merging.upsert_later(path, table.lake, found.rows.values(), found.deleted.values())
        return
    if not found.rows:
        return
    # Read and merged at one version, so that whoever commits in between is noticed.
    held_table = DeltaTable(path)
    held = merging.held_neighbours(held_table, table, spans(table, found.rows.values()))
    changed = {
        key: row for key, row in cut(table, held, found.rows).items() if not is_same(held.get(key), row)
    }
    merging.upsert(held_table, table.lake, changed.values())


def is_same(held: Row | None, row: Row) -> bool:
    """True when the row would change nothing of the one that is held."""
    return held is not None and all(held.get(name) == value for name, value in row.items())


def _require_few(home: Home, misfits: Sequence[Misfit], limit: int) -> None:
    if not misfits:
        return
    coordinates = {(one.topic_id, one.topic, one.partition, one.offset) for one in misfits}
    newest = max((misfit.arrived_at for misfit in misfits if misfit.arrived_at), default=None)
    if newest is not None:
        # The same batch may have been written in part before.
        coordinates |= lake.coordinates(home.silver(QUARANTINE.name), newest - LIMIT_WINDOW, newest)
    if len(coordinates) <= limit:
        return
    first = misfits[0]
    raise StopError(
        f"{len(coordinates)} change events within a day do not fit, more than quarantine_limit {limit}",
        f"{first.topic}, partition {first.partition}, offset {first.offset}: {first.reason}",
        "Nothing of the batch was written; mend the contract or raise MELPARK_QUARANTINE_LIMIT, then start again",
    )


def _note_schema(home: Home, found: Mapping[SilverTable, Typed]) -> None:
    """Silver gains the columns that events have beyond the contract; what is new or missing is written down."""
    notes: list[Row] = []
    for table, one in found.items():
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
                if (home.root, table.contract.name, name, change) not in _noted
            ]
        added = [
            note["column_name"]
            for note in notes
            if note["change"] == "added" and note["table_name"] == table.contract.name
        ]
        if added:
            merging.again_when_overtaken(partial(merging.add_columns, home.silver(table.lake.name), added))
    merging.again_when_overtaken(
        partial(merging.insert, home.silver(SCHEMA_CHANGES.name), SCHEMA_CHANGES, notes)
    )
    for note in notes:
        _noted.add((home.root, note["table_name"], note["column_name"], note["change"]))
        log.warning("Events of %s: column %s is %s", *(note[name] for name in SCHEMA_CHANGES.key))
