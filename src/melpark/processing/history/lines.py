"""A CSV as a stream of Arrow batches of texts, each line with its number."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from melpark.errors import RefusedError
from melpark.processing.history import columns
from melpark.processing.history.columns import Columns
from melpark.processing.history.files import Text
from melpark.processing.history.wrong_bytes import MarkedFile, without_marks, written_out

BLOCK_BYTES = 4 << 20
HEADER_BYTES = 64 << 10
HEADER_LINE = 1


def header(text: Text) -> Columns:
    """The columns of a file. Raises RefusedError when it is empty, no text or has other columns."""
    with text.open() as (source, _):
        begin = source.read(HEADER_BYTES)
    first_line = begin.splitlines()[0] if begin else b""
    if not first_line.strip():
        raise RefusedError(f"{text.name} is empty", "its first line holds nothing", "Download it again")
    try:
        names = next(csv.reader([first_line.decode("utf-8-sig")]))
    except (UnicodeDecodeError, csv.Error):
        raise RefusedError(
            f"{text.name} is not a CSV", "its first line is no text", "Give the City's file as downloaded"
        ) from None
    return columns.read(names, text.name)


class Lines:
    """The lines of one file after its header, as texts by our names; `reader` may be read once.

    Each batch has `line_number` and `line_text`; the latter is set, and nothing else, for a line that has
    another number of fields than the header. `is_utf8` is false for a line that fits and has a byte that is no
    UTF-8; such bytes stand in all texts as in Python's bytes, "\\xff".
    """

    def __init__(self, text: Text, found: Columns, source: IO[bytes]) -> None:
        self.schema = pa.schema(
            [
                *((name, pa.string()) for name in found.ours),
                ("line_number", pa.int64()),
                ("line_text", pa.string()),
                ("is_utf8", pa.bool_()),
            ]
        )
        self._text = text
        self._misfits: list[tuple[int, str]] = []
        self._source = MarkedFile(source)
        with _named(text):
            self._stream = arrow_csv.open_csv(
                pa.PythonFile(self._source, mode="r"),
                # Without threads Arrow knows the number of a line that does not fit.
                arrow_csv.ReadOptions(
                    use_threads=False, block_size=BLOCK_BYTES, column_names=found.ours, skip_rows=HEADER_LINE
                ),
                arrow_csv.ParseOptions(invalid_row_handler=self._misfit),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(found.ours, pa.string()),
                    strings_can_be_null=False,
                    # Seen to by the source; here one wrong byte would refuse the whole file.
                    check_utf8=False,
                ),
            )

    def _misfit(self, row: arrow_csv.InvalidRow) -> str:
        self._misfits.append((row.number, written_out(row.text) if self._source.has_marks else row.text))
        return "skip"

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches in order. Raises RefusedError when the text is no CSV."""
        number = HEADER_LINE + 1
        with _named(self._text):
            for batch in self._stream:
                misfits, self._misfits = self._misfits, []
                numbers = line_numbers(number, batch.num_rows, [line for line, _ in misfits])
                texts, is_utf8 = batch.columns, np.ones(batch.num_rows, np.bool_)
                if self._source.has_marks:
                    texts, is_utf8 = without_marks(texts, batch.num_rows)
                yield pa.RecordBatch.from_arrays(
                    [*texts, pa.array(numbers), pa.nulls(batch.num_rows, pa.string()), pa.array(is_utf8)],
                    schema=self.schema,
                )
                # A misfit of the next block may be known already; it counts there.
                number = int(numbers[-1]) + 1 if len(numbers) else number
                passed = [misfit for misfit in misfits if misfit[0] < number]
                self._misfits = [misfit for misfit in misfits if misfit[0] >= number] + self._misfits
                if passed:
                    yield self._of_misfits(passed)
        if self._misfits:
            yield self._of_misfits(self._misfits)

    def _of_misfits(self, misfits: list[tuple[int, str]]) -> pa.RecordBatch:
        lines = [{"line_number": number, "line_text": line, "is_utf8": True} for number, line in misfits]
        return pa.RecordBatch.from_pylist(lines, schema=self.schema)


def line_numbers(first: int, count: int, misfits: list[int]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The numbers of `count` lines that fit, from line `first` on, between the lines that do not."""
    numbers = np.arange(first, first + count + len(misfits), dtype=np.int64)
    if misfits:
        numbers = numbers[~np.isin(numbers, np.array(misfits, dtype=np.int64))]
    return numbers[:count]


@contextmanager
def _named(text: Text) -> Iterator[None]:
    """What Arrow cannot read is the file's fault, and said so."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise RefusedError(f"{text.name} is not a CSV", str(error), "Nothing of it was loaded") from None
