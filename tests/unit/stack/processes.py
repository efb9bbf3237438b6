"""Looking at processes that the tests started."""

from pathlib import Path

import psutil

from unit.stack.polling import until


def is_gone(pid: int) -> bool:
    """True when no such process runs; one that has ended and was not collected yet does not run."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def written_pid(file: Path) -> int:
    """The process number that a process writes into a file, once it is whole."""
    until(lambda: file.exists() and file.read_text().endswith("\n"), f"a process number in {file.name}")
    return int(file.read_text())
