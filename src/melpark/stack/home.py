"""The home: made, stamped with its source, locked for one stack at a time."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from melpark import secrets
from melpark.errors import ConfigurationError, StopError
from melpark.places import Home
from melpark.settings import Settings

LAYOUT_VERSION = 1
ATTEMPTS = 10
# What a home may hold before its passwords are made; a disk of its own has lost+found.
BEFORE_SECRETS = frozenset({"run", "logs", "secrets.new", "lost+found"})


@dataclass(frozen=True)
class Stamp:
    """What a home holds: the source of its data, the version of its layout, the run of its replay."""

    source: str
    layout_version: int = LAYOUT_VERSION
    run_number: int = 1


def prepare(settings: Settings, again: bool = False) -> Stamp:
    """Make or check the home before anything starts. Raises when its source differs or the disk is full."""
    home = make(settings)
    old = read_stamp(home)
    if old is None:
        stamp = Stamp(settings.source)
    else:
        require_same(old, settings)
        stamp = Stamp(old.source, LAYOUT_VERSION, old.run_number + (1 if again else 0))
    if stamp != old:
        write_whole(home.stamp, json.dumps(asdict(stamp)))
    return stamp


def make(settings: Settings) -> Home:
    """Make or check the home's folder, which has no source yet. Raises when it is foreign or the disk is full."""
    root = settings.home.resolve()
    require_disk(root, settings.min_free_disk_mebibytes)
    make_folder(root)
    _require_own(Home(root))
    # Root's PostgreSQL runs as another user and must pass through; files that hold secrets are 0600 anyway.
    root.chmod(0o711 if os.geteuid() == 0 else 0o700)
    home = Home(root)
    secrets.ensure(home)
    for folder in (home.run, home.logs):
        folder.mkdir(exist_ok=True)
    return home


def _require_own(home: Home) -> None:
    """Raises for a folder of other things: it would be closed to others here, and deleted by `melpark reset`."""
    foreign = sorted(entry.name for entry in home.root.iterdir() if entry.name not in BEFORE_SECRETS)
    if foreign and not home.secrets.exists() and not home.stamp.exists():
        raise ConfigurationError(
            f"{home.root} is not a MelPark home", f"it holds {foreign[0]}", "Set MELPARK_HOME to a new folder"
        )


def read_stamp(home: Home) -> Stamp | None:
    """The home's stamp, or None for a home that was never started."""
    if not home.stamp.exists():
        return None
    try:
        return Stamp(**json.loads(home.stamp.read_text()))
    except (json.JSONDecodeError, TypeError):
        raise StopError(
            f"{home.stamp} cannot be read", "the file was changed", "Restore it, or run `melpark reset`"
        ) from None


def require_same(stamp: Stamp, settings: Settings) -> None:
    """Raises when the home was stamped with another source or by a newer version."""
    root = settings.home.resolve()
    if stamp.source != settings.source:
        raise ConfigurationError(
            f"{root} holds data of source {stamp.source}, not {settings.source}",
            "one home never mixes two sources",
            "Set MELPARK_HOME to another folder, or run `melpark reset` to start this one anew",
        )
    if stamp.layout_version > LAYOUT_VERSION:
        raise StopError(
            f"{root} was written by a newer MelPark",
            f"its layout is {stamp.layout_version}, this program knows {LAYOUT_VERSION}",
            "Update MelPark",
        )


def require_disk(root: Path, mebibytes: int) -> None:
    """Raises StopError when the disk that holds (or will hold) `root` has less free space."""
    place = root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // (1024 * 1024)
    if free < mebibytes:
        raise StopError(
            f"Only {free} MiB are free on the disk of {root}",
            f"{mebibytes} MiB are asked for",
            "Free some space, set MELPARK_HOME elsewhere, or lower MELPARK_MIN_FREE_DISK_MEBIBYTES",
        )


def make_folder(folder: Path) -> None:
    """Raises StopError when the folder cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StopError(
            f"{folder} cannot be made",
            error.strerror or str(error),
            "Set MELPARK_HOME to a folder that you may write",
        ) from None


@contextmanager
def lock(home: Home) -> Iterator[bool]:
    """Hold the home for one stack. Yields True when the last one was not stopped cleanly.

    The kernel frees the lock with its holder, so a power cut leaves only the old process number behind.
    """
    make_folder(home.run)
    with _lock_file(home).open("a+") as file:
        if not _take(file):
            raise StopError(
                f"MelPark is already running on {home.root}",
                f"process {running_pid(home)} holds it",
                "Use `melpark status` to see it, `melpark down` to stop it, or another MELPARK_HOME",
            )
        file.seek(0)
        was_unclean = bool(file.read().strip())
        _set(file, str(os.getpid()))
        try:
            yield was_unclean
        finally:
            _set(file, "")


def _take(file: IO[str]) -> bool:
    """Whether the lock could be had. Who asks `running_pid` holds it for an instant, so one refusal proves nothing."""
    for _ in range(ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def _set(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def running_pid(home: Home) -> int | None:
    """The process that holds the home, or None when nobody does."""
    try:
        with _lock_file(home).open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return int(text) if text else None
    except FileNotFoundError:
        return None
    return None


def _lock_file(home: Home) -> Path:
    return home.run / "lock"


def write_whole(file: Path, text: str) -> None:
    """Replace a small file so that a reader sees the old or the new text, never half of it."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.replace(file)
