"""`melpark up`: from nothing to the map, and back to nothing."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from melpark import logs, loopback
from melpark.errors import InterruptedReplayError, StopError
from melpark.places import Home
from melpark.settings import Settings
from melpark.simulator import dirt
from melpark.simulator.capture import Capture
from melpark.stack import home as homes
from melpark.stack import jars, plan, screen, status, web_page, workers
from melpark.stack.child import Child
from melpark.stack.stages import Measurement, Probe
from melpark.stack.supervisor import Supervisor, last_words

log = logging.getLogger(__name__)
LOOK_EVERY_SECONDS = 3.0
# A replay that stands still for so long will not end by itself.
STANDSTILL_SECONDS = 240.0


@dataclass(frozen=True)
class Options:
    """What `melpark up` was asked beyond the settings."""

    until_done: bool = False
    again: bool = False


def run(settings: Settings, options: Options, console: Console) -> None:
    """Hold the home, prepare, start everything, and stay until a signal or the end of the replay."""
    if settings.source == "replay" and settings.capture_dir is not None:
        Capture.open(settings.capture_dir)
    dirt.asked_for(settings)
    homes.require_disk(settings.home.resolve(), settings.min_free_disk_mebibytes)
    home = Home(settings.home.resolve())
    with homes.lock(home) as was_unclean:
        status.forget(home)
        if was_unclean:
            console.print("The last run was not stopped cleanly; going on from what it had committed.")
        stamp = homes.prepare(settings, options.again)
        settings = settings.model_copy(update={"run_number": stamp.run_number, "home": home.root})
        prepare(settings, console)
        _keep_log(home)
        asyncio.run(_Session(settings, options, console).run())


def _keep_log(home: Home) -> None:
    """What the supervisor says also goes to a file, beside the engines' logs."""
    handler = RotatingFileHandler(home.logs / "supervisor.log", maxBytes=1024 * 1024, backupCount=2)
    handler.setFormatter(logs.formatter("json"))
    logging.getLogger("melpark").addHandler(handler)


def prepare(settings: Settings, console: Console) -> None:
    """Fetch what is not there yet: jars and the built page, each with its progress."""
    fetch_jars(console)
    if not web_page.is_built():
        with console.status("Building the web page ..."):
            web_page.build(Home(settings.home).logs / "web-build.log")
        console.print("Web page built.")


def fetch_jars(console: Console) -> None:
    """Fetch the jars that are not there yet, with progress."""
    missing = jars.missing()
    if missing:
        with _progress(console, "Fetching jars", len(missing)) as advance:
            jars.fetch(missing, lambda jar: advance(jar.path.name))


