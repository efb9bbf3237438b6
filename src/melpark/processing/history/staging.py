"""One file looked through in a DuckDB of its own: the lines lie in its file, of which it holds MEMORY_LIMIT."""

import shutil
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from melpark.processing.history import local_time
from melpark.processing.history.checks import MICROSECONDS, TEXTS, TIME_FORMAT, look_at, payload
from melpark.processing.history.columns import Columns
from melpark.processing.history.files import Advance, Text
from melpark.processing.history.lines import Lines
from melpark.processing.history.overlaps import (
    ALREADY_LOADED,
    CLAIMS,
    EXACT_DUPLICATE,
    OVERLAP,
    Span,
    refused,
)

MEMORY_LIMIT = "256MB"
BATCH_ROWS = 16_384
# Ours to the end, but for what the file says in other words.
STAY_TEXTS = tuple(name for name in TEXTS if name not in ("duration", "in_violation", "vehicle_present"))
STAYS = f"""
    SELECT {", ".join(STAY_TEXTS)},
        arrival_us AS arrival_at, departure_us AS departure_at,
        (departure_us - arrival_us) // {MICROSECONDS} AS duration_seconds,
        try_cast(round(try_cast(duration AS DOUBLE) * {{unit_seconds}}) AS BIGINT) AS reported_duration_seconds,
        try_cast(in_violation AS BOOLEAN) AS is_in_violation,
        line_number
    FROM looked_at ANTI JOIN refused USING (line_number) WHERE reason IS NULL"""
QUARANTINED = """
    SELECT line_number, reason, payload FROM looked_at WHERE reason IS NOT NULL
    UNION ALL
    SELECT line_number, refused.reason, {payload} FROM looked_at JOIN refused USING (line_number)"""
COUNTS = """
    SELECT coalesce(refused.reason, looked_at.reason), count(*)
    FROM looked_at LEFT JOIN refused USING (line_number) GROUP BY ALL"""


class Staging:
    """The lines of one file, each a stay or with its reason; made by `stage`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, columns: Columns) -> None:
        self._connection = connection
        self._columns = columns

    def read(self, text: Text, advance: Advance) -> int:
        """Look at every line by itself; returns the number of lines."""
        self._connection.register("days", local_time.days())
        with text.open() as (source, position):
            lines = Lines(text, self._columns, source)
            stream = pa.RecordBatchReader.from_batches(
                lines.schema, _followed(lines.batches(), lambda: advance(position()))
            )
            self._connection.register("lines", stream)
            try:
                self._connection.execute(look_at(self._columns))
            finally:
                self._connection.unregister("lines")
        return int(self._one("SELECT count(*) FROM looked_at")[0])

    def span(self) -> tuple[int, int] | None:
        """First arrival and last departure, in microseconds since 1970; None without stays."""
        first, last = self._one("SELECT min(arrival_us), max(departure_us) FROM looked_at")
        return None if first is None else (int(first), int(last))

    def settle(self, held: str) -> None:
        """Refuse stays until no two of a marker overlap. `held` selects those that are in the lake already."""
        lines: dict[str, array[int]] = {
            reason: array("q") for reason in (ALREADY_LOADED, EXACT_DUPLICATE, OVERLAP)
        }
        claims = self._connection.sql(CLAIMS.format(contents=", ".join(TEXTS), held=held))
        rows = (
            row for batch in claims.to_arrow_reader(BATCH_ROWS) for row in zip(*_values(batch), strict=True)
        )
        for _, marker in groupby(rows, key=lambda row: row[0]):
            for line_number, reason in refused(Span(*row[1:]) for row in marker):
                lines[reason].append(line_number)
        self._connection.execute("CREATE TABLE refused (line_number BIGINT, reason VARCHAR)")
        for reason, numbers in lines.items():
            found = pa.table({"line_number": pa.array(memoryview(numbers), pa.int64())})
            self._connection.register("found", found)
            self._connection.execute("INSERT INTO refused SELECT line_number, ? FROM found", [reason])
            self._connection.unregister("found")

    def counts(self) -> dict[str, int]:
        """Lines by the reason for which they are no stay, and those that are under "stay"."""
        return {reason or "stay": count for reason, count in self._connection.execute(COUNTS).fetchall()}

    def stays(self) -> pa.RecordBatchReader:
        return self._stream(STAYS.format(unit_seconds=self._columns.duration_unit_seconds))

    def quarantined(self) -> pa.RecordBatchReader:
        late = payload(self._columns, _as_read("arrival_local"), _as_read("departure_local"))
        return self._stream(QUARANTINED.format(payload=late))

    def _stream(self, statement: str) -> pa.RecordBatchReader:
        return self._connection.sql(statement).to_arrow_reader(BATCH_ROWS)

    def _one(self, statement: str) -> tuple[Any, ...]:
        (row,) = self._connection.execute(statement).fetchall()
        return tuple(row)


@contextmanager
def stage(folder: Path, columns: Columns) -> Iterator[Staging]:
    """An empty staging in `folder`, which is deleted before and afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with duckdb.connect(folder / "lines.duckdb") as connection:
            connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
            connection.execute("SET temp_directory = $1", [str(folder)])
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("SET TimeZone = 'UTC'")
            # It expects one row of a stream, so it would keep all lines, and let the days they are joined to flow by.
            connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
            yield Staging(connection, columns)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _followed(batches: Iterator[pa.RecordBatch], tell: Callable[[], None]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        tell()
        yield batch


def _values(batch: pa.RecordBatch) -> list[list[Any]]:
    return [column.to_pylist() for column in batch.columns]


def _as_read(local_us: str) -> str:
    return f"strftime(make_timestamp({local_us}), '{TIME_FORMAT}')"
