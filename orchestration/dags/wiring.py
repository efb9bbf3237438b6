"""What the DAGs share: a task is one `melpark` command, and how a run ended is told to MelPark. No DAG of its own.

Settings are MELPARK_* variables of Airflow's processes, which the commands read when they run; nothing is read here.
"""

import subprocess
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator

# Of `melpark gold begin` when nothing is new.
NOTHING_TO_DO = 6
TELL_SECONDS = 60


def melpark(task_id: str, command: str, **options: Any) -> BashOperator:
    """A task that runs `melpark COMMAND` in place of its shell, so that a stopped task stops the command."""
    return BashOperator(task_id=task_id, bash_command=f"exec melpark {command}", **options)


def told(minutes: int, **options: Any) -> dict[str, Any]:
    """Arguments of every DAG: one run at a time, what was missed is not made up, a run that fails or hangs alerts."""
    return {
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(minutes=minutes),
        "on_failure_callback": tell_failed,
        "on_success_callback": tell_succeeded,
        "default_args": {
            "owner": "melpark",
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": True,
            "execution_timeout": timedelta(minutes=minutes),
        },
        "tags": ["melpark"],
    } | options


def tell_failed(context: Mapping[str, Any]) -> None:
    """A failed run is a failed job of MelPark: `melpark alerts deliver` posts it to the webhook, /metrics shows it."""
    why = str(context.get("reason") or context.get("exception") or "a task failed")
    _tell(context, "--failed", f"{why}, see the run in Airflow")


def tell_succeeded(context: Mapping[str, Any]) -> None:
    """The next good run clears the alert."""
    _tell(context)


def _tell(context: Mapping[str, Any], *arguments: str) -> None:
    # Where Airflow knows no last task it gives the DAG without its run.
    run = context.get("dag_run")
    name = run.dag_id if run else context["dag"].dag_id
    ran = (run.end_date - run.start_date).total_seconds() if run and run.end_date and run.start_date else 0
    command = ["melpark", "alerts", "job", name, "--seconds", str(max(0, ran)), *arguments]
    subprocess.run(command, check=True, timeout=TELL_SECONDS)
