"""Point 2 of the spine: the real capture, all the way, twice."""

from datetime import datetime
from pathlib import Path

import httpx
import pytest

from e2e.stack import oracle
from e2e.stack.replays import rows_in_postgres, rows_in_silver, silver_events
from e2e.stack.running import Stack

pytestmark = pytest.mark.real_data


def expected(capture: Path) -> list[tuple[str, datetime, str]]:
    return sorted((bay, at, status) for (bay, at), status in oracle.events(capture).items())


def test_a_replay_ends_by_itself_and_says_the_rows_of_each_stage(replayed: Stack, real_capture: Path) -> None:
    assert "gone the whole way" in replayed.said
    assert f"silver {len(oracle.events(real_capture)):,}" in replayed.said


def test_postgres_holds_every_sensor_of_the_capture_once(replayed: Stack) -> None:
    assert replayed.postgres("SELECT count(*), count(DISTINCT kerbside_id) FROM parking.sensors") == [
        (3309, 3309)
    ]


def test_silver_holds_each_distinct_status_change_once(replayed: Stack, real_capture: Path) -> None:
    assert replayed.first_events == expected(real_capture)


def test_no_record_of_the_capture_is_refused_nor_missing(replayed: Stack, real_capture: Path) -> None:
    assert {(bay, at) for bay, at, _ in replayed.first_events} == oracle.told(real_capture)
    assert replayed.postgres("SELECT count(*) FROM parking.rejected_records") == [(0,)]


def test_playing_it_again_adds_only_polls(replayed: Stack) -> None:
    now = rows_in_postgres(replayed)
    grown = {name for name, rows in now.items() if rows != replayed.first_rows[name]}
    assert grown == {"polls"}
    assert silver_events(replayed.home) == replayed.first_events
    assert rows_in_silver(replayed.home) == now


def test_the_api_gives_each_bays_last_status_of_the_capture(replayed: Stack, real_capture: Path) -> None:
    bays = httpx.get(f"{replayed.url}/api/v1/bays", timeout=30).json()["bays"]
    assert {bay["kerbside_id"]: bay["status"] for bay in bays} == oracle.last_status(real_capture)


def test_gold_holds_stays_each_under_a_key_of_its_own(replayed: Stack) -> None:
    answer = replayed.melpark(
        "sql", "SELECT count(*), count(DISTINCT session_key) FROM gold.fact_parking_sessions"
    )
    assert answer.returncode == 0, answer.stderr
    rows, keys = answer.stdout.splitlines()[-1].split("\t")
    assert int(rows) == int(keys) > 3000
