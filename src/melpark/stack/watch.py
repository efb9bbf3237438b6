"""How the parts are, told as `melpark up` tells it where nobody supervises them: containers, units.

Each engine is asked by its own check, each stage measured from outside; what is found goes into the home, where the
server reads it for /metrics. Memory and restarts are known to whoever started the parts, and left out here.
"""

import logging
import signal
import threading
from functools import partial
from types import FrameType
from typing import Any

from melpark.errors import RetryableError, StopError
from melpark.places import DATABASE, READER_ROLE, Home
from melpark.serving import stack_metrics
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import plan, postgres
from melpark.stack import status as statuses
from melpark.stack.declaration import Engine, UnhealthyError
from melpark.stack.stages import Probe
from melpark.stack.supervisor import Status

log = logging.getLogger(__name__)
LOOK_EVERY_SECONDS = 3.0


class Watched:
    """The engines of the plan as their checks find them; what `melpark.stack.status` asks of a supervisor."""

    def __init__(self, settings: Settings) -> None:
        self._engines = [node for node in plan.nodes(settings) if isinstance(node, Engine)]
        # The superuser's password is not for those who look on.
        as_reader = partial(postgres.check, settings, READER_ROLE, DATABASE)
        self._checks = {engine.name: engine.check for engine in self._engines} | {"postgres": as_reader}
        self._were_ready: set[str] = set()
        self.statuses = {engine.name: Status(port=engine.port) for engine in self._engines}

    @property
    def all_ready(self) -> bool:
        """Every engine answered once."""
        return self._were_ready >= self.statuses.keys()

    def look(self) -> None:
        for engine in self._engines:
            try:
                self._checks[engine.name]()
            except UnhealthyError as error:
                self.statuses[engine.name].turn("unhealthy", str(error))
            except Exception as error:
                # An answer that the check did not expect is no answer.
                self.statuses[engine.name].turn("unhealthy", repr(error))
            else:
                self._were_ready.add(engine.name)
                self.statuses[engine.name].turn("running")


def run(settings: Settings) -> None:
    """Look and tell until SIGTERM or SIGINT. Raises StopError where `melpark up` runs and tells itself."""
    home = Home(settings.home.resolve())
    if (pid := homes.running_pid(home)) is not None:
        raise StopError(
            f"MelPark runs on {home.root}", f"process {pid} tells how it is", "No watch is needed"
        )
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    watched, probe = Watched(settings), Probe(settings)
    while not ended.is_set():
        watched.look()
        try:
            statuses.write(home, _document(settings, watched, probe))
        except OSError as error:
            log.warning("The status cannot be written: %s", error)
        ended.wait(LOOK_EVERY_SECONDS)


def check(settings: Settings) -> None:
    """Raises RetryableError when nothing was told for long."""
    if stack_metrics.running(Home(settings.home.resolve())) is None:
        raise RetryableError("watch is not healthy", "it has not told how the parts are", "See its log")


def _document(settings: Settings, watched: Watched, probe: Probe) -> dict[str, Any]:
    found = statuses.document(settings, watched, probe.measure())
    for engine in found["engines"].values():
        engine |= {"memory_bytes": None, "restarts": None}
    return found
