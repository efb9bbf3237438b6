"""Locks that are files, which the kernel lets go when their process ends, however it ends."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from melpark.errors import StopError

LOOK_SECONDS = 0.2


@contextmanager
def only_one(path: Path, refusal: StopError, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock; raises the refusal when another process still does after that time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise refusal from None
                time.sleep(LOOK_SECONDS)
        yield
