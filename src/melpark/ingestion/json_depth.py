"""How deep a large JSON answer nests, told by its brackets before a parser is given it."""

import re

from melpark.errors import RefusedError
from melpark.ingestion.body import Body

# The parser's path of keys grows with each level, so that deep nesting costs memory and time by the square.
MOST_NESTED_BODY = 256
# A string, or the part of one that a chunk ends in; the group is its closing quote.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:(")|\\?\Z)', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def check_depth(body: Body, most: int = MOST_NESTED_BODY) -> None:
    """Raises RefusedError when lists and objects of the body lie in each other more than `most` times."""
    depth = 0
    held = b""
    for chunk in body.chunks():
        outside, held = _outside_strings(held + chunk)
        for bracket in outside.translate(None, NOT_BRACKETS):
            depth += STEPS[bracket]
            if depth > most:
                raise RefusedError(f"not read: it is nested deeper than {most}")


def _outside_strings(data: bytes) -> tuple[bytes, bytes]:
    """What is outside of strings, and how the next chunk is to begin when `data` ends within one."""
    held = b""

    def drop(string: re.Match[bytes]) -> bytes:
        nonlocal held
        if string[1] is None:
            held = b'"\\' if _ends_in_escape(string[0]) else b'"'
        return b""

    return STRING.sub(drop, data), held


def _ends_in_escape(string: bytes) -> bool:
    return (len(string) - len(string.rstrip(b"\\"))) % 2 == 1
