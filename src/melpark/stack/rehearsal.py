"""`melpark quicken`: the stack runs once for show, and Java writes down which classes its engines load."""

import asyncio
import os
import signal
import socket
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from melpark.errors import StopError
from melpark.locks import only_one
from melpark.places import Home
from melpark.processing import lake
from melpark.settings import Settings
from melpark.stack import class_archives, home, jars, java, plan, up, workers
from melpark.stack.child import Child
from melpark.stack.declaration import Command, Engine, Node
from melpark.stack.supervisor import Supervisor, last_words

# Another process may be at it already.
WAIT_SECONDS = 900
# Java writes an archive when it ends, Spark's within half a minute of an idle machine.
STOP_SECONDS = 300
NEEDED_MEBIBYTES = 2048
PLAY_SECONDS = 900
LOOK_EVERY_SECONDS = 1
# Those whose classes are archived; Flink's three processes share one class path and load different ones.
ARCHIVED = ("kafka", "connect", "spark")
# Other tables of silver take the same way.
WAITED_FOR = ("sensor_events", "bays", "rule_windows", "polls")


def run(settings: Settings, console: Console) -> None:
    """Make the class archives that are missing, with a stack of its own in a temporary home.

    Raises StopError when it was interrupted or an engine could not run; what was there before stays.
    """
    up.fetch_jars(console)
    home.require_disk(class_archives.FOLDER, NEEDED_MEBIBYTES)
    refusal = StopError("Another process rehearses the stack", str(class_archives.FOLDER), "Wait for its end")
    with only_one(class_archives.FOLDER / "rehearsal.lock", refusal, WAIT_SECONDS):
        class_archives.forget_unfinished()
        if not (missing := _missing()):
            console.print("The engines' classes are archived already.")
            return
        try:
            _rehearse(settings, console)
            written = {java.archive(engine): jars.class_path(engine) for engine in missing}
            class_archives.keep(java.JAVA, written, map(java.archive, ARCHIVED))
        finally:
            class_archives.forget_unfinished()
    console.print("The engines' classes are archived; from now on they start sooner.")


def _rehearse(settings: Settings, console: Console) -> None:
    # An engine's last file may be written while the folder goes.
    with tempfile.TemporaryDirectory(prefix="melpark-rehearsal-", ignore_cleanup_errors=True) as folder:
        # PostgreSQL may run as another user.
        Path(folder).chmod(0o711)
        rehearsed = _settings(settings, Path(folder) / "home")
        home.prepare(rehearsed)
        asyncio.run(_Rehearsal(rehearsed, console).run())


def _missing() -> list[str]:
    return [engine for engine in ARCHIVED if not java.archive(engine).exists()]


def _settings(settings: Settings, folder: Path) -> Settings:
    """A simulated city without a past, on ports that are free."""
    ports = [name for name in type(settings).model_fields if name.endswith("_port")]
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in ports]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        free = {name: one.getsockname()[1] for name, one in zip(ports, sockets, strict=True)}
    return Settings(
        home=folder.resolve(),
        source="simulator",
        history_days=0,
        live=False,
        postgres_user=settings.postgres_user,
        **free,
    )


class _Rehearsal:
    """The stack until silver holds what came and gold was built once."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        self._console = console

    async def run(self) -> None:
        asked_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, asked_to_stop.set)
        nodes = plan.nodes(self._settings, is_scheduled=False)
        # Nobody looks at it, and its page may not be built.
        played = tuple(self._recording(node) for node in nodes if node.name != "server")
        supervisor = Supervisor(played, self._home.logs)
        await supervisor.run(self._end(supervisor, asked_to_stop))

    def _recording(self, node: Node) -> Node:
        if not isinstance(node, Engine) or node.name not in _missing():
            return node
        options = class_archives.record(java.JAVA, java.archive(node.name))
        return replace(
            node,
            command=lambda: _with_options(node.command(), options),
            memory_limit_mebibytes=2 * node.memory_limit_mebibytes,
            stop_seconds=STOP_SECONDS,
        )

    async def _end(self, supervisor: Supervisor, asked_to_stop: asyncio.Event) -> None:
        rehearsed = asyncio.create_task(self._play(supervisor))
        asked = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait([rehearsed, asked], timeout=PLAY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if rehearsed.done():
            rehearsed.result()
            self._console.print("Stopping them; Java writes the archives ...")
            return
        rehearsed.cancel()
        # Else each would first write its archive; the others are stopped as ever.
        for name in ARCHIVED:
            if (pid := supervisor.statuses[name].pid) is not None:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        why = "as asked" if asked_to_stop.is_set() else f"it did not end within {PLAY_SECONDS} s"
        raise StopError(
            "The rehearsal was stopped", why, "Nothing is archived; `melpark quicken` begins anew"
        )

    async def _play(self, supervisor: Supervisor) -> None:
        self._console.print("Rehearsing the stack once (some minutes): starting the engines ...")
        await supervisor.wait_until_ready()
        self._console.print("Following the data to silver ...")
        # Files of tables tell of themselves to nobody.
        while not await asyncio.to_thread(self._is_in_silver):
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        self._console.print("Building gold ...")
        command = workers.melpark(self._settings, "gold", "build", "--no-tests")
        log = self._home.logs / "gold.log"
        if await Child.run(command, log) != 0:
            raise StopError(
                "Gold was not built in the rehearsal", last_words(log), "`melpark quicken` begins anew"
            )

    def _is_in_silver(self) -> bool:
        return all(lake.rows(self._home.silver(name)) for name in WAITED_FOR)


def _with_options(command: Command, options: tuple[str, ...]) -> Command:
    program, *arguments = command.arguments
    return replace(command, arguments=(program, *options, *arguments))
