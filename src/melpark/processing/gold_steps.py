"""A build of gold in steps, for a scheduler that shows each model as a task: begin, one model after the other, finish.

What is to be done is written down at the beginning (`plan`) and read by every step. Each step holds gold's lock while
it works and none in between: a whole build that comes between takes the plan away, and the steps left do nothing.
"""

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from melpark.errors import StopError
from melpark.places import DBT_MANIFEST, DBT_PROJECT, Home
from melpark.processing import gold, job_runs, news
from melpark.settings import Settings

log = logging.getLogger(__name__)

STAGING = ("run", "--select", "path:models/staging")
REPORTS = ("run", "--select", "path:models/reports")
# A test that looks at models which come later is left to the last of them.
WITH_ITS_TESTS = ("--indirect-selection", "buildable")


@dataclass(frozen=True)
class Plan:
    """What `begin` found to do, as the file holds it."""

    command: tuple[str, ...]
    given: dict[str, Any]
    present: news.Built
    needs_views: bool

    def text(self) -> str:
        held = {
            "command": self.command,
            "given": self.given,
            "present": self.present.text(),
            "needs_views": self.needs_views,
        }
        return json.dumps(held, indent=1)

    @classmethod
    def read(cls, home: Home) -> Self | None:
        """None when there is nothing to do. Raises StopError when the file cannot be read."""
        file = gold.plan(home)
        try:
            held = json.loads(file.read_text())
            present = news.Built.of(json.loads(held["present"]))
            return cls(tuple(held["command"]), held["given"], present, held["needs_views"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StopError(
                f"{file} cannot be read", "it was changed", "Run `melpark gold begin` anew"
            ) from None


def begin(settings: Settings) -> bool:
    """Write down what is to be built. False when nothing is new since the last build."""
    home = Home(settings.home.resolve())
    gold.make_folders(home)
    with gold.alone(home) as lock:
        gold.plan(home).unlink(missing_ok=True)
        work = gold.begin(settings, home, "build")
        if work is None:
            return False
        needs_views = work.is_whole or not work.has_views
        if needs_views:
            gold.dbt(settings, home, lock, "build", STAGING, work.given)
        # Last: without it no model is built.
        plan = Plan(work.command[1:], dict(work.given), work.present, needs_views)
        gold.write(gold.plan(home), plan.text())
    return True


def model(settings: Settings, name: str, tests: bool = True) -> None:
    """Build one model and test it, where the news touch it. Raises StopError when it fails."""
    home = Home(settings.home.resolve())
    gold.make_folders(home)
    with gold.alone(home) as lock:
        if (plan := Plan.read(home)) is None:
            log.info("Nothing to build")
            return
        command = ["build" if tests else "run", "--select", name, *WITH_ITS_TESTS, *plan.command]
        if tests:
            command += ["--exclude-resource-types", "unit_test"]
        gold.dbt(settings, home, lock, "build", command, plan.given)


def finish(settings: Settings) -> None:
    """Write down what gold was built from, once every model was. Does nothing without a plan."""
    home = Home(settings.home.resolve())
    gold.make_folders(home)
    with gold.alone(home) as lock:
        if (plan := Plan.read(home)) is None:
            log.info("Nothing to finish")
            return
        with job_runs.recorded(home, gold.JOBS["build"]):
            if plan.needs_views:
                gold.dbt(settings, home, lock, "build", REPORTS, plan.given)
            gold.finish(home, plan.present)
        gold.plan(home).unlink()
    log.info("Gold: build done")


def write_manifest(file: Path = DBT_MANIFEST) -> None:
    """Write down what dbt knows of its models; no engine is asked. Raises StopError when dbt cannot read them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    target = file.parent / ".dbt"
    done = subprocess.run(
        [sys.executable, "-c", gold.DBT, "--quiet", "parse", "--target-path", target, "--log-path", target],
        cwd=DBT_PROJECT,
        env=gold.quiet({"DBT_PROFILES_DIR": str(DBT_PROJECT)}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        raise StopError("dbt cannot read the models", said[-1] if said else "", f"See {target / 'dbt.log'}")
    (target / "manifest.json").replace(file)


def is_manifest_current(file: Path = DBT_MANIFEST) -> bool:
    """Whether the manifest is there and no file of the models is newer."""
    if not file.exists():
        return False
    made = file.stat().st_mtime
    sources = [*DBT_PROJECT.glob("m*/**/*"), *DBT_PROJECT.glob("tests/**/*"), *DBT_PROJECT.glob("*.yml")]
    return all(path.stat().st_mtime <= made for path in sources if path.is_file())
