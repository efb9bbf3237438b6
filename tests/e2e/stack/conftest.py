"""One stack, started by `melpark up`, shared by every test that only looks or writes one row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.stack.replays import replayed_twice
from e2e.stack.running import Stack, stopped_at_the_end
from plugins.webhooks import TestReceiver, receiving


@pytest.fixture(scope="session")
def alert_receiver() -> Iterator[TestReceiver]:
    """Takes the alerts of `replayed`."""
    with receiving(TestReceiver()) as receiver:
        yield receiver


@pytest.fixture(scope="session")
def replayed(short_folder: Path, real_capture: Path, alert_receiver: TestReceiver) -> Iterator[Stack]:
    """The real capture, played to its end on an empty home, then played again; still running."""
    stack = Stack.on(short_folder / "replayed", MELPARK_ALERT_WEBHOOK_URL=alert_receiver.url)
    with stopped_at_the_end(stack):
        replayed_twice(stack, real_capture)
        yield stack
