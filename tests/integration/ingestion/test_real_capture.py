"""The City's own polls, loaded in order, and once more."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration.ingestion.captures import answers, load_all
from integration.ingestion.online_oracle import Oracle, Stored, differences
from melpark.contracts import REFERENCES, SENSORS
from melpark.ingestion.database import connect
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings
from plugins.postgres import fresh_database

pytestmark = pytest.mark.real_data
Query = Callable[..., list[tuple[Any, ...]]]
SENSOR_COUNT = 3309
TABLES = (
    "sensors", "sensor_events", "sensor_states", "feed_outages", "bays", "zone_segments", "sign_plates",
    "bay_restrictions", "meters",
)  # fmt: skip


def sensor_polls(capture: Path) -> list[list[dict[str, Any]]]:
    return [orjson.loads(answer.body.read()) for answer in answers(capture, SENSORS.dataset)]


def contents(query: Query) -> dict[str, list[tuple[Any, ...]]]:
    return {table: query(f"SELECT * FROM parking.{table} ORDER BY 1, 2") for table in TABLES}


@pytest.fixture(scope="module")
def first_outcomes(postgres_template: Settings, real_capture: Path) -> list[str]:
    """What became of each answer of the capture, loaded into a fresh database once for this module."""
    fresh_database(postgres_template)
    loader = PostgresLoader(postgres_template)
    outcomes = load_all(loader, real_capture)
    loader.close()
    return outcomes


@pytest.fixture
def query(postgres_template: Settings, first_outcomes: list[str]) -> Iterator[Query]:
    with connect(postgres_template) as connection:
        yield lambda statement: connection.execute(statement.encode()).fetchall()


def test_the_capture_loads_whole_and_a_second_time_changes_nothing(
    postgres_template: Settings, first_outcomes: list[str], query: Query, real_capture: Path
) -> None:
    assert set(first_outcomes) == {"accepted"}
    first = contents(query)
    assert len(first[SENSORS.name]) == SENSOR_COUNT
    counts = {table.name: len(first[table.name]) for table in REFERENCES}
    assert counts == {
        "bays": 23864,
        "zone_segments": 798,
        "sign_plates": 2033,
        "bay_restrictions": 8035,
        "meters": 1313,
    }
    loader = PostgresLoader(postgres_template)
    assert load_all(loader, real_capture) == ["accepted"] * 5 + ["refused"] * 5 + ["accepted"]
    loader.close()
    assert contents(query) == first


def test_events_are_the_distinct_bay_and_status_times_of_the_polls(query: Query, real_capture: Path) -> None:
    shown = {
        (str(record["kerbsideid"]), datetime.fromisoformat(record["status_timestamp"]))
        for poll in sensor_polls(real_capture)
        for record in poll
    }
    refused = {
        (key, datetime.fromisoformat(payload["status_timestamp"]))
        for key, payload in query("SELECT record_key, payload FROM parking.rejected_records")
    }
    stored = query("SELECT kerbside_id, status_changed_at FROM parking.sensor_events")
    assert len(stored) == len(set(stored))
    assert set(stored) == shown - refused


def test_every_event_knows_the_poll_that_showed_it_and_the_one_before(
    query: Query, real_capture: Path
) -> None:
    expected: dict[tuple[str, str], tuple[str, str | None]] = {}
    before: dict[str, str] = {}
    for poll in sensor_polls(real_capture):
        for record in poll:
            bay, heard = str(record["kerbsideid"]), record["lastupdated"]
            expected.setdefault((bay, record["status_timestamp"]), (heard, before.get(bay)))
            before[bay] = max(heard, before.get(bay, heard))
    stored = {
        (bay, changed.isoformat()): (heard.isoformat(), previous and previous.isoformat())
        for bay, changed, heard, previous in query(
            "SELECT kerbside_id, status_changed_at, heard_at, previous_heard_at FROM parking.sensor_events"
        )
    }
    assert stored == expected


def test_sensors_hold_the_last_poll(query: Query, real_capture: Path) -> None:
    last = sensor_polls(real_capture)[-1]
    newest = max(record["lastupdated"] for record in last)
    expected = {
        str(record["kerbsideid"]): (
            record["status_description"],
            datetime.fromisoformat(record["status_timestamp"]),
            record["zone_number"],
            None if record["lastupdated"] == newest else datetime.fromisoformat(record["lastupdated"]),
        )
        for record in last
    }
    stored = query(
        "SELECT kerbside_id, status, status_changed_at, zone_number, heard_at FROM parking.sensors"
    )
    assert {row[0]: row[1:] for row in stored} == expected


def test_a_bay_is_online_when_a_real_poll_heard_it_and_the_feed_spoke(
    query: Query, real_capture: Path
) -> None:
    oracle = Oracle()
    for poll in sensor_polls(real_capture):
        oracle.add(
            {str(record["kerbsideid"]): datetime.fromisoformat(record["lastupdated"]) for record in poll}
        )
    bays = sorted(oracle.heard)
    assert differences(oracle, Stored.read(query), bays) == []
    outages = query("SELECT start_at, end_at FROM parking.feed_outages ORDER BY 1")
    assert len(outages) == sum(1 for before, after in pairwise(oracle.feed) if after > before) - 1
