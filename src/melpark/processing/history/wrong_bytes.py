"""Bytes that are no UTF-8, marked on their way to a parser that would refuse a whole file for one of them."""

import codecs
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Each becomes a character of Unicode's private area, which no file holds that has such bytes.
FIRST, LAST = 0xF780, 0xF7FF
MARKS = {0xDC80 + number: FIRST + number for number in range(128)}
WRITTEN_OUT = {FIRST + number: f"\\x{128 + number:02x}" for number in range(128)}
A_MARK = f"[{chr(FIRST)}-{chr(LAST)}]"


class MarkedFile:
    """An open file as UTF-8; `has_marks` once a byte was marked."""

    def __init__(self, source: IO[bytes]) -> None:
        self.has_marks = False
        self.closed = False
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def read(self, size: int = -1) -> bytes:
        """About so many bytes, none at the end only."""
        chunk = self._source.read(size)
        is_plain, held = chunk.isascii(), self._decoder.getstate()[0]
        if is_plain and not held:
            return chunk
        text = self._decoder.decode(chunk, final=not chunk)
        try:
            marked = text.encode()
        except UnicodeEncodeError:
            self.has_marks = True
            marked = text.translate(MARKS).encode()
        # The chunk may have been the beginning of one character.
        return marked if marked or not chunk else self.read(size)

    def close(self) -> None:
        self.closed = True


def written_out(text: str) -> str:
    """With "\\xff" for each mark, as in Python's bytes."""
    return text.translate(WRITTEN_OUT)


def without_marks(columns: list[pa.Array], rows: int) -> tuple[list[pa.Array], NDArray[np.bool_]]:
    """The columns of a batch with their marks written out, and by line whether there were none."""
    is_utf8 = np.ones(rows, np.bool_)
    found = []
    for column in columns:
        has_mark = pc.match_substring_regex(column, A_MARK).to_numpy(zero_copy_only=False)
        if has_mark.any():
            is_utf8 &= ~has_mark
            column = pa.array([written_out(value) for value in column.to_pylist()], pa.string())
        found.append(column)
    return found, is_utf8
