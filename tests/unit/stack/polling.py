"""Waiting for what must come, with a deadline that only a defect reaches."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.02


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(LOOK_EVERY_SECONDS)


async def until_in_loop(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(LOOK_EVERY_SECONDS)
