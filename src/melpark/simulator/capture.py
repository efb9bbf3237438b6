"""A capture: a folder of the portal's answers as they came, one folder per dataset, one file per poll.

    <capture>/<dataset>/<YYYYMMDDTHHMMSSZ>.json.gz

The time in the name is the answer's HTTP Date; the content is the body of `exports/json`.
"""

import gzip
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import orjson

from melpark.contracts import SENSORS
from melpark.errors import ConfigurationError, StopError

SUFFIX = ".json.gz"
STAMP = "%Y%m%dT%H%M%SZ"
STAMP_PATTERN = re.compile(r"\d{8}T\d{6}Z")
# Gzip's lowest levels are twice as fast for 5 % more bytes, and a recording poller should not lag.
COMPRESSION = 3
PROBLEMS_SHOWN = 5
REMEDY = "Mend or remove it, or name another folder with --capture"


@dataclass(frozen=True)
class CaptureFile:
    """One answer of the portal: its dataset, its HTTP Date and where its body lies."""

    dataset: str
    observed_at: datetime
    path: Path

    @property
    def stem(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    def body(self) -> bytes:
        """The answer's bytes as captured. Raises StopError when the file was changed since it was opened."""
        try:
            return _gunzip(self.path)
        except (OSError, EOFError, zlib.error) as error:
            raise StopError(f"{self.path} can no longer be read", str(error), REMEDY) from None


@dataclass(frozen=True)
class Capture:
    """A checked capture: for each dataset its files in the order of their times, at least one."""

    path: Path
    files: Mapping[str, tuple[CaptureFile, ...]]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read and check every file.

        Raises ConfigurationError that names each broken file (up to five) and what is wrong with it.
        """
        if not path.is_dir():
            raise ConfigurationError(f"There is no capture at {path}", _why_no_folder(path), REMEDY)
        files: dict[str, tuple[CaptureFile, ...]] = {}
        problems: list[str] = []
        for folder in sorted(child for child in _visible(path) if child.is_dir()):
            names = sorted(_visible(folder))
            problems += [problem for name in names if (problem := _problem(name))]
            if names:
                files[folder.name] = tuple(
                    CaptureFile(folder.name, observed_at, name)
                    for name in names
                    if (observed_at := _observed_at(name))
                )
        if problems:
            raise ConfigurationError(f"The capture {path} is broken", _shown(problems), REMEDY)
        if SENSORS.dataset not in files:
            why = f"it has no file in {SENSORS.dataset}"
            raise ConfigurationError(f"{path} is not a capture", why, REMEDY)
        return cls(path, files)


def write_file(folder: Path, dataset: str, observed_at: datetime, body: bytes) -> Path:
    """Add one answer to the capture at `folder`, whole or not at all.

    `observed_at` is the answer's HTTP Date (timezone-aware); an answer of the same second is replaced.
    `body` must be the JSON array of a complete answer, or the capture cannot be opened any more.
    Raises StopError when the disk refuses.
    """
    target = folder / dataset / f"{observed_at.astimezone(UTC).strftime(STAMP)}{SUFFIX}"
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(gzip.compress(body, COMPRESSION, mtime=0))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise StopError(f"{target} cannot be written", why, "Free space or mend the rights") from None
    return target


def _gunzip(path: Path) -> bytes:
    compressed = path.read_bytes()
    if not compressed:
        # gzip takes an empty file for an empty content.
        raise EOFError("the file is empty")
    return gzip.decompress(compressed)


def _visible(folder: Path) -> list[Path]:
    # A leading dot is an unfinished file of a recording that was killed.
    return [child for child in folder.iterdir() if not child.name.startswith(".")]


def _observed_at(path: Path) -> datetime | None:
    stem = path.name.removesuffix(SUFFIX)
    if not path.name.endswith(SUFFIX) or not STAMP_PATTERN.fullmatch(stem):
        return None
    try:
        return datetime.strptime(stem, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _problem(path: Path) -> str:
    """What is wrong with the file, empty when nothing is."""
    name = f"{path.parent.name}/{path.name}"
    if _observed_at(path) is None:
        return f"{name} is not named <YYYYMMDDTHHMMSSZ>{SUFFIX}"
    try:
        records = orjson.loads(_gunzip(path))
    except orjson.JSONDecodeError as error:
        return f"{name} is not JSON ({error})"
    except EOFError:
        return f"{name} is cut off"
    except (OSError, zlib.error) as error:
        return f"{name} is not a whole gzip file ({error})"
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return f"{name} is not a JSON array of objects"
    return ""


def _shown(problems: list[str]) -> str:
    more = len(problems) - PROBLEMS_SHOWN
    return "; ".join(problems[:PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _why_no_folder(path: Path) -> str:
    return "it is not a folder" if path.exists() else "the folder does not exist"
