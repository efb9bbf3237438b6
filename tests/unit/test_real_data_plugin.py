"""Where the City's captures are not, tests on them are deselected with a line, or in CI the run fails with one."""

import subprocess
import sys
from pathlib import Path

import pytest

from melpark.places import PROJECT

TESTS = """
import pytest

@pytest.mark.real_data
def test_of_real_data():
    raise AssertionError

def test_of_anything_else():
    pass
"""
CONFIGURATION = f"""
[pytest]
pythonpath = {PROJECT / "tests"}
markers = real_data
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    return tmp_path


def run(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-p", "plugins.real_data"],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(PROJECT / "tests"), "MELPARK_REAL_DATA": "/none"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_captures_their_tests_are_deselected_with_one_line(folder: Path) -> None:
    answer = run(folder)

    assert answer.returncode == 0, answer.stdout
    assert "1 passed" in answer.stdout
    assert answer.stdout.count("the tests that read it are deselected") == 1


def test_in_ci_a_run_without_the_captures_fails_and_says_why(folder: Path) -> None:
    answer = run(folder, MELPARK_REQUIRE_REAL_DATA="1")

    assert answer.returncode == 1
    assert "/none is not there and the tests on real data are required" in answer.stdout + answer.stderr
    assert "passed" not in answer.stdout
