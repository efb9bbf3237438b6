"""The stack as its user starts it: `melpark up` as a process, on a home and ports of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from e2e.stack.terminal import CTRL_C, Terminal
from melpark import secrets, settings
from melpark.places import DATABASE, SUPERUSER, Home
from melpark.settings import Settings
from plugins.ports import free_ports

FLINK_PORTS = ("flink", "flink_rpc", "flink_gateway")
PORTS = ("postgres", "kafka", "kafka_controller", "connect", "spark", "source", "serve", *FLINK_PORTS)
HEALTHY_SECONDS = 600.0
STOP_SECONDS = 60.0


@dataclass
class Stack:
    """One home with its ports; `up` may be called again after `stop`."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[str] | None" = None
    has_terminal: bool = False
    terminal: Terminal | None = None
    said: str = ""
    first_rows: dict[str, int] = field(default_factory=dict)
    first_events: list[Any] = field(default_factory=list)
    was_done_at_the_stop: bool = False
    left_running: list[int] = field(default_factory=list)

    @classmethod
    def on(cls, home: Path, **variables: str) -> "Stack":
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        environment = {f"MELPARK_{name.upper()}_PORT": str(port) for name, port in ports.items()}
        # Gold is built by the tests that look at it: a build takes the cores from what else is tested.
        own = {
            "MELPARK_HOME": str(home),
            "MELPARK_HISTORY_DAYS": "0",
            "MELPARK_GOLD_INTERVAL_SECONDS": "0",
            # Likewise Flink.
            "MELPARK_LIVE": "false",
        }
        return cls(home, environment | own | variables)

    @property
    def settings(self) -> Settings:
        return settings.load({}, self.environment, Path("no-file.toml"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.serve_port}"

    def melpark(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run one `melpark` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "melpark", *arguments],
            env=clean_environment() | self.environment | variables,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )

    def start(self, *arguments: str) -> None:
        """Start `melpark up` and return at once; its output goes to a file beside the home."""
        output = self.home.with_suffix(".out").open("ab")
        command = [sys.executable, "-m", "melpark", "up", *arguments]
        environment = clean_environment() | self.environment
        if self.has_terminal:
            self.terminal = Terminal(output)
            self.process = self.terminal.start(command, environment)
            return
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.melpark("status", "--json").stdout)
        return document

    def wait_for(
        self, what: str, is_so: Callable[[dict[str, Any]], bool], seconds: float = HEALTHY_SECONDS
    ) -> None:
        """Wait until the status shows it; fails with the output of `melpark up` when it ends or time runs out."""
        deadline = time.monotonic() + seconds
        status: dict[str, Any] = {}
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise AssertionError(f"melpark up ended while waiting for {what}:\n{self.output()}")
            status = read_status(self.home)
            if status and is_so(status):
                return
            time.sleep(0.5)
        raise AssertionError(f"no {what} within {seconds} s: {json.dumps(status, indent=1)}\n{self.output()}")

    def wait_until_healthy(self) -> None:
        self.wait_for("healthy stack", lambda status: status["state"] == "healthy")

    def stop(self) -> list[int]:
        """Ctrl-C; returns the processes that are left, which should be none."""
        assert self.process is not None
        family = [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        if self.terminal:
            self.terminal.press(CTRL_C)
        else:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=STOP_SECONDS)
        if self.terminal:
            self.terminal.wait_until_read()
        return [pid for pid in family if psutil.pid_exists(pid) and is_running(pid)]

    def output(self) -> str:
        file = self.home.with_suffix(".out")
        return file.read_text()[-6000:] if file.exists() else ""

    def postgres(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(
            host="127.0.0.1",
            port=self.settings.postgres_port,
            dbname=DATABASE,
            user=SUPERUSER,
            password=secrets.password(self.home, SUPERUSER),
            autocommit=True,
        ) as connection:
            cursor = connection.execute(query)
            return list(cursor.fetchall()) if cursor.description else []


@contextlib.contextmanager
def stopped_at_the_end(stack: Stack) -> Iterator[Stack]:
    try:
        yield stack
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()


def read_status(home: Path) -> dict[str, Any]:
    file = Home(home).run / "status.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("MELPARK_")}
