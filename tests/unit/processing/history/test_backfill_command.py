"""What `melpark backfill events` tells its user: a line for each step and each reason, a bar on a terminal."""

import io
import os
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from melpark import cli
from melpark.places import Home
from melpark.processing.history import backfill
from melpark.processing.history.progress import Screen
from unit.processing.history.made_up_files import NOW, write


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> None:
    # The command sets it for its own process.
    monkeypatch.setenv("TOKIO_WORKER_THREADS", os.environ.get("TOKIO_WORKER_THREADS", "1"))


def test_the_command_tells_what_it_loaded_and_the_second_time_that_nothing_is_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELPARK_HOME", str(tmp_path / "home"))
    file = write(
        tmp_path / "events.csv",
        {},
        {"DepartureTime": "02/07/2017 05:00:00 AM", "StreetMarker": "C1025"},
        {"Vehicle Present": "FALSE", "StreetMarker": "C1026"},
    )
    first = CliRunner().invoke(cli.app, ["backfill", "events", str(file)])
    assert first.exit_code == 0, first.output
    said = re.sub(r"[\d.]+ s \([\d,]+ lines/s\)", "T", first.output)
    assert "events.csv: 3 lines, 1 stays, 2 quarantined, T" in said
    assert len(re.findall(r"^ +1 \w+", said, re.MULTILINE)) == 2
    assert len(re.findall(r"^events\.csv: ", said, re.MULTILINE)) > 2
    again = CliRunner().invoke(cli.app, ["backfill", "events", str(file)])
    assert again.exit_code == 0, again.output
    assert "events.csv: loaded before, nothing to do" in again.output


def test_on_a_terminal_a_bar_goes_to_its_end_and_leaves_the_result(tmp_path: Path) -> None:
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    file = write(tmp_path / "events.csv", *({"StreetMarker": f"C{number}"} for number in range(500)))
    with Screen(console) as screen:
        backfill.run(Home(tmp_path / "home"), [file], NOW, screen)
    shown = terminal.getvalue()
    assert "100%" in shown
    assert "events.csv: 500 lines, 500 stays, 0 quarantined" in shown
