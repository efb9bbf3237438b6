"""By Airflow's own Python: `run_dag.py FOLDER DAG` runs the DAG once by `dag.test()` and says how its tasks ended."""

import json
import sys
from pathlib import Path


def main(folder: str, name: str) -> None:
    from airflow.dag_processing.dagbag import BundleDagBag  # type: ignore[import-not-found]

    found = BundleDagBag(folder, bundle_path=Path(folder), bundle_name="dags-folder")
    run = found.dags[name].test()
    tasks = {task.task_id: str(task.state) for task in run.get_task_instances()}
    print("\n" + json.dumps({"state": str(run.state), "tasks": tasks}))


if __name__ == "__main__":
    main(*sys.argv[1:])
