"""By Airflow's own Python: `telling.py FOLDER` calls what the DAGs of the folder call when a run has ended."""

import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

STARTED = datetime(2026, 1, 2, tzinfo=UTC)


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    import wiring  # type: ignore[import-not-found]

    def run(name: str) -> SimpleNamespace:
        return SimpleNamespace(dag_id=name, start_date=STARTED, end_date=STARTED + timedelta(seconds=90))

    wiring.tell_failed({"dag_run": run("melpark_quality_dag"), "reason": "task_failure"})
    # What Airflow gives when it knows no last task.
    wiring.tell_failed({"dag": SimpleNamespace(dag_id="melpark_backup_dag"), "reason": "timed_out"})
    wiring.tell_succeeded({"dag_run": run("melpark_ingestion_dag"), "reason": "success"})


if __name__ == "__main__":
    main(sys.argv[1])
