"""Tiny stacks of real processes, run by the real supervisor."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from melpark.stack.declaration import Command, Engine, Node, UnhealthyError
from melpark.stack.supervisor import Supervisor

# Writes its name into the file of events when it starts and when it is asked to end.
PROGRAM = """
import signal, sys
def say(word):
    with open(sys.argv[1], "a") as file:
        file.write(f"{sys.argv[2]} {word}\\n")
def end(*_):
    say("ends")
    raise SystemExit
signal.signal(signal.SIGTERM, end)
say("starts")
print("up", flush=True)
while True:
    signal.pause()
"""

Use = Callable[[Supervisor], Awaitable[None]]


class Diary:
    """What happened, in order; the processes of a stack and the test write into it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.touch()

    @property
    def lines(self) -> list[str]:
        return self.file.read_text().splitlines()

    def say(self, line: str) -> None:
        with self.file.open("a") as file:
            file.write(f"{line}\n")

    def count(self, line: str) -> int:
        return self.lines.count(line)

    def engine(self, name: str, *needs: str, **more: Any) -> Engine:
        """An engine that is healthy once its newest life has said that it starts."""
        lives = 0

        def prepare() -> None:
            nonlocal lives
            lives = self.count(f"{name} starts") + 1

        def check() -> None:
            if self.count(f"{name} starts") < lives:
                raise UnhealthyError("it has not started yet")

        command = Command((sys.executable, "-c", PROGRAM, str(self.file), name))
        fields: dict[str, Any] = {
            "name": name,
            "command": lambda: command,
            "check": check,
            "prepare": prepare,
            "needs": needs,
            "memory_limit_mebibytes": 4096,
        }
        return Engine(**fields | more)


def run(nodes: tuple[Node, ...], logs: Path, use: Use) -> Supervisor:
    """Run the stack until `use` is done; returns the supervisor after all has stopped."""

    async def session() -> Supervisor:
        supervisor = Supervisor(nodes, logs)
        await supervisor.run(use(supervisor))
        return supervisor

    return asyncio.run(session())
