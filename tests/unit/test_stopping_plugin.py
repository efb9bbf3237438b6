"""A lint that fails beside the tests ends them, for `make test` names the file that tells of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from melpark.places import PROJECT

TESTS = """
from pathlib import Path

def test_beside_which_lint_fails():
    Path("lint-failed").touch()

def test_of_anything_else():
    pass
"""


@pytest.mark.parametrize(
    ("file", "code", "said"), [("lint-failed", 2, "lint-failed is there"), ("another", 0, "2 passed")]
)
def test_no_further_test_begins_once_the_file_is_there(
    tmp_path: Path, file: str, code: int, said: str
) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-p", "plugins.stopping", "--stop-when", file],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(PROJECT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == code, answer.stdout
    assert said in answer.stdout
    assert ("2 passed" in answer.stdout) is (code == 0)


def test_make_test_stops_when_lint_has_failed() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    (written,) = re.findall(r"\$\(MAKE\) .*lint \|\| \{ touch (\S+); exit 1; \}", makefile)
    assert f' --jobs 4 lint-beside suite STOP="--stop-when {written}"\n' in makefile
    assert "pytest -n 3 $(STOP) " in makefile
    assert f"\t@rm -f {written}\n" in makefile
