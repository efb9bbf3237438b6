"""Lone surrogates of JSON: halves of a character, written as escapes, that no text may hold.

One parser refuses the whole answer for one of them, another takes some for question marks. Here each becomes the
replacement character before a parser sees it, in an answer of any size.
"""

import re
from collections.abc import Iterable, Iterator

REPLACEMENT = rb"\ufffd"
# An escape: both halves of a character, a lone half (the group), or any other; the last byte may begin one.
ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.|\Z)",
    re.DOTALL,
)
LONGEST_ESCAPE = 12


def mended(json: bytes) -> bytes:
    """A whole JSON text with the replacement character for each lone surrogate."""
    return ESCAPE.sub(lambda escape: escape[0] if escape[1] is None else REPLACEMENT, json)


class MendedFile:
    """Chunks of a JSON text to be read once, from the beginning to the end, mended on the way."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._pieces = _mended(chunks)

    def read(self, size: int = -1) -> bytes:
        """Some more bytes, as many as come at once; none at the end, or when none are asked for."""
        return next(self._pieces, b"") if size else b""


def _mended(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        json = held + chunk
        end = _end_of_whole_escapes(json)
        json, held = json[:end], json[end:]
        if json:
            yield mended(json)
    if held:
        yield mended(held)


def _end_of_whole_escapes(json: bytes) -> int:
    """Where the first escape begins that the bytes to come may go on with; the length where none does."""
    if b"\\" not in json[-LONGEST_ESCAPE:]:
        return len(json)
    begins = (escape.start() for escape in ESCAPE.finditer(json))
    return next((begin for begin in begins if begin > len(json) - LONGEST_ESCAPE), len(json))
