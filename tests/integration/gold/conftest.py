"""A lake of the folder's own, filled as that of the folder lake, with gold built from it."""

import pytest

from integration.lake.conftest import Lake, lake
from melpark.processing import gold

__all__ = ["lake"]


@pytest.fixture(scope="session")
def built(lake: Lake) -> Lake:
    """The lake with gold built from what it was filled with."""
    gold.run(lake.settings, tests=False)
    return lake
