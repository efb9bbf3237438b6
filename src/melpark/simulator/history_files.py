"""A simulated past as Parquet files: one file per table and UTC day, and the truth beside them.

<out>/sensor_events/<YYYY-MM-DD>.parquet    and opening.parquet: what the very first poll finds
<out>/sensor_states/...                     likewise
<out>/feed_outages/...  <out>/polls/...
<out>/sensors.parquet                       the present after the last poll
<out>/truth/{stays,faults,outages}/<YYYY-MM-DD>.parquet
"""

import os
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from melpark.errors import ConfigurationError, StopError
from melpark.simulator import truth_tables
from melpark.simulator.feed import REFRESH_SECONDS, Feed
from melpark.simulator.history import Found, History, Span, spans

TRUTH = "truth"
OPENING = "opening"
REFRESH = timedelta(seconds=REFRESH_SECONDS)


def write(history: History, start: datetime, end: datetime, out: Path) -> Iterator[tuple[Span, int]]:
    """Write the past of [start, end), both refreshes, newest day first; gives each span and its events when written.

    A file is there whole or not at all, and one that is there is replaced. Raises ConfigurationError when `out` is no
    folder of ours, StopError when the disk refuses.
    """
    if out.exists() and not out.is_dir():
        raise ConfigurationError(
            f"{out} cannot hold a history", "it is not a folder", "Name another with --out"
        )
    write_table(out / "sensors.parquet", history.sensors(end - REFRESH))
    for span in spans(start, end):
        found = history.found(span)
        _write_found(out, span.day.isoformat(), found)
        write_truth(history.feed, span, out / TRUTH)
        yield span, found.sensor_events.num_rows
    _write_found(out, OPENING, history.opening(start - REFRESH))


class TruthFolder:
    """The truth beside a running simulator: each UTC day of source time is written when it begins, as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._day: date | None = None

    def hold(self, feed: Feed, at: datetime) -> None:
        """See to it that the day of `at` is there."""
        if at.date() != self._day:
            self._day = at.date()
            midnight = datetime.combine(self._day, time(), UTC)
            write_truth(feed, Span(midnight, midnight + timedelta(days=1)), self.folder)


def write_truth(feed: Feed, span: Span, folder: Path) -> None:
    """The truth of one span, a file per table."""
    for name, make in (
        ("stays", truth_tables.stays),
        ("faults", truth_tables.faults),
        ("outages", truth_tables.outages),
    ):
        write_table(folder / name / f"{span.day.isoformat()}.parquet", make(feed, span.start, span.end))


def write_table(path: Path, rows: pa.Table) -> None:
    """One Parquet file, whole or not at all. Raises StopError when the disk refuses."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, unfinished, compression="zstd")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StopError(f"{path} cannot be written", str(error), "Free space or mend the rights") from None


def _write_found(out: Path, name: str, found: Found) -> None:
    for field in fields(found):
        write_table(out / field.name / f"{name}.parquet", getattr(found, field.name))
