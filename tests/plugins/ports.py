"""Ports for engines of a test."""

import contextlib
import random
import socket

# Below those that Linux gives to connections: one of them may take a port between the choice and the engine's start.
FIRST, LAST = 12_000, 32_000


def free_ports(count: int) -> list[int]:
    """Distinct ports that were free a moment ago."""
    found: list[int] = []
    with contextlib.ExitStack() as open_sockets:
        while len(found) < count:
            port = random.randint(FIRST, LAST)
            probe = open_sockets.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
