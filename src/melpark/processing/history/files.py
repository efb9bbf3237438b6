"""Plain, gz and zip files as texts of bytes, one per CSV, without unpacking to disk."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from melpark.errors import ConfigurationError, RefusedError

CHUNK_BYTES = 1 << 20
GZIP, ZIP = b"\x1f\x8b", b"PK"
# zipfile raises the last two for a compression that it does not know and for a password.
BROKEN = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, RuntimeError)
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Text:
    """One CSV: a file, or a member of a zip. `size` in bytes is what its progress is counted in."""

    path: Path
    member: str
    size: int

    @property
    def name(self) -> str:
        return f"{self.path.name}/{self.member}" if self.member else self.path.name

    @contextmanager
    def open(self) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
        """The unpacked bytes, and a function that says how many of `size` are read."""
        try:
            with self.path.open("rb") as raw:
                if self.member:
                    with zipfile.ZipFile(raw) as archive, archive.open(self.member) as unpacked:
                        yield unpacked, unpacked.tell
                elif _begins(self.path).startswith(GZIP):
                    with gzip.GzipFile(fileobj=raw) as unpacked_gzip:
                        yield unpacked_gzip, raw.tell  # type: ignore[misc]
                else:
                    yield raw, raw.tell
        except BROKEN as error:
            raise RefusedError(
                f"{self.name} cannot be unpacked",
                f"it is damaged or incomplete ({error})",
                "Download it again; nothing of it was loaded",
            ) from None

    def sha256(self, advance: Advance) -> str:
        """SHA-256 of the file as it lies on the disk; of a zip's member, unpacked."""
        if not self.member:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256()
        with self.open() as (source, position):
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                advance(position())
        return digest.hexdigest()


def texts(path: Path) -> list[Text]:
    """The CSVs of a file: itself, or the members of a zip in the order of their names.

    Raises ConfigurationError when there is no such file, RefusedError when it is empty or a broken zip.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file", "it was to be loaded", "Name a CSV, gz or zip file")
    if not _begins(path).startswith(ZIP):
        return [Text(path, "", _size(path))]
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(
                (entry.filename, entry.file_size)
                for entry in archive.infolist()
                # A Mac adds a folder of its own, with a shadow of every file.
                if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
            )
    except zipfile.BadZipFile as error:
        raise RefusedError(
            f"{path.name} cannot be unpacked",
            f"it is damaged or incomplete ({error})",
            "Download it again; nothing of it was loaded",
        ) from None
    if not members:
        raise _empty(path.name)
    return [Text(path, name, size) for name, size in members]


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _size(path: Path) -> int:
    if size := path.stat().st_size:
        return size
    raise _empty(path.name)


def _empty(name: str) -> RefusedError:
    return RefusedError(f"{name} is empty", "it holds no line", "Download it again")
