"""The environment of databricks/requirements.lock, which `make test` installs beside the project's own."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from melpark.places import PROJECT

FOLDER = PROJECT / "databricks"
PYTHON = PROJECT / ".tools" / "databricks" / "bin" / "python"


def run(python: Path, script: str, *arguments: str, environment: Mapping[str, str], cwd: Path) -> None:
    """Run a script of this folder. Fails with what it said last."""
    assert python.exists(), f"{python} is missing: `make .tools/databricks/.synced` installs it"
    done = subprocess.run(
        [python, Path(__file__).parent / script, *arguments],
        env=dict(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
