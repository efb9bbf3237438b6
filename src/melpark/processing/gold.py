"""Gold: the dbt models, built by dbt in a process of its own, so that its memory is given back.

A build makes anew what silver's news touch (melpark.processing.news), or everything when that cannot be told. What it
was built from is written down when the whole of it has succeeded: an interrupted build is made again from the same
point.
"""

import fcntl
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from deltalake import DeltaTable
from pyspark.errors import PySparkException

from melpark.contracts import SENSOR_EVENTS
from melpark.errors import StopError
from melpark.launch import LAUNCHER
from melpark.places import DBT_PROJECT, Home
from melpark.processing import catalogue, job_runs, lake, news
from melpark.processing.spark_session import connect, first_line, not_answering
from melpark.settings import Settings

log = logging.getLogger(__name__)

Action = Literal["build", "rebuild", "test", "freshness", "docs"]
# Calendars do not change with silver.
BUILD = ("run", "--exclude", "tag:still")
WHOLE = ("run", "--full-refresh")
# What the catalogue alone holds, and loses with it.
VIEWS = ("run", "--select", "config.materialized:view")
TESTS = ("test", "--exclude", "resource_type:unit_test")
COMMANDS: Mapping[Action, tuple[str, ...]] = {
    "test": ("test",),
    "freshness": ("source", "freshness"),
    # One file that holds the whole page.
    "docs": ("docs", "generate", "--static"),
}
JOBS: Mapping[Action, str] = {"build": "gold", "rebuild": "gold", "test": "tests of gold"}
DBT = "from dbt.cli.main import cli; cli()"
FAILED = frozenset({"error", "fail", "runtime error"})
# dbt's first lines name the node again, and the kind of error.
DBT_HEADING = re.compile(r"[A-Z]\w+ Error( in .*)?$")
NAMED_FAILURES = 5
WAIT_SECONDS = 30.0
# A build of years in two parts, which do for the news of a day, does not fit into Spark's memory.
EVENTS_PER_PART = 500_000
FEWEST_PARTS = 2


@dataclass(frozen=True)
class Failure:
    """A model that was not built or a test that did not pass, by its name in dbt."""

    node: str
    message: str

    def __str__(self) -> str:
        lines = (line.strip() for line in self.message.splitlines())
        told = next((line for line in lines if line and not DBT_HEADING.match(line)), "")
        return f"{self.node} ({told})" if told else self.node


def run(settings: Settings, action: Action = "build", tests: bool = True) -> None:
    """Build, rebuild, test or document gold, or ask how fresh silver is; waits while another does so on this home.

    Without `tests` a build makes the tables only: the tests of all of gold are then somebody else's.

    Raises RetryableError when Spark is away, StopError that names the failed models and tests.
    """
    home = Home(settings.home.resolve())
    make_folders(home)
    with alone(home) as lock, _recorded(home, action):
        if action in ("build", "rebuild"):
            _make(settings, home, lock, action, tests)
            return
        given = variables(settings) | _events_of(news.Built.read(_built(home))) | parts(home)
        if not _register(settings, home) and action != "freshness":
            dbt(settings, home, lock, action, VIEWS, given)
        dbt(settings, home, lock, action, COMMANDS[action], given)
    log.info("Gold: %s done", action)


def make_folders(home: Home) -> None:
    """What dbt writes into. Raises StopError for a home that was never started."""
    if not home.lake.exists():
        raise StopError(f"{home.root} is no home yet", "it was never started", "Run `melpark up` first")
    (home.engine("dbt") / "target").mkdir(parents=True, exist_ok=True)
    for folder in (home.logs / "dbt", home.gold):
        folder.mkdir(parents=True, exist_ok=True)


def _recorded(home: Home, action: Action) -> AbstractContextManager[None]:
    """Who watches from outside is told of builds and tests only."""
    return job_runs.recorded(home, JOBS[action]) if action in JOBS else nullcontext()


def is_built(home: Home) -> bool:
    """Whether a build was ever completed on this home."""
    return _built(home).exists()


@dataclass(frozen=True)
class Work:
    """What one build has to do: dbt's command, the variables `given` to it, and the versions of silver that gold then
    holds. `is_whole`: everything is built from the beginning. `has_views`: views are there and stay."""

    command: tuple[str, ...]
    given: Mapping[str, object]
    present: news.Built
    newest_poll: int | None
    is_whole: bool
    has_views: bool


