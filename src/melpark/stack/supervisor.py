"""Starts engines and steps as soon as what they need is ready, restarts what ends, stops all in reverse."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil

from melpark import logs
from melpark.errors import MelParkError, RetryableError, StopError
from melpark.stack.child import Child
from melpark.stack.declaration import Engine, Node, Step, UnhealthyError, stop_order
from melpark.stack.ports import require_free

log = logging.getLogger(__name__)

EngineState = Literal[
    "waiting", "starting", "running", "unhealthy", "restarting", "stopping", "stopped", "failed"
]
CHECK_EVERY_SECONDS = 2.0
START_CHECK_EVERY_SECONDS = 0.15
UNHEALTHY_CHECKS_BEFORE_RESTART = 15
HEAVY_CHECKS_BEFORE_RESTART = 5
FIRST_STARTS = 3
LONGEST_BACK_OFF_SECONDS = 20.0
QUIET_RUN_SECONDS = 60.0
MEBIBYTE = 1024 * 1024


@dataclass
class Status:
    """What one engine is doing; read by the status file and the screen."""

    state: EngineState = "waiting"
    pid: int | None = None
    port: int | None = None
    since: datetime | None = None
    memory_bytes: int = 0
    restarts: int = 0
    detail: str = ""

    def turn(self, state: EngineState, detail: str = "") -> None:
        if state != self.state:
            self.since = datetime.now(UTC)
        self.state = state
        self.detail = detail


class Supervisor:
    """Runs the nodes until `stop`. The first failure that no restart can mend ends `run` with its error."""

    def __init__(self, nodes: tuple[Node, ...], logs: Path) -> None:
        self._nodes = nodes
        self._logs = logs
        self._ready = {node.name: asyncio.Event() for node in nodes}
        self._children: dict[str, Child] = {}
        self._stopping = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.statuses = {node.name: Status(port=node.port) for node in nodes if isinstance(node, Engine)}

    async def run(self, until: Awaitable[None]) -> None:
        """Start everything and stay until `until` is done or a node fails for good; then stop everything."""
        tasks = [asyncio.create_task(self._keep(node), name=node.name) for node in self._nodes]
        tasks.append(asyncio.create_task(self._watch_memory()))
        end = asyncio.ensure_future(until)
        try:
            await asyncio.wait([end, self._failure], return_when=asyncio.FIRST_COMPLETED)
            if self._failure.done():
                end.cancel()
                self._failure.result()
            await end
        finally:
            self._stopping = True
            end.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop_all()

    @property
    def all_ready(self) -> bool:
        return all(event.is_set() for event in self._ready.values())

    async def wait_until_ready(self) -> None:
        """Return when every engine and step was ready once."""
        for event in self._ready.values():
            await event.wait()

    @property
    def waiting_for(self) -> list[str]:
        return [name for name, event in self._ready.items() if not event.is_set()]

    async def _keep(self, node: Node) -> None:
        try:
            for name in node.needs:
                await self._ready[name].wait()
            if isinstance(node, Step):
                await self._do(node)
            else:
                await self._keep_running(node)
        except MelParkError as error:
            self._fail(error)
        except Exception as error:
            log.exception("%s failed", node.name)
            self._fail(
                StopError(f"{node.name} failed", repr(error), "This is a defect; the log has its trace")
            )

    def _fail(self, error: MelParkError) -> None:
        if not self._failure.done() and not self._stopping:
            self._failure.set_exception(error)

    async def _do(self, step: Step) -> None:
        """Failures while an engine that the step needs is away do not count: it is being started again."""
        attempt = 1
        while not self._stopping:
            try:
                await asyncio.to_thread(step.run)
                self._ready[step.name].set()
                return
            except RetryableError as error:
                if self._are_running(step.needs):
                    if attempt == step.attempts:
                        raise
                    attempt += 1
                log.warning("%s: %s Trying again.", step.name, error)
                await asyncio.sleep(attempt)

    def _are_running(self, names: Iterable[str]) -> bool:
        return all(self.statuses[name].state == "running" for name in names if name in self.statuses)

    async def _keep_running(self, engine: Engine) -> None:
        status = self.statuses[engine.name]
        back_off = 0.5
        while not self._stopping:
            began = time.monotonic()
            reason = await self._one_life(engine, status)
            if time.monotonic() - began > QUIET_RUN_SECONDS:
                back_off = 0.5
            first_start = not self._ready[engine.name].is_set()
            status.restarts += 1
            if first_start and status.restarts >= FIRST_STARTS:
                status.turn("failed", reason)
                raise self._start_failure(engine, reason)
            status.turn("restarting", reason)
            log.warning("%s %s; started again in %.1f s", engine.name, reason, back_off)
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF_SECONDS)

    async def _one_life(self, engine: Engine, status: Status) -> str:
        """Start the engine and watch it until it ends; returns why it ended."""
        try:
            for port, setting in engine.ports.items():
                require_free(port, engine.name, setting)
            await asyncio.to_thread(engine.prepare)
        except MelParkError as error:
            if not self._ready[engine.name].is_set():
                raise
            return f"cannot be started again: {error}"
        status.turn("starting")
        child = await Child.start(engine.command(), self._log_file(engine.name))
        self._children[engine.name] = child
        status.pid = child.pid
        ended = asyncio.create_task(child.wait())
        watch = asyncio.create_task(self._watch_health(engine, status))
        try:
            await asyncio.wait([ended, watch], return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return f"ended with exit status {ended.result()}"
            return watch.result()
        finally:
            watch.cancel()
            if not self._stopping:
                child.kill_group()
                await ended
                status.pid = None
                status.memory_bytes = 0

    async def _watch_health(self, engine: Engine, status: Status) -> str:
        """Returns only when the engine must be started again, with the reason."""
        if reason := await self._wait_until_healthy(engine):
            return reason
        status.turn("running")
        self._ready[engine.name].set()
        bad = heavy = 0
        while bad < UNHEALTHY_CHECKS_BEFORE_RESTART:
            await asyncio.sleep(CHECK_EVERY_SECONDS)
            # A process that is just being forked counts twice for a moment.
            heavy = heavy + 1 if status.memory_bytes > engine.memory_limit_mebibytes * MEBIBYTE else 0
            if heavy == HEAVY_CHECKS_BEFORE_RESTART:
                return f"uses {status.memory_bytes // MEBIBYTE} MiB, more than its {engine.memory_limit_mebibytes}"
            reason = await self._ask(engine)
            bad = bad + 1 if reason else 0
            status.turn("unhealthy" if bad > 1 else "running", reason if bad > 1 else "")
        return f"did not answer: {reason}"

    async def _wait_until_healthy(self, engine: Engine) -> str:
        deadline = time.monotonic() + engine.start_seconds
        while reason := await self._ask(engine):
            if time.monotonic() > deadline:
                return f"was not healthy within {engine.start_seconds:.0f} s: {reason}"
            await asyncio.sleep(START_CHECK_EVERY_SECONDS)
        return ""

    async def _ask(self, engine: Engine) -> str:
        try:
            await asyncio.to_thread(engine.check)
        except UnhealthyError as error:
            return str(error) or "unhealthy"
        except MelParkError as error:
            return str(error)
        except Exception as error:
            # An answer that the check did not expect is no answer; it must not end the whole stack.
            log.debug("The check of %s failed", engine.name, exc_info=True)
            return f"its check failed: {error!r}"
        return ""

    async def _watch_memory(self) -> None:
        while True:
            for name, child in list(self._children.items()):
                used = await asyncio.to_thread(memory_of, child.pid)
                # Meanwhile it may have ended, and another may run.
                if child.returncode is None and self._children[name] is child:
                    self.statuses[name].memory_bytes = used
            await asyncio.sleep(2 * CHECK_EVERY_SECONDS)

    def _log_file(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _start_failure(self, engine: Engine, reason: str) -> StopError:
        tail = last_words(self._log_file(engine.name))
        return StopError(
            f"{engine.name} does not start",
            f"it {reason}" + (f"; its last words were: {tail}" if tail else ""),
            f"See `melpark logs {engine.name}`",
        )

    async def _stop_all(self) -> None:
        engines = {node.name: node for node in self._nodes if isinstance(node, Engine)}
        for names in stop_order(self._nodes):
            await asyncio.gather(*(self._stop(engines[name]) for name in names if name in self._children))

    async def _stop(self, engine: Engine) -> None:
        status = self.statuses[engine.name]
        status.turn("stopping")
        await self._children[engine.name].stop(engine.stop_signal, engine.stop_seconds)
        status.turn("stopped")
        status.pid = None
        status.memory_bytes = 0


def memory_of(pid: int) -> int:
    """Proportional set size in bytes of a process and its children; resident size where that is not allowed."""
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            total += _share(process)
        except psutil.Error:
            continue
    return total


def _share(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def last_words(file: Path) -> str:
    """The newest line of a log that is no part of a stack trace, or an empty string."""
    if not file.exists():
        return ""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 16_384))
        lines = stream.read().decode("utf-8", "replace").splitlines()
    said = (line.strip() for line in reversed(lines) if line.strip() and not line[0].isspace())
    return logs.said(next(said, ""))
