"""Reading the engines' logs."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from melpark.errors import ConfigurationError
from melpark.logs import readable
from melpark.places import Home

LOOK_EVERY_SECONDS = 0.3


def show(home: Home, engine: str | None, lines: int, follow: bool, say: Callable[[str], object]) -> None:
    """Say the newest lines of one engine's log, or of all of them with the engine's name before each."""
    files = {file.stem: file for file in sorted(home.logs.glob("*.log"))}
    if engine is not None:
        if engine not in files:
            raise ConfigurationError(
                f"There is no log of {engine}",
                f"{home.logs} has {', '.join(files) or 'none yet'}",
                "Name one of these",
            )
        files = {engine: files[engine]}
    prefix = len(files) > 1
    ends = {}
    for name, file in files.items():
        text, ends[name] = _since(file, 0)
        for line in text.splitlines()[-lines:] if lines > 0 else ():
            say(f"{name}: {readable(line)}" if prefix else readable(line))
    while follow:
        for name, file in files.items():
            new, ends[name] = _since(file, ends[name])
            for line in new.splitlines():
                say(f"{name}: {readable(line)}" if prefix else readable(line))
        time.sleep(LOOK_EVERY_SECONDS)


def _since(file: Path, end: int) -> tuple[str, int]:
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            # A smaller file was rotated.
            start = end if size >= end else 0
            stream.seek(start)
            return stream.read(size - start).decode("utf-8", "replace"), size
    except FileNotFoundError:
        # It is just being rotated.
        return "", 0
