"""What tells that an answer says the same as another, without reading its records as rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from melpark.contracts import Table
from melpark.errors import RefusedError
from melpark.ingestion.answer_format import WHOLE_BYTES, format_of, records
from melpark.ingestion.body import Body
from melpark.ingestion.sources import PARSER_VERSION
from melpark.ingestion.sources.record import NotJson

DIGEST_BYTES = 16


@dataclass(frozen=True)
class AnswerDigest:
    """Version of the parser, digest of the bytes, and digest of the records in any order, where it was made.

    As text, they are joined by colons.
    """

    of_bytes: str = ""
    of_records: str = ""
    version: str = field(default_factory=lambda: str(PARSER_VERSION))

    @classmethod
    def read(cls, text: str | None) -> "AnswerDigest":
        """What `str` wrote; of a row without one a digest that no answer has."""
        version, of_bytes, of_records, *_ = [*(text or "").split(":"), "", "", ""]
        return cls(of_bytes, of_records, version)

    def __str__(self) -> str:
        return ":".join(part for part in (self.version, self.of_bytes, self.of_records) if part)

    @property
    def is_of_this_parser(self) -> bool:
        """Whether an answer with this digest would still be read as it was."""
        return self.version == str(PARSER_VERSION)

    def has_the_bytes_of(self, other: "AnswerDigest") -> bool:
        return self.version == other.version and self.of_bytes == other.of_bytes

    def has_the_records_of(self, other: "AnswerDigest") -> bool:
        """The same records, each as often, in any order."""
        return self.version == other.version and self.of_records == other.of_records != ""


def digest_of_records(body: Body, table: Table) -> str:
    """The same for the same records in any order, each as often; nothing where the answer cannot be read or is so large
    that it is not read at once.

    The portal's order is not stable. Records are taken as they are written: one with its fields in another order, or
    1.0 for 1, is another record here, and so is every record in another format: such an answer is read and compared.
    """
    if body.size > WHOLE_BYTES:
        return ""
    try:
        return _of_all(format_of(body, table).encode(), records(body, table))
    except RefusedError:
        return ""


def _of_all(kind: bytes, found: Iterable[object]) -> str:
    # JSON as it is written here has no line feed within a record.
    lines = b"\n".join([kind, *sorted(map(_written, found))])
    return blake2b(lines, digest_size=DIGEST_BYTES).hexdigest()


def _written(record: object) -> bytes:
    # The text of a line that is no JSON is no JSON text.
    return b"!" + orjson.dumps(record.text) if isinstance(record, NotJson) else orjson.dumps(record)