def begin(settings: Settings, home: Home, action: Action) -> Work | None:
    """What is to be built, None when nothing is new; until it is finished the news are kept. Holds no lock itself."""
    # Polls come last into silver, so gold will hold all up to this one.
    newest_poll = lake.newest_poll_id_in_silver(home)
    present = news.now(home, _models(settings))
    given = variables(settings) | _events_of(present)
    found: news.News | None = None
    command: tuple[str, ...] = WHOLE
    if action == "build":
        # Tables that an interrupted build had made anew no longer tell what was new to them.
        unfinished = news.News.read(_unfinished(home))
        try:
            found = _news(settings, home, present)
        except news.EverythingIsNewError as why:
            log.info("Gold is built from the beginning: %s", why)
        else:
            found = found | unfinished if found else unfinished
            if found is None:
                # By these versions, for those before may be deleted until the next news.
                finish(home, present)
                log.info("Gold: nothing new")
                return None
    has_views = _register(settings, home)
    if found is None:
        # Should this be interrupted, tables of two kinds would stand side by side.
        _built(home).unlink(missing_ok=True)
        given |= parts(home)
    else:
        write(_unfinished(home), found.text())
        given |= {name: str(value) for name, value in asdict(found).items()}
        command = (*BUILD, *_untouched(found, has_views))
    return Work(command, given, present, newest_poll, found is None, has_views)


