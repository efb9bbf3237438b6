"""From the server's death to readiness: the stack starts it again, and it rebuilds the present from the log."""

import os
import signal
import statistics
import time
from typing import Any

import httpx

from e2e.stack.running import Stack, read_status

WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.02


def measure(stack: Stack, rounds: int) -> dict[str, Any]:
    """Seconds from SIGKILL to an answer of another process, and to its readiness."""
    alive, ready = [], []
    bays = len(httpx.get(f"{stack.url}/api/v1/bays", timeout=30).json()["bays"])
    for _ in range(rounds):
        pid = int(read_status(stack.home)["engines"]["server"]["pid"])
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        alive.append(_until(f"{stack.url}/healthz", began))
        ready.append(_until(f"{stack.url}/readyz", began))
        held = len(httpx.get(f"{stack.url}/api/v1/bays", timeout=30).json()["bays"])
        assert held == bays, f"{held} bays after a restart, {bays} before"
        stack.wait_until_healthy()
        # Quick deaths are answered with growing pauses.
        time.sleep(1)
    return {
        "rounds": rounds,
        "bays": bays,
        "alive_seconds": statistics.median(alive),
        "ready_seconds": statistics.median(ready),
        "longest_ready_seconds": max(ready),
    }


def _until(url: str, began: float) -> float:
    while time.perf_counter() - began < WAIT_SECONDS:
        try:
            if httpx.get(url, timeout=5).is_success:
                return time.perf_counter() - began
        except httpx.TransportError:
            pass
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"{url} did not answer within {WAIT_SECONDS:.0f} s")


def lines(report: dict[str, Any]) -> list[str]:
    return [
        f"server killed {report['rounds']} times: answers after {report['alive_seconds']:.1f} s, ready with "
        f"{report['bays']:,} bays after {report['ready_seconds']:.1f} s (median; longest "
        f"{report['longest_ready_seconds']:.1f} s), the pause before its start among them"
    ]
