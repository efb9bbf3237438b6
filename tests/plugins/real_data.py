"""Tests on the City's captures: deselected, with one line, where the captures are not; in CI that is a failure."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("MELPARK_REAL_DATA", PROJECT.parent / "shared" / "data"))


def pytest_report_header() -> list[str]:
    if FOLDER.is_dir():
        return []
    return [
        f"real data: {FOLDER} is not there (set MELPARK_REAL_DATA): the tests that read it are deselected"
    ]


def pytest_configure() -> None:
    # Before there are workers, whose words would be lost.
    if os.environ.get("MELPARK_REQUIRE_REAL_DATA") and not FOLDER.is_dir():
        pytest.exit(f"{FOLDER} is not there and the tests on real data are required", returncode=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if FOLDER.is_dir():
        return
    gone = [item for item in items if item.get_closest_marker("real_data")]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in gone]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the captures, as described by SOURCE.md in it."""
    return FOLDER


@pytest.fixture(scope="session")
def real_capture(real_data: Path) -> Path:
    return real_data / "portal"
