"""Airflow runs the DAGs against the real stack: `make test-airflow`, some ten minutes; part of `make proof`.

Once each by `dag.test()`, where no loop polls and no stream runs; then by Airflow itself, as `make airflow` starts it.
"""

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable

from e2e.stack.running import Stack, stopped_at_the_end
from melpark import secrets
from melpark.places import AIRFLOW, AIRFLOW_ADMIN, ORCHESTRATION, PROJECT, Home
from melpark.processing import gold, job_runs, lake
from melpark.settings import Settings
from melpark.stack import airflow, plan
from melpark.stack import home as homes
from melpark.stack.stages import Probe
from melpark.stack.supervisor import Supervisor
from plugins.ports import free_ports

DAGS = ORCHESTRATION / "dags"
# Of `melpark up`, what a scheduler of its own has to work with.
ENGINES = ("postgres", "kafka", "spark", "source", "migrate", "topics", "connect", "connector", "catalogue")
READY_SECONDS = 240.0
DAG_SECONDS = 1500.0


def settings_of(home: Path, **more: Any) -> Settings:
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    few = {"history_days": 0, "rule_weeks_before": 1, "rule_weeks_after": 1}
    return Settings.model_validate({"home": home, "scheduled_by": "airflow", **ports, **few, **more})


@contextmanager
def engines(settings: Settings) -> Iterator[None]:
    """The engines without poller, streams and scheduler."""
    homes.prepare(settings)
    loop = asyncio.new_event_loop()
    ready, ended = threading.Event(), asyncio.Event()

    async def run() -> None:
        nodes = tuple(node for node in plan.nodes(settings) if node.name in ENGINES)
        supervisor = Supervisor(nodes, Home(settings.home).logs)

        async def until() -> None:
            await supervisor.wait_until_ready()
            ready.set()
            await ended.wait()

        await supervisor.run(until())

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(READY_SECONDS)
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def run_dag(settings: Settings, name: str) -> dict[str, Any]:
    """How the run and its tasks ended."""
    done = subprocess.run(
        [AIRFLOW / "bin" / "python", PROJECT / "tests" / "dags" / "run_dag.py", DAGS, name],
        env=os.environ | airflow.environment(settings),
        capture_output=True,
        text=True,
        timeout=DAG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    ended: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert ended["state"] == "success", (ended, done.stdout[-10_000:])
    return ended


def wait_for(what: str, is_so: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(1)


def test_the_dags_take_polls_into_gold_and_a_second_run_finds_nothing_new(short_folder: Path) -> None:
    settings = settings_of(short_folder / "tested")
    home = Home(settings.home)
    with engines(settings):
        airflow.make_database(settings)
        polled = run_dag(settings, "melpark_ingestion_dag")
        assert polled["tasks"] == {"references": "success", "sensors": "success"}
        probe = Probe(settings)

        def is_in_kafka() -> bool:
            positions = probe.measure().positions
            return positions.get("kafka") == positions.get("postgres") == 6

        wait_for("six polls in Kafka", is_in_kafka)
        built = run_dag(settings, "melpark_medallion_dag")
        assert set(built["tasks"].values()) == {"success"}

        # Six datasets, one poll each.
        assert lake.newest_poll_id_in_silver(home) == 6
        assert lake.rows(home.silver("sensor_events")) > 3000
        for table in ("fact_parking_sessions", "fact_occupancy", "dim_bays", "dim_sign_plates", "dim_dates"):
            assert DeltaTable.is_deltatable(str(home.gold / table)), table
        assert lake.rows(home.gold / "dim_bays") > 3000
        assert gold.is_built(home)

        again = run_dag(settings, "melpark_medallion_dag")["tasks"]
        assert (again["streams"], again["begin"]) == ("success", "skipped")
        assert {state for name, state in again.items() if name.startswith("gold.")} == {"skipped"}


@pytest.fixture(scope="module")
def scheduled(short_folder: Path) -> Iterator[Stack]:
    """A stack with Airflow in place of the loop, whose scheduler runs."""
    stack = Stack.on(
        short_folder / "scheduled",
        MELPARK_AIRFLOW_PORT=str(free_ports(1)[0]),
        MELPARK_RULE_WEEKS_BEFORE="1",
        MELPARK_RULE_WEEKS_AFTER="1",
    )
    with stopped_at_the_end(stack):
        stack.start("--with", "airflow")
        stack.wait_for("Airflow", is_scheduling)
        yield stack


def is_scheduling(status: dict[str, Any]) -> bool:
    return bool(status["engines"]["airflow-scheduler"]["state"] == "running")


@pytest.fixture(scope="module")
def page(scheduled: Stack) -> Iterator[httpx.Client]:
    """Airflow's API, asked with its password."""
    url = f"http://127.0.0.1:{scheduled.settings.airflow_port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        password = secrets.token(scheduled.home, AIRFLOW_ADMIN)
        told = client.post("/auth/token", json={"username": airflow.USER, "password": password})
        client.headers["Authorization"] = f"Bearer {told.raise_for_status().json()['access_token']}"
        yield client


def runs(page: httpx.Client, dag: str) -> list[str]:
    """How each run of the DAG stands, as Airflow's own API tells."""
    answer = page.get(f"/api/v2/dags/{dag}/dagRuns")
    return [run["state"] for run in answer.raise_for_status().json()["dag_runs"]]


def test_airflow_is_asked_with_its_own_password_only(scheduled: Stack) -> None:
    url = f"http://127.0.0.1:{scheduled.settings.airflow_port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        assert client.get("/api/v2/dags").status_code == 401
        wrong = client.post("/auth/token", json={"username": airflow.USER, "password": "admin"})
        assert wrong.status_code == 401


def test_airflow_polls_in_place_of_the_loop(scheduled: Stack, page: httpx.Client) -> None:
    known = page.get("/api/v2/dags").raise_for_status().json()["dags"]
    assert {dag["dag_id"]: dag["is_paused"] for dag in known} == {
        "melpark_ingestion_dag": False,
        "melpark_medallion_dag": False,
        "melpark_quality_dag": False,
        "melpark_backup_dag": True,
    }
    assert not {"poller", "scheduler"} & scheduled.status()["engines"].keys()
    wait_for("a run of the polls", lambda: "success" in runs(page, "melpark_ingestion_dag"), 600)
    scheduled.wait_for("polls", lambda status: len(status["polls"]) == 6)
    answer = scheduled.melpark("reconcile")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_airflow_builds_gold_and_tells_melpark_of_its_runs(scheduled: Stack, page: httpx.Client) -> None:
    wait_for("a run of gold", lambda: "success" in runs(page, "melpark_medallion_dag"), DAG_SECONDS)
    assert lake.rows(Home(scheduled.home).gold / "dim_bays") > 3000
    told = {run.job: run.error for run in job_runs.newest(Home(scheduled.home))}
    assert told["melpark_ingestion_dag"] is None
    wait_for("what was told of gold", lambda: "melpark_medallion_dag" in jobs(scheduled))


def jobs(stack: Stack) -> set[str]:
    return {run.job for run in job_runs.newest(Home(stack.home)) if not run.is_failed}