class _progress:  # noqa: N801 - used as a function
    """A bar on a terminal; without one a line at the start and one at the end."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Callable[[str], None]:
        if not self._console.is_terminal:
            self._console.print(f"{self._title}: {self._total} to fetch")
            return lambda name: None
        self._bar.start()
        task = self._bar.add_task(self._title, total=self._total)
        return lambda name: self._bar.advance(task)

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if not self._console.is_terminal and error[0] is None:
            self._console.print(f"{self._title}: done")


class _Session:
    """One run of the stack: supervisor, status document, screen, and the wait for its end."""

    def __init__(self, settings: Settings, options: Options, console: Console) -> None:
        self._settings = settings
        self._options = options
        self._console = console
        self._home = Home(settings.home)
        self._probe = Probe(settings)
        self._found = Measurement()
        self._said_days: int | None = None
        # The probe's connections serve one look at a time.
        self._measuring = threading.Lock()
        self._url = f"http://127.0.0.1:{settings.serve_port}"

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        asked_to_stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, asked_to_stop.set)
        # A replay as fast as possible builds gold once, at its end.
        is_scheduled = not (self._options.until_done and self._settings.speed == 0)
        supervisor = Supervisor(plan.nodes(self._settings, is_scheduled), self._home.logs)
        with screen.Screen(self._console, self._url) as shown:
            looking = asyncio.create_task(self._look(supervisor))
            showing = asyncio.create_task(self._show(supervisor, shown))
            try:
                await supervisor.run(self._end(supervisor, asked_to_stop))
            finally:
                for task in (looking, showing):
                    task.cancel()
                self._refresh(supervisor, shown)
                await asyncio.gather(looking, showing, return_exceptions=True)
        self._console.print("Stopped. `melpark up` goes on from here.", highlight=False)

    async def _look(self, supervisor: Supervisor) -> None:
        while True:
            await asyncio.to_thread(self._probe_again)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _show(self, supervisor: Supervisor, shown: screen.Screen) -> None:
        while True:
            self._refresh(supervisor, shown)
            await asyncio.sleep(1)

    def _refresh(self, supervisor: Supervisor, shown: screen.Screen) -> None:
        document = status.document(self._settings, supervisor, self._found)
        try:
            status.write(self._home, document)
        except OSError as error:
            log.warning("The status cannot be written: %s", error)
        self._say_history()
        shown.show(document)

    def _say_history(self) -> None:
        """A line for every day of history that was filled in while we looked."""
        days = self._found.history_days
        if self._found.events_in_postgres is None or days == self._said_days:
            return
        if self._said_days is not None and self._settings.history_days:
            self._console.print(f"history: {days} of {self._settings.history_days} days", highlight=False)
        self._said_days = days

    async def _end(self, supervisor: Supervisor, asked_to_stop: asyncio.Event) -> None:
        if not self._options.until_done:
            await asked_to_stop.wait()
            return
        asked = asyncio.create_task(asked_to_stop.wait())
        whole = asyncio.create_task(self._whole_way(supervisor))
        await asyncio.wait([asked, whole], return_when=asyncio.FIRST_COMPLETED)
        for task in (asked, whole):
            task.cancel()
        await asyncio.wait([asked, whole])
        if whole.cancelled():
            raise InterruptedReplayError(
                "The replay was stopped before its end", "", "`melpark up` goes on from here"
            )
        whole.result()

    async def _whole_way(self, supervisor: Supervisor) -> None:
        """Wait until silver holds the whole replay, then build gold and say what there is."""
        loop = asyncio.get_running_loop()
        progress: object = None
        since = loop.time()
        while not (await asyncio.to_thread(self._is_over) and await self._is_whole()):
            now = (self._found.positions, {name: stage.rows for name, stage in self._found.stages.items()})
            if now != progress or not supervisor.all_ready:
                progress, since = now, loop.time()
            elif loop.time() - since > STANDSTILL_SECONDS:
                raise StopError(
                    "The replay stands still",
                    f"no stage moved for {STANDSTILL_SECONDS:.0f} s: {now}",
                    "See `melpark logs`, and `melpark reconcile` for what silver lacks",
                )
            await asyncio.sleep(1)
        await self._build_gold()
        await asyncio.to_thread(self._probe_again)
        rows = screen.summary(status.document(self._settings, supervisor, self._found))
        self._console.print(
            f"The replay has gone the whole way. Rows: {rows}", highlight=False, soft_wrap=True
        )

    def _is_over(self) -> bool:
        # Looked at after the source: an older look may say drained of all but the last poll.
        return self._source_is_done() and self._probe_again().is_drained

    def _probe_again(self) -> Measurement:
        with self._measuring:
            self._found = self._probe.measure()
        return self._found

    async def _build_gold(self) -> None:
        if await self._run("gold", "gold", "build", "--no-tests") != 0:
            raise StopError(
                "Gold was not built", last_words(self._home.logs / "gold.log"), "See `melpark logs gold`"
            )

    async def _is_whole(self) -> bool:
        """Whether silver holds whatever PostgreSQL does: the newest poll and as many events do not tell it all."""
        return await self._run("reconcile", "reconcile") == 0

    async def _run(self, name: str, *arguments: str) -> int:
        """Exit code of a command, in a process of its own, so that stopping does not wait for it."""
        command = workers.melpark(self._settings, *arguments)
        return await Child.run(command, self._home.logs / f"{name}.log")

    def _source_is_done(self) -> bool:
        try:
            answer = loopback.client().get(loopback.url(self._settings.source_port, "/healthz"))
            return bool(answer.json()["is_done"])
        except (httpx.HTTPError, ValueError, KeyError):
            return False
