"""Run by Airflow's own Python: reads the DAGs as its processor does and prints what they are, and what reading took."""

import json
import os
import sys
from pathlib import Path
from typing import Any

ASKED: list[str] = []


def _record(name: str) -> None:
    held = getattr(os._Environ, name)

    def recording(environment: Any, key: Any, *default: Any) -> Any:
        if isinstance(key, str) and key.startswith("MELPARK_"):
            ASKED.append(key)
        return held(environment, key, *default)

    setattr(os._Environ, name, recording)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("subprocess.Popen", "socket.connect", "sqlite3.connect"):
        ASKED.append(f"{event} {arguments[0]}")
    if event == "open" and Path(str(arguments[0])).name in ("melpark.toml", "home.json", "secrets.json"):
        ASKED.append(f"open {arguments[0]}")


def _task(task: Any) -> dict[str, Any]:
    return {
        "command": getattr(task, "bash_command", None),
        "after": sorted(task.upstream_task_ids),
        "retries": task.retries,
        "has_limit": task.execution_timeout is not None,
        "assets": [asset.uri for asset in task.outlets],
    }


def main(folder: str) -> None:
    from airflow.dag_processing.dagbag import BundleDagBag  # type: ignore[import-not-found]

    for name in ("__getitem__", "__contains__"):
        _record(name)
    sys.addaudithook(_watch)
    found = BundleDagBag(folder, bundle_path=Path(folder), bundle_name="dags-folder")
    asked = list(ASKED)
    dags = {
        name: {
            "file": Path(dag.fileloc).name,
            "page": dag.doc_md or "",
            "catchup": dag.catchup,
            "runs": dag.max_active_runs,
            "has_limit": dag.dagrun_timeout is not None,
            "tells": [
                getattr(callback, "__name__", "")
                for callback in (dag.on_failure_callback, dag.on_success_callback)
            ],
            "is_paused": dag.is_paused_upon_creation,
            "tasks": {task.task_id: _task(task) for task in dag.tasks},
        }
        for name, dag in found.dags.items()
    }
    print(json.dumps({"errors": found.import_errors, "asked": asked, "dags": dags}))


if __name__ == "__main__":
    main(sys.argv[1])
