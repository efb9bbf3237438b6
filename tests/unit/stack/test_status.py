"""Laws of the status: what it says follows from engines and lags, and it is never another run's."""

import asyncio
import io
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest
from rich.console import Console

from melpark.places import Home
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import screen, status
from melpark.stack.declaration import Command, Engine
from melpark.stack.stages import NAMES, Measurement, Stage
from melpark.stack.supervisor import EngineState, Supervisor

ENGINE_KEYS = {"state", "pid", "port", "since", "memory_bytes", "restarts", "detail"}
STAGE_KEYS = {"rows", "last_event_at", "lag_seconds"}
URL = "http://127.0.0.1:8000"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def supervised(*states: EngineState, is_ready: bool = True) -> Supervisor:
    """A supervisor whose engines are in these states, without any process."""

    async def made() -> Supervisor:
        nodes = tuple(
            Engine(
                f"engine{number}", lambda: Command(()), lambda: None, 1, ports={9000 + number: "some_port"}
            )
            for number in range(len(states))
        )
        supervisor = Supervisor(nodes, Path("logs"))
        for name, state in zip(supervisor.statuses, states, strict=True):
            supervisor.statuses[name].turn(state)
            if is_ready:
                supervisor._ready[name].set()
        return supervisor

    return asyncio.run(made())


def document(
    *states: EngineState,
    is_ready: bool = True,
    lags: Mapping[str, float] | None = None,
    positions: Mapping[str, int] | None = None,
    history_days: int = 0,
    unchanged_seconds: float | None = None,
    settings: Settings | None = None,
) -> dict[str, Any]:
    found = Measurement(
        positions=dict(positions or {}), history_days=history_days, unchanged_seconds=unchanged_seconds
    )
    for name, lag in (lags or {}).items():
        found.stages.setdefault(name, Stage()).lag_seconds = lag
    return status.document(settings or Settings(), supervised(*states, is_ready=is_ready), found)


def test_the_stack_is_starting_until_all_was_ready_once() -> None:
    assert document("running", "waiting", is_ready=False)["state"] == "starting"


def test_a_feed_in_which_no_bay_changes_for_hours_is_told_though_the_stack_is_healthy() -> None:
    two_hours = Settings().frozen_after_seconds
    told = [document("running", unchanged_seconds=seconds) for seconds in (None, two_hours, two_hours + 1)]
    assert [one["state"] for one in told] == ["healthy"] * 3
    assert [one["source"]["is_frozen"] for one in told] == [False, False, True]
    replay = Settings(source="replay", capture_dir=Path())
    assert not document("running", unchanged_seconds=9_999_999, settings=replay)["source"]["is_frozen"]


def test_the_screen_says_that_a_feed_is_frozen() -> None:
    assert "no bay has changed for 3.0 hours" in drawn(document("running", unchanged_seconds=3 * 3600))
    assert "has changed" not in drawn(document("running", unchanged_seconds=3600))


def test_the_stack_is_healthy_when_all_run_and_no_stage_lags() -> None:
    assert document("running", "running", lags={"kafka": 1, "silver": 2})["state"] == "healthy"


@pytest.mark.parametrize("state", ["unhealthy", "restarting", "starting", "failed", "stopping", "stopped"])
def test_one_engine_that_does_not_run_degrades_the_stack(state: EngineState) -> None:
    assert document("running", state)["state"] == "degraded"


@pytest.mark.parametrize("stage", status.LONGEST_LAG_SECONDS)
def test_one_stage_that_lags_long_degrades_the_stack(stage: str) -> None:
    longest = status.LONGEST_LAG_SECONDS[stage]
    assert document("running", lags={stage: longest})["state"] == "healthy"
    assert document("running", lags={stage: longest + 1})["state"] == "degraded"


@pytest.mark.parametrize("stage", ["bronze", "silver"])
def test_the_lake_may_be_late_while_the_history_is_before_it_but_not_for_ever(stage: str) -> None:
    late = status.LONGEST_LAG_SECONDS[stage] + 1
    coming, through = {"history": 5, "silver": 4}, {"history": 5, "silver": 5}
    assert document("running", lags={stage: late}, positions=coming)["state"] == "healthy"
    assert document("running", lags={stage: late}, positions={"history": 5})["state"] == "healthy"
    assert document("running", lags={stage: late}, positions=through)["state"] == "degraded"
    assert document("running", lags={stage: 901}, positions=coming)["state"] == "degraded"


@pytest.mark.parametrize("stage", ["kafka", "serving"])
def test_the_live_way_may_not_be_late_for_the_history(stage: str) -> None:
    late = status.LONGEST_LAG_SECONDS[stage] + 1
    made = document("running", lags={stage: late}, positions={"history": 5, "silver": 4})
    assert made["state"] == "degraded"


