"""Faults done to a running stack, one after the other."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from chaos.schedule import EVERYTHING, VICTIMS, Fault, Kind, Moment
from chaos.watching import Gate, Watch
from e2e.stack.running import Stack, is_running, read_status
from melpark.places import Home

# Fast shutdown: at SIGTERM PostgreSQL waits for its sessions to end.
RESTART_SIGNAL = {"postgres": signal.SIGINT}
FLOWING_SECONDS = 300.0
MOMENT_SECONDS = 60.0


@dataclass(frozen=True)
class Struck:
    """A fault that happened: the polls that were committed by then, and how long its victim was away.

    `met_its_moment` is false when no transaction came along and it struck all the same.
    """

    fault: Fault
    polls: int
    met_its_moment: bool
    away_seconds: float | None


def strike_all(
    stack: Stack, gate: Gate, faults: list[Fault], polls: int, say: Callable[[str], None] = lambda line: None
) -> list[Struck]:
    """Do the faults, spread evenly over the first `polls` polls of a replay that plays as fast as it is polled.

    After the last its victim may not be back yet. Raises AssertionError when the polls stop or a victim stays away.
    """
    struck = []
    with contextlib.closing(Watch(stack)) as watch:
        for number, fault in enumerate(faults):
            before, after = number * polls // len(faults), (number + 1) * polls // len(faults)
            gate.allow(after)
            flowing = watch.wait_until(lambda before=before: (watch.polls() or 0) > before, FLOWING_SECONDS)  # type: ignore[misc]
            assert flowing, f"no poll after the first {before} in {FLOWING_SECONDS} s: {stack.output()}"
            struck.append(strike(stack, watch, gate, fault))
            away = struck[-1].away_seconds
            back = "" if away is None else f", back after {away:.1f} s"
            say(f"{number + 1:4} of {len(faults)}: {fault}, at poll {struck[-1].polls}{back}")
    return struck


def kill_bystanders(stack: Stack) -> set[str]:
    """Kill at once the processes that are no victims of a schedule, and wait until all run again; their names."""
    engines = read_status(stack.home)["engines"]
    pids = {name: engine["pid"] for name, engine in engines.items() if name not in VICTIMS}
    for pid in pids.values():
        _send(pid, signal.SIGKILL)
    stack.wait_for(
        "all of them again",
        lambda status: (
            all_run(status) and all(status["engines"][name]["pid"] != pid for name, pid in pids.items())
        ),
    )
    return set(pids)


def strike(stack: Stack, watch: Watch, gate: Gate, fault: Fault) -> Struck:
    """Wait for the fault's moment and do it; when it is waited for, return when its victim is back."""
    victims = [*read_status(stack.home)["engines"]] if fault.victim == EVERYTHING else [fault.victim]
    if fault.victim != EVERYTHING:
        stack.wait_for(f"running {fault.victim}", lambda status: _runs(status, fault.victim))
    polls = watch.polls() or 0
    met = _wait_for_moment(watch, gate, fault, polls)
    pids = {name: read_status(stack.home)["engines"][name]["pid"] for name in victims}
    began = time.monotonic()
    if fault.victim == EVERYTHING:
        kill_everything(stack)
        stack.start()
    elif fault.kind is Kind.PAUSE:
        with paused(pids[fault.victim]):
            time.sleep(fault.pause_seconds)
    else:
        number = (
            signal.SIGKILL if fault.kind is Kind.KILL else RESTART_SIGNAL.get(fault.victim, signal.SIGTERM)
        )
        _send(pids[fault.victim], number)
        if fault.kind is Kind.RESTART:
            # A poller that is asked to end commits the poll that it is in, for which the gate must open.
            gate.allow((watch.polls() or polls) + 1)
    away = None
    if fault.is_waited_for:
        stack.wait_for(f"return of {fault.victim}", lambda status: _is_back(status, fault, pids))
        away = time.monotonic() - began
    return Struck(fault, polls, met, away)


def kill_everything(stack: Stack) -> None:
    """Every process of the stack at the same instant, as when the power goes. Returns when none is left."""
    assert stack.process is not None
    root = psutil.Process(stack.process.pid)
    family = [root, *root.children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    stack.process.wait()
    # It would tell of processes that are gone.
    (Home(stack.home).run / "status.json").unlink(missing_ok=True)
    deadline = time.monotonic() + 30
    while left := [process.pid for process in family if is_running(process.pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


@contextlib.contextmanager
def paused(pid: int | None) -> Iterator[None]:
    """The process and its children stand still; those that live afterwards go on."""
    try:
        root = psutil.Process(pid)
        _send(root.pid, signal.SIGSTOP)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for process in family:
        _send(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            if process.is_running():
                _send(process.pid, signal.SIGCONT)


def _wait_for_moment(watch: Watch, gate: Gate, fault: Fault, polls: int) -> bool:
    match fault.moment:
        case Moment.ANY:
            time.sleep(fault.delay_seconds)
            return True
        case Moment.OPEN:
            return watch.wait_until(watch.is_writing, MOMENT_SECONDS)
        case Moment.COMMITTED:
            gate.allow(polls + 1)
            return watch.wait_until(lambda: (watch.polls() or 0) > polls, MOMENT_SECONDS)


def _send(pid: int | None, number: signal.Signals) -> None:
    # It may have ended by itself meanwhile, which is as good.
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _runs(status: dict[str, dict[str, dict[str, object]]], name: str) -> bool:
    engine = status["engines"][name]
    return engine["state"] == "running" and engine["pid"] is not None


def all_run(status: dict[str, dict[str, dict[str, object]]]) -> bool:
    """True when no engine is away, by the stack's status."""
    return all(_runs(status, name) for name in status["engines"])


def _is_back(
    status: dict[str, dict[str, dict[str, object]]], fault: Fault, pids: dict[str, int | None]
) -> bool:
    is_another = fault.kind is Kind.PAUSE or all(
        status["engines"][name]["pid"] != pid for name, pid in pids.items()
    )
    return is_another and all(_runs(status, name) for name in pids)
