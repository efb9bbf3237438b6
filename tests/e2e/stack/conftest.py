"""One stack, started by `melpark up`, shared by every test that only looks or writes one row."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.stack.replays import replayed_twice
from e2e.stack.running import Stack, stopped_at_the_end


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter, which pytest's own is not when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="melpark-e2e-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def replayed(short_folder: Path, real_capture: Path) -> Iterator[Stack]:
    """The real capture, played to its end on an empty home, then played again; still running."""
    stack = Stack.on(short_folder / "replayed")
    with stopped_at_the_end(stack):
        replayed_twice(stack, real_capture)
        yield stack
