"""`melpark backfill events`: historical event files into silver.historical_stays, each whole or not at all.

A file is known by its SHA-256. Its stays are one commit, which also says that the file is loaded; its
quarantine is committed just before, and replaced when a run was killed in between.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake

from melpark.errors import StopError
from melpark.locks import only_one
from melpark.places import Home
from melpark.processing import catalogue
from melpark.processing.history import files, lines
from melpark.processing.history.files import Text
from melpark.processing.history.staging import Staging, stage
from melpark.processing.tables import QUARANTINE_OF_FILES, STAYS_OF_FILES

CHECKSUM, READING, SORTING, WRITING = "checksum", "reading", "sorting", "writing"
STAY = "stay"
# A writer holds a whole row group of every column; the default is a million rows.
PARQUET = WriterProperties(max_row_group_size=131_072, compression="ZSTD")
# For the process of a load, before it first uses delta-rs, which deals rows out to its writers by partition: what one
# has not written yet waits without a limit, and nearly all of a quarantine are vacancies, so one writer gets them all.
# On one thread no more is dealt out than can be written.
ENVIRONMENT = {"TOKIO_WORKER_THREADS": "1"}
NOTHING_HELD = "SELECT NULL AS street_marker, 0 AS arrival_us, 0 AS departure_us WHERE FALSE"


class Progress(Protocol):
    """Is told what happens to which file; `of` is in bytes or rows, 0 where it cannot be known."""

    def begin(self, file_name: str, step: str, of: int) -> None: ...

    def advance(self, done: int) -> None: ...

    def end(self, outcome: "Outcome") -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What became of one file. `quarantined` counts its lines by reason."""

    file_name: str
    sha256: str
    is_new: bool
    lines: int = 0
    stays: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)


def run(home: Home, paths: Sequence[Path], now: datetime, progress: Progress) -> list[Outcome]:
    """Load every CSV of the files that is not loaded yet, in the order given.

    Raises ConfigurationError or RefusedError for a file that is missing, broken or of other columns (those before it
    stay loaded), StopError when another run works on this home.
    """
    refusal = StopError(f"Another backfill runs on {home.root}", "one at a time", "Wait until it has ended")
    with only_one(home.run / "backfill.lock", refusal):
        catalogue.create(home)
        texts = [text for path in paths for text in files.texts(path)]
        # A wrong file is found before hours go into the one before it.
        for text in texts:
            lines.header(text)
        load = Load(home, uuid.uuid4().hex, now, progress)
        return [load.file(text) for text in texts]


@dataclass(frozen=True)
class Load:
    """One run: its home, its id, its clock."""

    home: Home
    run_id: str
    now: datetime
    progress: Progress

    def file(self, text: Text) -> Outcome:
        """Load one file, or find that it is loaded."""
        columns = lines.header(text)
        self.progress.begin(text.name, CHECKSUM, text.size)
        sha256 = text.sha256(self.progress.advance)
        if is_loaded(self.home, sha256):
            outcome = Outcome(text.name, sha256, is_new=False)
        else:
            with _explained(text), stage(self.home.backfill, columns) as staging:
                outcome = self._new(text, sha256, staging)
        self.progress.end(outcome)
        return outcome

    def _new(self, text: Text, sha256: str, staging: Staging) -> Outcome:
        self.progress.begin(text.name, READING, text.size)
        count = staging.read(text, self.progress.advance)
        self.progress.begin(text.name, SORTING, 0)
        staging.settle(_held(self.home, staging.span()))
        counts = staging.counts()
        stays = counts.pop(STAY, 0)
        self.progress.begin(text.name, WRITING, count)
        self._write(text, sha256, staging)
        return Outcome(text.name, sha256, True, count, stays, counts)

    def _write(self, text: Text, sha256: str, staging: Staging) -> None:
        quarantine = catalogue.path_of(self.home, QUARANTINE_OF_FILES)
        written = _Counter(self.progress)
        refused = self._rows(text, sha256, staging.quarantined(), quarantine, written)
        if DeltaTable(quarantine).transaction_version(sha256) is None:
            write_deltalake(
                quarantine,
                refused,
                mode="append",
                writer_properties=PARQUET,
                commit_properties=_loaded(sha256),
            )
        else:
            write_deltalake(
                quarantine,
                refused,
                mode="overwrite",
                predicate=f"file_sha256 = '{sha256}'",
                writer_properties=PARQUET,
                commit_properties=_loaded(sha256),
            )
        stays = catalogue.path_of(self.home, STAYS_OF_FILES)
        write_deltalake(
            stays,
            self._rows(text, sha256, staging.stays(), stays, written),
            mode="append",
            writer_properties=PARQUET,
            commit_properties=_loaded(sha256),
        )

    def _rows(
        self, text: Text, sha256: str, reader: pa.RecordBatchReader, path: Path, written: "_Counter"
    ) -> pa.RecordBatchReader:
        """The rows in the table's own columns, each with its provenance."""
        schema = pa.schema(DeltaTable(path).schema().to_arrow())
        same = {
            "file_name": text.name,
            "file_sha256": sha256,
            "run_id": self.run_id,
            "loaded_at": self.now,
        }

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in reader:
                columns = [
                    pa.repeat(pa.scalar(same[name], schema.field(name).type), batch.num_rows)
                    if name in same
                    else batch[name].cast(schema.field(name).type)
                    for name in schema.names
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
                written.add(batch.num_rows)

        return pa.RecordBatchReader.from_batches(schema, batches())


class _Counter:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rows = 0

    def add(self, rows: int) -> None:
        self._rows += rows
        self._progress.advance(self._rows)


def is_loaded(home: Home, sha256: str) -> bool:
    """True when the stays of the file with this checksum are in the lake."""
    return DeltaTable(catalogue.path_of(home, STAYS_OF_FILES)).transaction_version(sha256) is not None


def _loaded(sha256: str) -> CommitProperties:
    return CommitProperties(app_transactions=[Transaction(sha256, 1)])


def _held(home: Home, span: tuple[int, int] | None) -> str:
    """SQL of the stays of other files that lie in a span of time."""
    uris = DeltaTable(catalogue.path_of(home, STAYS_OF_FILES)).file_uris()
    if not uris or span is None:
        return NOTHING_HELD
    quoted = ", ".join("'" + uri.replace("'", "''") + "'" for uri in uris)
    return f"""
        SELECT street_marker, epoch_us(arrival_at) AS arrival_us, epoch_us(departure_at) AS departure_us
        FROM read_parquet([{quoted}], union_by_name = true)
        WHERE arrival_at < make_timestamptz({span[1]}) AND departure_at > make_timestamptz({span[0]})"""


@contextmanager
def _explained(text: Text) -> Iterator[None]:
    """What DuckDB trips over is said with the file's name."""
    try:
        yield
    except duckdb.Error as error:
        raise StopError(
            f"{text.name} could not be looked through",
            str(error),
            "Nothing of it was loaded; free space on the disk of the home if that is the cause, then run it again",
        ) from error
