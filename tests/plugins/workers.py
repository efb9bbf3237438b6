"""`pytest -n 3`: tests of a room run one after the other in one worker, for they share engines, which end with it.

Engines are often waited for: three rooms at a time keep two cores busy.

The groups of pytest-xdist would do, but its marks do not reach pytest 9.2.
"""

import pytest
from _pytest.runner import runtestprotocol
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOMS = {
    "tests/integration/gold/": "gold",
    "tests/integration/lake/": "lake",
    "tests/e2e/stack/test_newcomer.py": "newcomer",
    "tests/e2e/": "stack",
    "tests/chaos/": "chaos",
    "tests/truth/": "truth",
    "tests/integration/capture/": "capture",
    "tests/integration/live/": "live",
    "tests/integration/serving/": "serving",
    "tests/integration/ingestion/": "ingestion",
    "tests/unit/simulator/": "simulator",
    "tests/": "rest",
}
# The dearest first, so that the workers end together; a worker takes the next room when it has done one.
ORDER = (
    "lake",
    "gold",
    "stack",
    "capture",
    "chaos",
    "live",
    "serving",
    "truth",
    "newcomer",
    "ingestion",
    "simulator",
    "rest",
)


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


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """After the last test of a room pytest is told that none follows: the session's fixtures end, and their engines."""
    if nextitem is None or room(nextitem.nodeid) == room(item.nodeid):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    runtestprotocol(item, nextitem=None)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Rooms:
    return Rooms(config, log)
