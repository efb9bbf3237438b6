"""The stack's own Kafka and Spark, without its supervisor."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from melpark.stack import jars
from melpark.stack.declaration import Engine, UnhealthyError

Process = subprocess.Popen[bytes]


def wait_until(
    holds: Callable[[], bool], what: str, seconds: float = 400, every_seconds: float = 0.25
) -> None:
    """Fails when it does not hold in time. A look that costs much is to be taken seldom: it takes from the cores."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(every_seconds)


def start(engine: Engine, logs: Path) -> Process:
    """Start the engine and wait until it is healthy."""
    jars.fetch(jars.missing([engine.name]), lambda jar: None)
    engine.prepare()
    command = engine.command()
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{engine.name}.log").open("ab") as log:
        process = subprocess.Popen(
            command.arguments,
            env=dict(command.environment) or None,
            cwd=command.directory,
            stdout=log,
            stderr=log,
        )

    def is_healthy() -> bool:
        assert process.poll() is None, f"{engine.name} ended: see {logs}"
        try:
            engine.check()
        except UnhealthyError:
            return False
        return True

    wait_until(is_healthy, f"{engine.name} healthy")
    return process


def stop(process: Process) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
