"""Ports for engines of a test."""

import contextlib
import os
import random
import socket

# Above the defaults of the settings, below those that Linux gives to connections: one of them may take a port between
# the choice and the engine's start.
FIRST, EACH = 20_000, 1_500
# Every worker of pytest-xdist has its own range, so that no two choose the same port before it is bound.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8


def free_ports(count: int) -> list[int]:
    """Distinct ports that were free a moment ago."""
    found: list[int] = []
    with contextlib.ExitStack() as open_sockets:
        while len(found) < count:
            port = FIRST + WORKER * EACH + random.randrange(EACH)
            probe = open_sockets.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
