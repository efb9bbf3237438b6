"""`pytest -n 2`: the tests of a room run one after the other in one worker, since they share engines.

The groups of pytest-xdist would do, but its marks do not reach pytest 9.2.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# The dearest first, so that the two workers end together; a worker takes the next room when it has done one.
ROOMS = {
    "tests/integration/lake/": "lake",
    "tests/e2e/stack/test_newcomer.py": "newcomer",
    "tests/e2e/": "stack",
    "tests/chaos/": "chaos",
    "tests/integration/capture/": "capture",
    "tests/integration/serving/": "serving",
    "tests/": "rest",
}
ORDER = ("lake", "stack", "chaos", "newcomer", "capture", "serving", "rest")


def room(nodeid: str) -> str:
    return next(name for prefix, name in ROOMS.items() if nodeid.startswith(prefix))


class Rooms(LoadScopeScheduling):  # type: ignore[misc]
    """Whole rooms, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return room(nodeid)


def pytest_configure(config: pytest.Config) -> None:
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(room(item.nodeid)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    return Rooms(config, log)
