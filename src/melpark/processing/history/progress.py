"""What a backfill shows: a bar on a terminal, a line per step elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from melpark.processing.history.backfill import Outcome


class Screen:
    """The Progress of a person; use it as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._file = ""
        self._task: TaskID | None = None
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, file_name: str, step: str, of: int) -> None:
        if file_name != self._file:
            self._file, self._began = file_name, time.monotonic()
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(f"{file_name}: {step}", total=of or None)
        if not self._console.is_terminal:
            self._print(f"{file_name}: {step}")

    def advance(self, done: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, completed=done)

    def end(self, outcome: Outcome) -> None:
        if not outcome.is_new:
            self._print(f"{outcome.file_name}: loaded before, nothing to do")
            return
        seconds = time.monotonic() - self._began
        self._print(
            f"{outcome.file_name}: {outcome.lines:,} lines, {outcome.stays:,} stays, "
            f"{sum(outcome.quarantined.values()):,} quarantined, {seconds:,.1f} s "
            f"({outcome.lines / max(seconds, 1e-9):,.0f} lines/s)"
        )
        for reason, count in sorted(outcome.quarantined.items(), key=lambda item: -item[1]):
            self._print(f"  {count:>12,} {reason}")

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
