"""The DAGs as Airflow reads them, in its own environment: those expected, wiring only, nothing asked while reading."""

import ast
import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from melpark import cli
from melpark.cli import lake
from melpark.ingestion import rounds
from melpark.places import AIRFLOW, DBT_PROJECT, ORCHESTRATION, PROJECT, Home
from melpark.processing import gold_steps, job_runs
from melpark.settings import Settings
from melpark.stack import airflow

DAGS = ORCHESTRATION / "dags"
EXPECTED = {
    "melpark_ingestion_dag": {"references", "sensors"},
    "melpark_medallion_dag": {"streams", "begin", "finish"},
    "melpark_quality_dag": {"freshness", "reconcile", "tests", "report", "maintenance"},
    "melpark_backup_dag": {"backup"},
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    assert (AIRFLOW / "bin" / "python").exists(), "`make .tools/airflow/.synced` installs Airflow"
    if not gold_steps.is_manifest_current():
        gold_steps.write_manifest()
    said = by_airflow("parsed.py", tmp_path_factory.mktemp("airflow"))
    return dict(json.loads(said.splitlines()[-1]))


def by_airflow(script: str, home: Path) -> str:
    """What a script of this folder says, run by Airflow's own Python over the DAGs."""
    variables = airflow.environment(Settings(home=home))
    Path(variables["AIRFLOW_HOME"]).mkdir(parents=True)
    done = subprocess.run(
        [AIRFLOW / "bin" / "python", Path(__file__).parent / script, DAGS],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dags(read: dict[str, Any]) -> dict[str, Any]:
    return dict(read["dags"])


def commands(dags: dict[str, Any]) -> list[list[str]]:
    """What the tasks run, as words after `melpark`."""
    found = [shlex.split(task["command"] or "") for dag in dags.values() for task in dag["tasks"].values()]
    assert found
    assert {tuple(words[:2]) for words in found} == {("exec", "melpark")}
    return [words[2:] for words in found]


def models() -> dict[str, set[str]]:
    """Tables of gold, and which of them each reads, by its own SQL."""
    files = [*DBT_PROJECT.glob("models/intermediate/*.sql"), *DBT_PROJECT.glob("models/marts/*.sql")]
    names = {file.stem for file in files}
    reads = {file.stem: set(re.findall(r"ref\('(\w+)'\)", file.read_text())) & names for file in files}
    assert len(reads) > 10
    return reads


def test_every_file_is_read_and_the_dags_are_those_expected(read: dict[str, Any]) -> None:
    assert read["errors"] == {}
    found = {dag["file"]: name for name, dag in read["dags"].items()}
    assert found == {f"{name}.py": name for name in EXPECTED}
    ignored = set((DAGS / ".airflowignore").read_text().split())
    assert {file.name for file in DAGS.glob("*.py")} == found.keys() | ignored


def test_reading_asks_for_no_setting_and_no_engine(read: dict[str, Any]) -> None:
    assert read["asked"] == []


def test_a_dag_has_the_tasks_expected_and_a_task_for_every_table_of_gold(dags: dict[str, Any]) -> None:
    for name, tasks in EXPECTED.items():
        gold = {f"gold.{model}" for model in models()} if name == "melpark_medallion_dag" else set()
        assert dags[name]["tasks"].keys() == tasks | gold, name


def test_a_table_waits_for_those_that_it_reads(dags: dict[str, Any]) -> None:
    tasks = dags["melpark_medallion_dag"]["tasks"]
    reads = models()
    for model, read_by_it in reads.items():
        expected = {f"gold.{name}" for name in read_by_it} or {"begin"}
        assert set(tasks[f"gold.{model}"]["after"]) == expected, model
    read_by_none = reads.keys() - set().union(*reads.values())
    assert set(tasks["finish"]["after"]) == {f"gold.{model}" for model in read_by_none}
    assert tasks["begin"]["after"] == ["streams"]


def test_a_task_is_one_melpark_command_that_is_there(dags: dict[str, Any]) -> None:
    runner = CliRunner()
    for words in commands(dags):
        # Parsed whole, and not run: the help is asked for at its end.
        answer = runner.invoke(cli.app, [*words, "--help"], env={"TERM": "dumb"})
        assert answer.exit_code == 0, (words, answer.output)
        parsed = typer.main.get_command(cli.app)
        assert words[0] in parsed.commands  # type: ignore[attr-defined]
        options = {word for word in words if word.startswith("--")}
        assert all(option in answer.output for option in options), words


def test_every_dataset_is_asked_by_one_task(dags: dict[str, Any]) -> None:
    tasks = dags["melpark_ingestion_dag"]["tasks"]
    asked = {name: re.findall(r"--dataset (\S+)", task["command"]) for name, task in tasks.items()}
    assert sorted(asked["references"] + asked["sensors"]) == sorted(rounds.DATASETS)
    assert "--due" in tasks["references"]["command"]
    assert tasks["sensors"]["after"] == ["references"]


def test_a_dag_runs_once_at_a_time_ends_in_time_tells_how_and_explains_itself(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        assert (dag["catchup"], dag["runs"], dag["has_limit"]) == (False, 1, True), name
        assert dag["tells"] == ["tell_failed", "tell_succeeded"], name
        assert all(task["has_limit"] for task in dag["tasks"].values()), name
        # What is due is asked for by the next run.
        assert {task for task, is_ in dag["tasks"].items() if not is_["retries"]} <= {"references"}, name
        said = set(re.findall(r"^\| `([\w.*]+)` \|", dag["page"], re.MULTILINE))
        assert said == {"gold.*" if "." in task else task for task in dag["tasks"]}, name
        for word in ("Missed runs" if name != "melpark_backup_dag" else "asset", "When it fails"):
            assert word in dag["page"], name


def test_how_a_run_ended_is_noted_in_the_home_for_alerts_and_metrics(tmp_path: Path) -> None:
    by_airflow("telling.py", tmp_path)
    told = {run.job: (run.seconds, run.error) for run in job_runs.newest(Home(tmp_path))}
    assert told == {
        "melpark_backup_dag": (0, "timed_out, see the run in Airflow"),
        "melpark_ingestion_dag": (90, None),
        "melpark_quality_dag": (90, "task_failure, see the run in Airflow"),
    }


def test_the_backup_begins_when_the_lake_was_cared_for_and_only_where_it_is_turned_on(
    dags: dict[str, Any],
) -> None:
    # Airflow takes a run for good when the tasks that nothing comes after are.
    assert {task for task, is_ in dags["melpark_quality_dag"]["tasks"].items() if is_["after"]} == set()
    (asset,) = dags["melpark_quality_dag"]["tasks"]["maintenance"]["assets"]
    assert f'Asset("{asset}")' in (DAGS / "melpark_backup_dag.py").read_text()
    assert {name for name, dag in dags.items() if dag["is_paused"]} == {"melpark_backup_dag"}


def test_nothing_new_is_told_by_the_exit_code_that_skips() -> None:
    wired = re.search(r"^NOTHING_TO_DO = (\d+)$", (DAGS / "wiring.py").read_text(), re.MULTILINE)
    assert wired is not None
    assert int(wired[1]) == lake.NOTHING_TO_DO


def test_a_dags_page_is_the_docstring_of_its_file_which_the_documents_show(dags: dict[str, Any]) -> None:
    shown = (PROJECT / "docs" / "reference" / "dags.md").read_text()
    for name, dag in dags.items():
        docstring = ast.get_docstring(ast.parse((DAGS / dag["file"]).read_text()), clean=False)
        assert dag["page"] == docstring, name
        assert f"## {name}\n\n{dag['page'].strip()}\n" in shown, name
