"""The page's own tests, by vitest, and the form of its sources, by prettier."""

import os
import subprocess
from pathlib import Path

import pytest

from melpark.places import WEB
from melpark.stack import web_page


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Builds the page where it is not built, which installs what the tests need."""
    web_page.build(tmp_path_factory.mktemp("web") / "build.log")


@pytest.mark.parametrize("script", ["test", "lint"])
def test_the_parts_of_the_page_hold_what_they_promise(script: str) -> None:
    node = web_page.NODE_FOLDER / "bin"
    path = os.pathsep.join([str(node), os.environ.get("PATH", "")])
    npm = web_page.NODE_FOLDER / "lib/node_modules/npm/bin/npm-cli.js"
    command: list[str | Path] = [node / "node", npm, "run", script]
    done = subprocess.run(
        command, cwd=WEB, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
