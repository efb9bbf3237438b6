"""`pytest -n 2`: one worker starts whole stacks and builds the page, the other does all else.

The groups of pytest-xdist would do, but its marks do not reach pytest 9.2.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

WHOLE_STACK = ("tests/chaos/", "tests/e2e/", "tests/integration/serving/")


class TwoRooms(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one room run one after the other, in one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return "stack" if nodeid.startswith(WHOLE_STACK) else "parts"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TwoRooms:
    return TwoRooms(config, log)
