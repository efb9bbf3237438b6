"""One stack, started by `melpark up`, shared by every test that only looks or writes one row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.stack.replays import replayed_twice
from e2e.stack.running import Stack, stopped_at_the_end


@pytest.fixture(scope="session")
def replayed(short_folder: Path, real_capture: Path) -> Iterator[Stack]:
    """The real capture, played to its end on an empty home, then played again; still running."""
    stack = Stack.on(short_folder / "replayed")
    with stopped_at_the_end(stack):
        replayed_twice(stack, real_capture)
        yield stack
