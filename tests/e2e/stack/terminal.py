"""A terminal: what a process shows on it is kept in a file, and keys can be pressed."""

import functools
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from typing import BinaryIO

ROWS, COLUMNS = 50, 160
CTRL_C = b"\x03"
READ_SECONDS = 10.0


class Terminal:
    """For one process, which is given it as its controlling terminal: Ctrl-C reaches whatever runs in front on it."""

    def __init__(self, shown: BinaryIO) -> None:
        self._shown = shown
        self._ours, self._theirs = pty.openpty()
        termios.tcsetwinsize(self._theirs, (ROWS, COLUMNS))

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
        # pytest's workers tell a size of their own, which programs would believe.
        own = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        process = subprocess.Popen(
            command,
            env=own | {"TERM": "xterm-256color"},
            preexec_fn=functools.partial(os.login_tty, self._theirs),
            text=True,
        )
        os.close(self._theirs)
        # Nobody reads: a full terminal would stop the process.
        self._reader = threading.Thread(target=self._keep, daemon=True)
        self._reader.start()
        return process

    def wait_until_read(self) -> None:
        """Until all that the process showed is kept; nobody may hold the terminal any more."""
        self._reader.join(READ_SECONDS)

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def _keep(self) -> None:
        with self._shown as shown:
            while piece := self._read():
                shown.write(piece)
                shown.flush()
        os.close(self._ours)

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65536)
        except OSError:  # Nothing holds the other side any more.
            return b""
