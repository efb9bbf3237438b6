"""The bytes of one answer, kept in a temporary file so that memory does not grow with them."""

import tempfile
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO, Self

CHUNK_BYTES = 1 << 18
# Smaller bodies need no file on disk.
IN_MEMORY_BYTES = 1 << 20


class Body:
    """Bytes that are written once and then read from the beginning as often as needed; `size` is in bytes.

    The file is gone when the body is closed or forgotten.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115
        self._digest = blake2b(digest_size=16)
        self.size = 0

    @classmethod
    def of(cls, content: bytes) -> Self:
        body = cls()
        body.write(content)
        return body

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    @property
    def digest(self) -> str:
        """Of all that was written, as hexadecimal text."""
        return self._digest.hexdigest()

    def open(self) -> IO[bytes]:
        """The file at its beginning; it is one and the same for every reader."""
        self._file.seek(0)
        return self._file

    def chunks(self) -> Iterator[bytes]:
        file = self.open()
        while chunk := file.read(CHUNK_BYTES):
            yield chunk

    def read(self) -> bytes:
        """The whole content, in memory."""
        return self.open().read()

    def head(self, size: int) -> bytes:
        return self.open().read(size)

    def tail(self, size: int) -> bytes:
        self._file.seek(max(0, self.size - size))
        return self._file.read()

    def close(self) -> None:
        self._file.close()
