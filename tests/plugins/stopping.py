"""`pytest --stop-when FILE`: no further test begins once the file is there; by it a failed lint ends `make test`."""

from pathlib import Path

import pytest


class Stopping:
    """Looks for the file after every test. Each worker has one: pytest-xdist asks workers whether to stop."""

    def __init__(self, file: Path, session: pytest.Session) -> None:
        self._file, self._session = file, session

    def pytest_runtest_logfinish(self) -> None:
        if self._file.exists():
            self._session.shouldstop = f"{self._file.name} is there: the reason stands above"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stop-when", metavar="FILE", help="end when this file is there")


def pytest_sessionstart(session: pytest.Session) -> None:
    file = session.config.getoption("--stop-when")
    if file is not None:
        session.config.pluginmanager.register(Stopping(Path(file), session))
