"""What the stack is made of: engines (processes that stay) and steps (work done once at each start)."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """How a process is started. `user` is another user to run as, or None for our own."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    directory: Path | None = None


class UnhealthyError(Exception):
    """The engine does not answer (yet); the text says how."""


@dataclass(frozen=True)
class Engine:
    """A process that stays.

    `prepare` makes its files before each start; `check` asks it by its own protocol and raises UnhealthyError;
    `ports` maps each port that it listens on to the setting that names it, the main one first.
    `needs` are the engines and steps that must be ready first. Memory is proportional set size in MiB, of
    the process and its children; above the limit the engine is restarted. After `stop_seconds` it is killed,
    which none of them minds: the rounds of a stop add up to less than 15 s.
    """

    name: str
    command: Callable[[], Command]
    check: Callable[[], None]
    memory_limit_mebibytes: int
    needs: tuple[str, ...] = ()
    ports: Mapping[int, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 3
    start_seconds: float = 90

    @property
    def port(self) -> int | None:
        return next(iter(self.ports), None)


@dataclass(frozen=True)
class Step:
    """Work done once at each start, between engines: migrate, make topics, register the connector."""

    name: str
    run: Callable[[], None]
    needs: tuple[str, ...] = ()
    attempts: int = 5


Node = Engine | Step


def stop_order(nodes: tuple[Node, ...]) -> list[list[str]]:
    """Engine names in rounds: an engine stops only after all that need it, directly or not, have stopped."""
    needs = {node.name: set(node.needs) for node in nodes}
    rounds: list[list[str]] = []
    left = dict(needs)
    while left:
        needed = set().union(*left.values())
        free = [name for name in left if name not in needed]
        if not free:
            raise ValueError(f"the needs of {sorted(left)} go in a circle")
        rounds.append(free)
        left = {name: wants for name, wants in left.items() if name not in free}
    engines = {node.name for node in nodes if isinstance(node, Engine)}
    return [kept for names in rounds if (kept := [name for name in names if name in engines])]
