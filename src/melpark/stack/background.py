"""`melpark up --detach` and `melpark down`: the stack without a terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from melpark.errors import StopError
from melpark.places import Home
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import status

WAIT_SECONDS = 900.0
STOP_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.3


def start(settings: Settings, arguments: list[str], console: Console) -> int:
    """Start `melpark up` on its own, pass on what it says until it is healthy or has ended. Returns its exit code."""
    home = Home(settings.home.resolve())
    if (pid := homes.running_pid(home)) is not None:
        raise StopError(
            f"MelPark is already running on {home.root}",
            f"process {pid} holds it",
            "Use `melpark down` to stop it",
        )
    homes.make_folder(home.logs)
    log_file = home.logs / "up.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "melpark", "up", *arguments],
            env=os.environ | settings.environment() | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return _follow(process, log_file, home, console)


def _follow(process: "subprocess.Popen[bytes]", log_file: Path, home: Home, console: Console) -> int:
    deadline = time.monotonic() + WAIT_SECONDS
    with log_file.open() as log:
        while time.monotonic() < deadline:
            code = process.poll()
            for line in log:
                console.print(line.rstrip("\n"), highlight=False, markup=False, soft_wrap=True)
            if code is not None:
                return code
            if status.read(home)["state"] == "healthy":
                return 0
            time.sleep(LOOK_EVERY_SECONDS)
    raise StopError(
        f"MelPark was not healthy within {WAIT_SECONDS:.0f} s", "it goes on starting", "See `melpark status`"
    )


def stop(home: Home) -> bool:
    """Ask the running stack to stop and wait until it has. Returns False when none runs."""
    pid = homes.running_pid(home)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while homes.running_pid(home) is not None:
        if time.monotonic() > deadline:
            raise StopError(
                f"Process {pid} has not stopped", f"{STOP_SECONDS:.0f} s have passed", "See `melpark logs up`"
            )
        time.sleep(LOOK_EVERY_SECONDS)
    return True
