"""GitHub's workflows call the project's own targets, trust no tag, and may do little."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from melpark.places import PROJECT
from melpark.settings import Settings

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
# What a job may write, and why it is that one.
WRITES = {("image", "packages"), ("publish", "contents"), ("plan", "id-token")}


@pytest.fixture(params=WORKFLOWS, ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def jobs(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text())["jobs"])


def test_a_workflow_is_what_githubs_own_schema_allows(file: Path) -> None:
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_workflow_has_no_known_weakness(file: Path) -> None:
    check = [str(BIN / "zizmor"), "--offline", "--quiet", "--persona", "pedantic", str(file)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_action_is_pinned_to_a_commit_with_its_version(file: Path) -> None:
    used = re.findall(r"uses: (.*)$", file.read_text(), re.MULTILINE)
    assert used
    assert [one for one in used if not PINNED.fullmatch(one)] == []


def test_a_job_may_do_what_it_needs_and_ends(file: Path) -> None:
    assert yaml.safe_load(file.read_text())["permissions"] == {}
    for name, job in jobs(file).items():
        assert job["timeout-minutes"] <= 60, name
        writes = {(name, scope) for scope, may in job["permissions"].items() if may == "write"}
        assert writes <= WRITES, name


def test_a_step_of_githubs_own_command_says_as_whom_and_where(file: Path) -> None:
    for name, job in jobs(file).items():
        for step in job["steps"]:
            if re.search(r"^\s*gh ", step.get("run", ""), re.MULTILINE):
                # Without GH_REPO it asks a clone, which is not there without a checkout.
                assert step["env"].keys() >= {"GH_TOKEN", "GH_REPO"}, name


def test_jobs_call_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    called = {name for file in WORKFLOWS for name in re.findall(r"\bmake ([a-z-]+)", file.read_text())}
    wanted = {"test", "test-live", "test-airflow", "docs", "sbom", "image-airflow", "compose-up"}
    assert wanted | {"terraform-check", "wheel"} <= called
    assert called <= targets


def test_whatever_compose_publishes_is_asked_once_it_has_started() -> None:
    (ci,) = [file for file in WORKFLOWS if file.stem == "ci"]
    asked = "".join(step.get("run", "") for step in jobs(ci)["containers"]["steps"])
    published = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]["pod"]["ports"]
    # `make compose-up` starts no Airflow.
    ports = {port.split(":")[1] for port in published} - {str(Settings().airflow_port)}
    assert set(re.findall(r"http://127\.0\.0\.1:(\d+)/", asked)) == ports
