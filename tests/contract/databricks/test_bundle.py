"""The asset bundle names notebooks, widgets, versions and tables that are there. No workspace is asked."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from contract.databricks import tools
from melpark.places import DBT_PROJECT, PROJECT

FOLDER = tools.FOLDER
VARIABLE = re.compile(r"\$\{var\.(\w+)\}")
WIDGET = re.compile(r'dbutils\.widgets\.\w+\("(\w+)"')
# The runtime's own, and what those of the wheel bring.
OF_THE_RUNTIME = {
    "pyspark",
    "pandas",
    "numpy",
    "pyarrow",
    "grpc",
    "grpc_status",
    "google",
    "zstandard",
    "py4j",
}
OF_THE_WHEEL = {"confluent_kafka", "deltalake", "duckdb", "orjson", "pydantic"}


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "databricks.yml").read_text()))


def tasks(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [task for job in bundle["resources"]["jobs"].values() for task in job["tasks"]]


def test_jobs_are_what_databricks_knows_of_jobs(bundle: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "jobs.json"
    file.write_text(json.dumps(bundle["resources"]["jobs"]))
    tools.run(tools.PYTHON, "check_jobs.py", str(file), environment=os.environ, cwd=tmp_path)


def test_variables_are_declared_and_used(bundle: dict[str, Any]) -> None:
    used = set(VARIABLE.findall((FOLDER / "databricks.yml").read_text()))
    assert used == set(bundle["variables"])
    for target in bundle["targets"].values():
        assert target["variables"].keys() <= bundle["variables"].keys()
    assert all(variable["description"] for variable in bundle["variables"].values())


def test_notebooks_are_there_and_take_what_they_are_given(bundle: dict[str, Any]) -> None:
    used = set()
    for job in bundle["resources"]["jobs"].values():
        for task in job["tasks"]:
            if "notebook_task" not in task:
                continue
            notebook = task["notebook_task"]
            used.add(notebook["notebook_path"])
            widgets = set(
                WIDGET.findall((FOLDER / notebook["notebook_path"]).read_text().replace('\\"', '"'))
            )
            given = {parameter["name"] for parameter in job["parameters"]}
            given |= notebook.get("base_parameters", {}).keys()
            assert given <= widgets, notebook["notebook_path"]
    assert used == {path.name for path in FOLDER.glob("*.ipynb")}


def test_tasks_follow_one_another_and_name_what_their_job_has(bundle: dict[str, Any]) -> None:
    for job in bundle["resources"]["jobs"].values():
        keys = [task["task_key"] for task in job["tasks"]]
        clusters = {one["job_cluster_key"] for one in job["job_clusters"]}
        environments = {one["environment_key"] for one in job["environments"]}
        for number, task in enumerate(job["tasks"]):
            assert {one["task_key"] for one in task.get("depends_on", [])} <= set(keys[:number])
            assert task.get("job_cluster_key") in clusters or task.get("environment_key") in environments
            assert task["timeout_seconds"] > 0


def test_gold_is_built_by_the_locked_dbt_from_the_project(bundle: dict[str, Any]) -> None:
    locked = (FOLDER / "requirements.lock").read_text()
    for job in bundle["resources"]["jobs"].values():
        for pin in job["environments"][0]["spec"]["dependencies"]:
            assert f"\n{pin} \\" in f"\n{locked}", pin
    for task in tasks(bundle):
        if "dbt_task" in task:
            project = (FOLDER / task["dbt_task"]["project_directory"]).resolve()
            assert project == DBT_PROJECT
            assert (project / task["dbt_task"]["profiles_directory"] / "profiles.yml").exists()
            assert all(" --target databricks " in command for command in task["dbt_task"]["commands"])


def test_the_wheel_asks_for_what_the_project_asks_for() -> None:
    ours, theirs = (
        tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (PROJECT, FOLDER)
    )
    assert set(theirs["dependencies"]) <= set(ours["dependencies"])
    assert (theirs["name"], theirs["version"], theirs["requires-python"]) == (
        ours["name"],
        ours["version"],
        ours["requires-python"],
    )


def test_what_the_notebooks_import_is_the_runtimes_or_the_wheels() -> None:
    """Imports as they really happen, of modules that melpark's own name; not those that Spark makes of others."""
    code = (
        "import sys, ast, pathlib, melpark.processing.notebooks\n"
        "found = set()\n"
        "for name, module in list(sys.modules.items()):\n"
        "    if name.partition('.')[0] == 'melpark':\n"
        "        for node in ast.walk(ast.parse(pathlib.Path(module.__file__).read_text())):\n"
        "            if isinstance(node, ast.Import): found |= {one.name for one in node.names}\n"
        "            if isinstance(node, ast.ImportFrom): found.add(node.module)\n"
        "print(*{name.partition('.')[0] for name in found} - sys.stdlib_module_names - {'melpark'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert found - OF_THE_RUNTIME <= OF_THE_WHEEL
    declared = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split("[<>=]", name)[0].replace("-", "_") for name in declared} == OF_THE_WHEEL


def test_the_wheel_holds_what_the_notebooks_call(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=FOLDER,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "melpark/processing/notebooks.py" in archive.namelist()
        assert "melpark/contracts/bays.py" in archive.namelist()
