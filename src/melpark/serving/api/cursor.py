"""Cursors: where the next page begins, what was asked, and the state that was asked. Opaque to whoever gets them."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True)
class Cursor:
    """The key of the last row that was given, the digest of the question, and the tables' versions if it has some."""

    key: tuple[str | int | float, ...]
    question: str
    versions: Mapping[str, int] | None = None

    def text(self) -> str:
        """For the URL."""
        content = orjson.dumps([self.question, list(self.key), self.versions])
        return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read(text: str, question: str, key_length: int, tables: Sequence[str] | None = None) -> Cursor:
    """The cursor of a page of the same question. Raises ValueError when it is another's, or none of ours."""
    try:
        padded = text + "=" * (-len(text) % 4)
        asked, key, versions = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise ValueError("cursor is not one of this server") from None
    is_ours = (
        isinstance(key, list)
        and len(key) == key_length
        and all(isinstance(part, str | int | float) and not isinstance(part, bool) for part in key)
        and (
            versions is None
            if tables is None
            else isinstance(versions, dict)
            and versions.keys() == set(tables)
            and all(type(number) is int and 0 <= number < 2**62 for number in versions.values())
        )
    )
    if not is_ours:
        raise ValueError("cursor is not one of this server")
    if asked != question:
        raise ValueError("cursor belongs to another question: keep every other parameter as it was")
    return Cursor(tuple(key), asked, versions)


def digest(*parts: Any) -> str:
    """A short name of a question or a state."""
    text = orjson.dumps(parts, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(text).hexdigest()[:16]