def test_the_status_says_how_far_the_history_has_come() -> None:
    coming = document("running", positions={"history": 5, "silver": 4}, history_days=7)
    assert coming["history"] == {"days": 7, "of_days": 28, "is_in_silver": False}
    assert "history: 7 of 28 days" in drawn(coming)
    # Silver may have caught up with what is there of it.
    assert not document("running", positions={"history": 5, "silver": 6}, history_days=7)["history"][
        "is_in_silver"
    ]
    done = document("running", positions={"history": 5, "silver": 6}, history_days=28)
    assert done["history"] == {"days": 28, "of_days": 28, "is_in_silver": True}
    assert "history" not in drawn(done)
    assert document("running")["history"] is None


def test_the_document_has_what_the_readme_promises() -> None:
    made = document("running")
    assert set(made["engines"]["engine0"]) == ENGINE_KEYS
    assert list(made["stages"]) == list(NAMES)
    assert all(set(stage) == STAGE_KEYS for stage in made["stages"].values())
    assert set(made["source"]) == {"kind", "age_seconds", "unchanged_seconds", "is_frozen"}


def test_what_is_read_of_a_running_stack_is_what_was_written(home: Home) -> None:
    made = document("running", lags={"kafka": 1})
    with homes.lock(home):
        status.write(home, made)
        read = status.read(home)
    assert read["stages"] == made["stages"]
    assert read["engines"]["engine0"]["since"].endswith("Z")


def test_without_a_holder_the_stack_is_stopped_whatever_was_written(home: Home) -> None:
    homes.prepare(Settings(home=home.root, min_free_disk_mebibytes=0))
    status.write(home, document("running"))
    read = status.read(home)
    assert (read["state"], read["engines"], read["source"]["kind"]) == ("stopped", {}, "simulator")
    assert list(read["stages"]) == list(NAMES)
    json.dumps(read)


def test_a_home_that_was_never_made_is_stopped(home: Home) -> None:
    assert status.read(home)["state"] == "stopped"
    assert not home.root.exists()


def test_a_stack_that_has_not_spoken_yet_is_starting_whatever_the_last_one_said(home: Home) -> None:
    with homes.lock(home):
        status.write(home, document("running"))
    with homes.lock(home):
        status.forget(home)
        assert status.read(home)["state"] == "starting"


def plain(*documents: dict[str, Any]) -> list[str]:
    console = Console(width=40, force_terminal=False)
    with console.capture() as capture, screen.Screen(console, URL) as shown:
        for made in documents:
            shown.show(made)
    return capture.get().splitlines()


def test_without_a_terminal_each_change_of_a_state_is_one_plain_line() -> None:
    starting, running = document("starting", is_ready=False), document("running")
    assert plain(starting, starting, running, running) == [
        "engine0 starting",
        "melpark starting",
        "engine0 running",
        f"melpark healthy at {URL}",
    ]


def test_an_engine_that_waits_is_not_worth_a_line() -> None:
    assert plain(document("waiting", is_ready=False)) == ["melpark starting"]


def test_a_reason_is_shown_as_it_is_on_one_line_also_with_brackets() -> None:
    made = document("unhealthy")
    made["engines"]["engine0"]["detail"] = "no [/route] to [bold]host " + "x" * 80
    assert plain(made)[0] == f"engine0 unhealthy {made['engines']['engine0']['detail']}"


def drawn(made: dict[str, Any]) -> str:
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(screen.render(made, URL))
    return capture.get()


def test_the_table_names_every_engine_and_stage_and_the_map() -> None:
    made = document("running", "unhealthy", lags={"silver": 12})
    made["engines"]["engine1"]["detail"] = "no [/route]"
    text = drawn(made)
    for part in ("engine0", "engine1", "no [/route]", URL, "degraded", "12 s", "9001", *NAMES):
        assert part in text


@pytest.mark.parametrize(("state", "is_hinted"), [("stopped", True), ("starting", False)])
def test_only_a_stopped_stack_is_told_how_to_start(state: str, is_hinted: bool, home: Home) -> None:
    text = drawn(status.stopped(home) | {"state": state})
    assert state in text
    assert ("melpark up" in text) == is_hinted


def test_the_summary_has_the_rows_of_the_stages_that_are_known() -> None:
    made = document("running")
    made["stages"]["silver"]["rows"] = 1234
    made["stages"]["gold"]["rows"] = 0
    assert screen.summary(made) == "silver 1,234, gold 0"


@pytest.fixture
def root_log() -> Iterator["logging.StreamHandler[TextIO]"]:
    """The handler of `melpark`'s command line: to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_what_is_logged_while_the_table_is_shown_goes_above_it(
    home: Home, root_log: "logging.StreamHandler[TextIO]", capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = io.StringIO()
    root_log.setStream(sys.stderr)
    shown = status.stopped(home)
    with screen.Screen(Console(file=terminal, force_terminal=True, width=160), URL) as one:
        one.show(shown)
        logging.getLogger("melpark").warning("kafka ended")
        one.show(shown)
    logging.getLogger("melpark").warning("all is over")
    # Cleared before it, drawn again after it.
    assert re.search(r"\x1b\[2K.*kafka ended.*MelPark", terminal.getvalue(), re.DOTALL)
    assert "all is over" not in terminal.getvalue()
    assert "kafka ended" not in capsys.readouterr().err
