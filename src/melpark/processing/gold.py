"""Gold: the dbt models, built by dbt in a process of its own, so that its memory is given back."""

import fcntl
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyspark.errors import PySparkException

from melpark.errors import StopError
from melpark.launch import LAUNCHER
from melpark.places import DBT_PROJECT, Home
from melpark.processing import catalogue
from melpark.processing.spark_session import connect, first_line, not_answering
from melpark.settings import Settings

log = logging.getLogger(__name__)

Action = Literal["build", "rebuild", "test", "docs"]
COMMANDS: Mapping[Action, tuple[str, ...]] = {
    "build": ("build",),
    "rebuild": ("build", "--full-refresh"),
    "test": ("test",),
    "docs": ("docs", "generate"),
}
DBT = "from dbt.cli.main import cli; cli()"
FAILED = frozenset({"error", "fail", "runtime error"})
# dbt's first lines name the node again, and the kind of error.
DBT_HEADING = re.compile(r"[A-Z]\w+ Error( in .*)?$")
NAMED_FAILURES = 5
WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Failure:
    """A model that was not built or a test that did not pass, by its name in dbt."""

    node: str
    message: str

    def __str__(self) -> str:
        lines = (line.strip() for line in self.message.splitlines())
        told = next((line for line in lines if line and not DBT_HEADING.match(line)), "")
        return f"{self.node} ({told})" if told else self.node


def run(settings: Settings, action: Action = "build") -> None:
    """Build, rebuild, test or document gold; waits while another process does so on this home.

    Raises RetryableError when Spark is away, StopError that names the failed models and tests.
    """
    home = Home(settings.home.resolve())
    if not home.lake.exists():
        raise StopError(f"{home.root} is no home yet", "it was never started", "Run `melpark up` first")
    target, logs = home.engine("dbt") / "target", home.logs / "dbt"
    for folder in (target, logs, home.gold):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(home) as lock:
        _register(settings, home)
        results = target / "run_results.json"
        results.unlink(missing_ok=True)
        finished = subprocess.run(
            [
                *LAUNCHER,
                "-",
                sys.executable,
                "-c",
                DBT,
                "--quiet",
                *COMMANDS[action],
                "--vars",
                json.dumps(variables(settings)),
            ],
            cwd=DBT_PROJECT,
            env=environment(settings, home, target, logs),
            # Held by dbt too: should this process be killed, the next build waits until dbt has ended.
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise _failed(action, failures(results), finished.stdout, logs)
    log.info("Gold: %s done", action)


def variables(settings: Settings) -> dict[str, float]:
    """The numbers behind the words, for dbt's `var`."""
    return {
        name: getattr(settings, name)
        for name in (
            "feed_lag_seconds",
            "exact_gap_seconds",
            "offline_after_seconds",
            "suspect_after_seconds",
        )
    }


def environment(settings: Settings, home: Home, target: Path, logs: Path) -> dict[str, str]:
    """The environment of dbt: where the server is, where gold lies, and nothing written into the project."""
    return os.environ | {
        "SPARK_REMOTE": f"sc://127.0.0.1:{settings.spark_port}",
        "GOLD_LOCATION": str(home.gold),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(logs),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
    }


def failures(results: Path) -> list[Failure]:
    """What dbt's run_results.json says went wrong; nothing when dbt wrote none."""
    try:
        nodes = json.loads(results.read_text())["results"]
    except (FileNotFoundError, ValueError, KeyError):
        return []
    return [
        Failure(node["unique_id"].split(".")[2], node.get("message") or "")
        for node in nodes
        if node["status"] in FAILED
    ]


def _failed(action: Action, found: list[Failure], output: str, logs: Path) -> StopError:
    named = "; ".join(str(failure) for failure in found[:NAMED_FAILURES])
    if len(found) > NAMED_FAILURES:
        named += f"; and {len(found) - NAMED_FAILURES} more"
    lines = [line for line in output.splitlines() if line.strip()]
    return StopError(
        f"Gold: {action} failed",
        named or (lines[-1] if lines else "dbt said nothing"),
        f"See {logs / 'dbt.log'}; the tables that were not built are as they were",
    )


def _register(settings: Settings, home: Home) -> None:
    """dbt finds its sources by their names in the catalogue, which may have been lost."""
    spark = connect(settings, WAIT_SECONDS)
    try:
        catalogue.register(spark, home)
    except PySparkException as error:
        raise not_answering(settings, first_line(error)) from error
    finally:
        spark.stop()


@contextmanager
def _alone(home: Home) -> Iterator[int]:
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "gold.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another build of gold runs on this home; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
