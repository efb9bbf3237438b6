"""Airflow as the scheduler: its server, its scheduler and its reader of DAGs, three processes of its own environment.

They are not started by `airflow standalone`, whose scheduler serves its logs on every address, and which starts nothing
again that has ended.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from melpark import loopback, secrets
from melpark.errors import StopError
from melpark.launch import LAUNCHER
from melpark.places import AIRFLOW, AIRFLOW_ADMIN, ORCHESTRATION, Home
from melpark.processing import gold_steps
from melpark.settings import Settings
from melpark.stack.declaration import Command, Engine, Step, UnhealthyError

USER = "admin"
# Two cores: Spark and dbt share them with the tasks. One task of each of the four DAGs, so that none takes the place of
# the polls.
WORKERS = 4
TASKS_OF_A_DAG = 1


def nodes(settings: Settings) -> tuple[Engine | Step, ...]:
    """Airflow's database, then its parts."""
    # Tasks need the whole way; the first would fail without it.
    needs = ("airflow-database", "connector", "streams")
    return (
        Step("airflow-database", lambda: make_database(settings), needs=("migrate",)),
        Engine(
            name="airflow",
            command=lambda: _airflow(settings, "api-server"),
            check=lambda: _of(_health(settings), "metadatabase"),
            ports={settings.airflow_port: "airflow_port"},
            needs=("airflow-database",),
            memory_limit_mebibytes=1024,
            start_seconds=180,
        ),
        Engine(
            name="airflow-dags",
            command=lambda: _airflow(settings, "dag-processor"),
            check=lambda: _of(_health(settings), "dag_processor"),
            needs=("airflow",),
            memory_limit_mebibytes=1024,
            start_seconds=180,
        ),
        Engine(
            name="airflow-scheduler",
            command=lambda: _airflow(settings, "scheduler", "--skip-serve-logs"),
            check=lambda: _of(_health(settings), "scheduler"),
            needs=("airflow-dags", *needs),
            # With the tasks that it runs, dbt among them.
            memory_limit_mebibytes=3072,
            start_seconds=180,
        ),
    )


def environment(settings: Settings) -> dict[str, str]:
    """Airflow's variables, and those of MelPark for the tasks, which call `melpark` of the main environment."""
    home = Home(settings.home.resolve())
    folder = home.engine("airflow")
    page = loopback.url(settings.airflow_port, "")
    return {
        # The City's key for the polls; alerts go out by a process of their own.
        **settings.environment(secrets=("portal_api_key",)),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
        "PATH": os.pathsep.join([str(AIRFLOW / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ORCHESTRATION / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(WORKERS),
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": str(TASKS_OF_A_DAG),
        # The name of this machine needs no name server.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_passwords(home)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{page}/execution/",
        "AIRFLOW__API__HOST": settings.serve_address,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": page,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        # Nobody is told that it runs.
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "DO_NOT_TRACK": "true",
        "SCARF_NO_ANALYTICS": "true",
    }


def _airflow(settings: Settings, *arguments: str) -> Command:
    return Command(
        (str(AIRFLOW / "bin" / "airflow"), *arguments), environment(settings), directory=Path(os.sep)
    )


def make_database(settings: Settings) -> None:
    """Make Airflow's folder, its user's password, its database, and what the DAG of gold is made from.

    Raises StopError when its environment is not there, or its database cannot be made.
    """
    if not (AIRFLOW / "bin" / "airflow").exists():
        raise StopError(
            "Airflow is not installed", f"{AIRFLOW} does not hold it", "Start with `make airflow`, which does"
        )
    home = Home(settings.home.resolve())
    home.engine("airflow").mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_password(home)
    if not gold_steps.is_manifest_current():
        gold_steps.write_manifest()
    done = subprocess.run(
        [*LAUNCHER, "-", str(AIRFLOW / "bin" / "airflow"), "db", "migrate"],
        env=os.environ | environment(settings),
        cwd=os.sep,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (home.logs / "airflow-database.log").write_text(done.stdout)
    if done.returncode:
        raise StopError("Airflow's database was not made", "", "See `melpark logs airflow-database`")


def _write_password(home: Home) -> None:
    file = _passwords(home)
    password = secrets.token(home.root, AIRFLOW_ADMIN)
    if password is None:
        raise StopError("There is no password for Airflow's page", f"{AIRFLOW_ADMIN} is not there", "")
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
        json.dump({USER: password}, new)


def _passwords(home: Home) -> Path:
    return home.engine("airflow") / "passwords.json"


def _health(settings: Settings) -> dict[str, Any]:
    """What Airflow's server knows of all of its parts. Raises UnhealthyError when it does not answer."""
    try:
        answer = loopback.client().get(loopback.url(settings.airflow_port, "/api/v2/monitor/health"))
        found: dict[str, Any] = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise UnhealthyError(str(error) or type(error).__name__) from None
    return found


def _of(health: dict[str, Any], part: str) -> None:
    if (state := (health.get(part) or {}).get("status")) != "healthy":
        raise UnhealthyError(f"Airflow says of its {part}: {state or 'nothing yet'}")