def parts(home: Home) -> dict[str, int]:
    """Into how many parts Spark cuts what looks at all events of all years, as a variable of dbt."""
    events = lake.rows(home.silver(SENSOR_EVENTS.name))
    return {"shuffle_partitions": max(FEWEST_PARTS, events // EVENTS_PER_PART)}


def _make(settings: Settings, home: Home, lock: int, action: Action, tests: bool) -> None:
    # Steps of a build that was begun before would write down less than this one builds.
    plan(home).unlink(missing_ok=True)
    work = begin(settings, home, action)
    if work is None:
        return
    dbt(settings, home, lock, action, work.command, work.given)
    if tests:
        dbt(settings, home, lock, action, TESTS, {**work.given, **parts(home)})
    finish(home, work.present)
    log.info(
        "Gold: %s done, with the polls up to %s",
        action,
        work.newest_poll,
        extra={"poll_id": work.newest_poll},
    )


def finish(home: Home, present: news.Built) -> None:
    """Write down what gold was built from: later builds begin there."""
    write(_built(home), present.text())
    _unfinished(home).unlink(missing_ok=True)


def _events_of(built: news.Built | None) -> dict[str, float | str]:
    """The version of the events that were there, for the tests that ask whether each is in gold."""
    if built is None or "sensor_events" not in built.versions:
        return {}
    return {"sensor_events_version": built.versions["sensor_events"].version}


def dbt(
    settings: Settings,
    home: Home,
    lock: int,
    action: Action,
    command: Sequence[str],
    given: Mapping[str, object],
) -> None:
    """Let dbt do the command under the lock of `alone`. Raises StopError that names what failed."""
    target, logs = home.engine("dbt") / "target", home.logs / "dbt"
    results = target / ("sources.json" if action == "freshness" else "run_results.json")
    results.unlink(missing_ok=True)
    finished = subprocess.run(
        [*LAUNCHER, "-", sys.executable, "-c", DBT, "--quiet", *command, "--vars", json.dumps(given)],
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


def _news(settings: Settings, home: Home, present: news.Built) -> news.News | None:
    built = news.Built.read(_built(home))
    if built is None or not all(DeltaTable.is_deltatable(str(home.gold / name)) for name in _tables()):
        raise news.EverythingIsNewError("no build has been completed")
    return news.since(home, built, present, settings.feed_lag)


def _untouched(found: news.News, has_views: bool) -> list[str]:
    """Models that are the same after the news."""
    return [
        *(["config.materialized:view"] if has_views else []),
        *([] if found.are_references_new else ["tag:references"]),
        *([] if found.is_history_new else ["tag:history"]),
    ]


def _tables() -> list[str]:
    """Models that are tables of their own."""
    return _models_of("intermediate", "marts")


def _models_of(*folders: str) -> list[str]:
    """Models of these folders that are tables or views of their own."""
    return [
        path.stem
        for folder in folders
        for path in (DBT_PROJECT / "models" / folder).glob("*.sql")
        if "materialized='ephemeral'" not in path.read_text()
    ]


def _models(settings: Settings) -> str:
    """Digest of the models, and of the numbers that they are built with."""
    files = sorted([*DBT_PROJECT.glob("m*/**/*.sql"), DBT_PROJECT / "dbt_project.yml"])
    digest = hashlib.sha256(json.dumps(variables(settings)).encode())
    for path in files:
        digest.update(path.relative_to(DBT_PROJECT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _built(home: Home) -> Path:
    return home.engine("dbt") / "built.json"


def plan(home: Home) -> Path:
    """What the steps of a build that was begun have to do (melpark.processing.gold_steps)."""
    return home.engine("dbt") / "plan.json"


def _unfinished(home: Home) -> Path:
    """What is new to a build that was begun and has not been finished."""
    return home.engine("dbt") / "unfinished.json"


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def variables(settings: Settings) -> dict[str, float | str]:
    """The numbers behind the words, for dbt's `var`."""
    return {
        name: getattr(settings, name)
        for name in (
            "feed_lag_seconds",
            "exact_gap_seconds",
            "offline_after_seconds",
            "suspect_after_seconds",
            "grace_seconds",
        )
    }


def environment(settings: Settings, home: Home, target: Path, logs: Path) -> dict[str, str]:
    """The environment of dbt: where the server is, where gold lies, and nothing written into the project."""
    return quiet(
        {
            "SPARK_REMOTE": f"sc://127.0.0.1:{settings.spark_port}",
            "GOLD_LOCATION": str(home.gold),
            "DBT_PROFILES_DIR": str(DBT_PROJECT),
            "DBT_TARGET_PATH": str(target),
            "DBT_LOG_PATH": str(logs),
        }
    )


def quiet(variables: Mapping[str, str]) -> dict[str, str]:
    """Our environment with these, in which dbt tells nobody that it runs."""
    return os.environ | variables | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false"}


def failures(results: Path) -> list[Failure]:
    """What dbt's run_results.json or sources.json says went wrong; nothing when dbt wrote none."""
    try:
        nodes = json.loads(results.read_text())["results"]
    except (FileNotFoundError, ValueError, KeyError):
        return []
    return [_failure(node) for node in nodes if node["status"] in FAILED]


def _failure(node: Mapping[str, Any]) -> Failure:
    kind, _, name, *rest = node["unique_id"].split(".")
    if kind != "source":
        return Failure(name, node.get("message") or "")
    age = node.get("max_loaded_at_time_ago_in_s")
    message = node.get("error") if age is None else f"its newest row came {age / 60:.0f} minutes ago"
    return Failure(f"{name}.{rest[0]}", message or "")


def _failed(action: Action, found: list[Failure], output: str, logs: Path) -> StopError:
    named = "; ".join(str(failure) for failure in found[:NAMED_FAILURES])
    if len(found) > NAMED_FAILURES:
        named += f"; and {len(found) - NAMED_FAILURES} more"
    lines = [line for line in output.splitlines() if line.strip()]
    is_build = action in ("build", "rebuild")
    return StopError(
        f"Gold: {action} failed",
        named or (lines[-1] if lines else "dbt said nothing"),
        f"See {logs / 'dbt.log'}" + ("; the tables that were not built are as they were" if is_build else ""),
    )


def _register(settings: Settings, home: Home) -> bool:
    """dbt finds its sources by their names in the catalogue, which may have been lost.

    True when its views are there.
    """
    spark = connect(settings, WAIT_SECONDS)
    try:
        catalogue.register(spark, home)
        known = {row.viewName for row in spark.sql("SHOW VIEWS IN gold").collect()}
        return set(_models_of("staging", "reports")) <= known
    except PySparkException as error:
        raise not_answering(settings, first_line(error)) from error
    finally:
        spark.stop()


@contextmanager
def alone(home: Home) -> Iterator[int]:
    """Hold the lock under which one at a time makes gold, once nobody else does; its descriptor."""
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "gold.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another build of gold runs on this home; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
