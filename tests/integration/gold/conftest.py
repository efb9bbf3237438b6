"""A lake of the folder's own with all that the City's capture holds, and gold built from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.lake.conftest import Lake, filled_lake
from melpark.processing import gold


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Iterator[Lake]:
    with filled_lake(tmp_path_factory.mktemp("lake"), real_data / "portal") as filled:
        yield filled


@pytest.fixture(scope="session")
def built(lake: Lake) -> Lake:
    """The lake with gold built from what it was filled with."""
    gold.run(lake.settings, tests=False)
    return lake
