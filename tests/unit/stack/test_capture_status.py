"""Laws of what is told of capture: a possible loss is shown until it is verified, and degrades until it is filled."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from melpark.places import Home
from melpark.processing.capture.gaps import Gap
from melpark.processing.capture.slot import Slot
from melpark.processing.capture.status import CaptureStatus
from melpark.settings import Settings
from melpark.stack import doctor, plan, screen, status
from melpark.stack import home as homes
from melpark.stack.stages import Measurement
from unit.stack.connect_worker import CONFIG, running_worker
from unit.stack.test_status import URL, supervised

NOTICED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GIB = 2**30
SLOT = Slot(
    is_there=True,
    is_active=True,
    wal_status="reserved",
    lost_by=None,
    restart_lsn=1000,
    confirmed_lsn=2000,
    retained_bytes=2**20,
    behind_bytes=0,
    safe_bytes=GIB,
    limit_bytes=GIB,
    heartbeat_age_seconds=3.0,
)
OPEN = Gap(1, "slot_missing", None, "the slot is gone", NOTICED, None, None, None)
FILLING = dataclasses.replace(OPEN, snapshot_started_at=NOTICED + timedelta(seconds=1))
FILLED = dataclasses.replace(FILLING, snapshot_finished_at=NOTICED + timedelta(seconds=2))


def document(slot: Slot = SLOT, *gaps: Gap) -> dict[str, Any]:
    found = Measurement(capture=CaptureStatus(slot, gaps))
    return status.document(Settings(), supervised("running"), found)


def shown(made: dict[str, Any]) -> str:
    console = Console(width=200, record=True)
    console.print(screen.render(made, URL))
    return console.export_text()


def test_a_slot_that_is_read_and_no_gap_are_no_problem() -> None:
    made = document()
    assert made["state"] == "healthy"
    assert (made["capture"]["is_whole"], made["capture"]["problems"]) == (True, [])
    assert "capture:" not in shown(made)


@pytest.mark.parametrize(
    ("gap", "state", "words"),
    [
        (OPEN, "degraded", "a snapshot will fill it"),
        (FILLING, "degraded", "a snapshot is filling it"),
        (FILLED, "healthy", "`melpark reconcile` has not yet found the lake equal"),
    ],
)
def test_a_possible_loss_is_shown_until_verified_and_degrades_until_filled(
    gap: Gap, state: str, words: str
) -> None:
    made = document(SLOT, gap)
    assert made["state"] == state
    text = " ".join(shown(made).split())
    assert "2026-01-02 03:04:05Z possible loss (slot_missing): the slot is gone" in text
    assert words in text


@pytest.mark.parametrize("wal_status", ["lost", "unreserved"])
def test_a_slot_that_keeps_nothing_any_more_degrades_the_stack(wal_status: str) -> None:
    made = document(dataclasses.replace(SLOT, wal_status=wal_status))
    assert made["state"] == "degraded"
    assert f"the slot is {wal_status}" in shown(made)


@pytest.mark.parametrize(("retained", "is_told"), [(GIB // 2, False), (GIB // 2 + 1, True)])
def test_wal_that_grows_beyond_half_its_limit_is_told(retained: int, is_told: bool) -> None:
    made = document(dataclasses.replace(SLOT, retained_bytes=retained))
    assert bool(made["capture"]["problems"]) == is_told


def test_without_a_limit_no_amount_of_wal_is_too_much() -> None:
    assert document(dataclasses.replace(SLOT, retained_bytes=9 * GIB, limit_bytes=-1))["state"] == "healthy"


@pytest.mark.parametrize(
    ("confirmed", "committed", "skips"),
    [(2000, 2000, False), (2000, 1999, True), (2000, 2001, False), (2000, None, False), (None, 1, False)],
)
def test_a_slot_skips_when_it_stands_behind_what_the_connector_has_committed(
    confirmed: int | None, committed: int | None, skips: bool
) -> None:
    assert dataclasses.replace(SLOT, confirmed_lsn=confirmed).skips(committed) == skips


def test_doctor_tells_what_the_running_stack_said_of_capture(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with homes.lock(home):
        status.write(home, document(SLOT, OPEN))
        findings = {found.subject: found.problem for found in doctor.examine(Settings(home=home.root))}
        assert "possible loss (slot_missing)" in findings["Change capture"]
        status.write(home, document())
        findings = {found.subject: found.problem for found in doctor.examine(Settings(home=home.root))}
        assert findings["Change capture"] == ""


def test_the_document_of_capture_is_json() -> None:
    made = json.loads(json.dumps(document(SLOT, FILLED)["capture"], default=str))
    assert made["slot"]["retained_bytes"] == 2**20
    assert made["gaps"][0]["state"] == "filled"


def test_a_start_says_that_the_connector_was_corrected(caplog: pytest.LogCaptureFixture) -> None:
    with running_worker() as worker:
        settings = Settings(connect_port=worker.port)
        worker.answers |= {f"GET {CONFIG}": (200, {"colour": "red"}), f"PUT {CONFIG}": (200, {})}
        (step,) = [node for node in plan.nodes(settings) if node.name == "connector"]
        step.run()  # type: ignore[union-attr]
    assert "Connector corrected: " in caplog.text
    assert "colour" in caplog.text
