"""The clients that docs/serving.md gives away run as they stand there."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.serving.running import listening
from integration.serving.whole_app import whole_app
from melpark.places import PROJECT
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.settings import Settings

PAGE = (PROJECT / "docs" / "serving.md").read_text()
ADDRESS = "http://127.0.0.1:8000"


def block(language: str) -> str:
    """The one block of the page in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert ADDRESS in found
    return str(found)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with listening(whole_app(tmp_path_factory.mktemp("home"))) as url:
        yield url


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shell_client_runs_as_it_stands_there(url: str) -> None:
    told = run("bash", "-euo", "pipefail", "-c", block("bash").replace(ADDRESS, url))
    assert '"spots":[{"kerbside_id"' in told
    assert "kerbside_id,overstay_minutes\r\n" in told or "kerbside_id,overstay_minutes\n" in told
    assert "event: source" in told


def test_the_python_client_runs_as_it_stands_there(url: str, tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(block("python").replace(ADDRESS, url))
    told = run(sys.executable, str(script)).splitlines()
    assert told[0] == "40 stays, 16 over"
    assert told[1].startswith("snapshot [{'kerbside_id'")
    assert told[-1].startswith("source {")


def test_every_operation_is_on_the_page() -> None:
    for path in create_app(Settings(), LiveState(Settings())).openapi()["paths"]:
        assert f"`{path}`" in PAGE, path
