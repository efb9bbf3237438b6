"""`pytest -n 2 --dist loadgroup`: one worker starts whole stacks and builds the page, the other does all else."""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
WHOLE_STACK = (TESTS / "e2e", TESTS / "integration" / "serving")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_whole = any(item.path.is_relative_to(folder) for folder in WHOLE_STACK)
        item.add_marker(pytest.mark.xdist_group("stack" if is_whole else "parts"))
