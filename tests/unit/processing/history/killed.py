"""A backfill that kills its own process at a given moment, in a process of its own."""

import os
import signal
from pathlib import Path

from melpark.places import Home
from melpark.processing import catalogue
from melpark.processing.history import backfill
from melpark.processing.tables import QUARANTINE_OF_FILES
from unit.processing.history.made_up_files import NOW, Silent


class Killer(Silent):
    """Kills at the begin of a step, as the first rows are written, or once the quarantine is committed."""

    def __init__(self, home: Home, step: str) -> None:
        super().__init__()
        self._step = step
        self._quarantine = catalogue.path_of(home, QUARANTINE_OF_FILES)

    def begin(self, file_name: str, step: str, of: int) -> None:
        super().begin(file_name, step, of)
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)

    def advance(self, done: int) -> None:
        if self.steps[-1] != backfill.WRITING:
            return
        # The first commit made the table.
        is_committed = len(list((self._quarantine / "_delta_log").glob("*.json"))) > 1
        if self._step == "written" or (self._step == "quarantined" and is_committed):
            os.kill(os.getpid(), signal.SIGKILL)


def run(home: str, file: str, step: str) -> None:
    backfill.run(Home(Path(home)), [Path(file)], NOW, Killer(Home(Path(home)), step))
