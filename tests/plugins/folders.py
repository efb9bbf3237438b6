"""Folders that engines can use."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter, which pytest's own is not when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="melpark-e2e-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
