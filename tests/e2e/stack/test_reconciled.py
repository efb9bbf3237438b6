"""The comparison of PostgreSQL with silver on a running stack: a planted loss is found, and brought back."""

import json

import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from e2e.stack.replays import rows_in_silver, silver_events
from e2e.stack.running import Stack
from melpark.places import Home

pytestmark = pytest.mark.real_data


def test_after_a_replay_postgres_and_silver_hold_the_same(replayed: Stack) -> None:
    answer = replayed.melpark("reconcile", "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found = json.loads(answer.stdout)
    assert found["is_equal"]
    counted: dict[str, int] = {}
    for part in found["ranges"]:
        assert part["postgres"] == part["silver"]
        counted[part["table"]] = counted.get(part["table"], 0) + part["postgres"]
    assert counted["sensor_events"] == len(replayed.first_events)
    assert {name for name, rows in counted.items() if rows} >= {"sensor_states", "bays", "polls", "meters"}


def test_rows_lost_from_silver_are_found_and_captured_anew(replayed: Stack) -> None:
    events, rows = silver_events(replayed.home), rows_in_silver(replayed.home)
    bay = events[len(events) // 2][0]
    lost = {
        "sensor_events": sum(event[0] == bay for event in events),
        "sensor_states": len(delete(replayed, "sensor_states", bay)),
    }
    delete(replayed, "sensor_events", bay)
    answer = replayed.melpark("reconcile", "--json")
    assert answer.returncode == 1
    missing: dict[str, int] = {}
    for part in json.loads(answer.stdout)["ranges"]:
        missing[part["table"]] = missing.get(part["table"], 0) + part["missing"]
    assert {name: count for name, count in missing.items() if count} == lost
    repaired = replayed.melpark("reconcile", "--repair")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert "hold the same" in repaired.stdout
    assert silver_events(replayed.home) == events
    assert rows_in_silver(replayed.home) == rows


def test_a_snapshot_by_hand_tells_its_progress_and_changes_nothing_that_is_there(replayed: Stack) -> None:
    before = rows_in_silver(replayed.home)
    answer = replayed.melpark("cdc", "snapshot", "meters", "--where", "NOT is_retired")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    meters = replayed.postgres("SELECT count(*) FROM parking.meters WHERE NOT is_retired")[0][0]
    assert f"meters: {meters:,} rows read" in answer.stdout
    assert f"Done: {meters:,} rows of meters" in answer.stdout
    assert replayed.melpark("reconcile", "meters").returncode == 0
    assert rows_in_silver(replayed.home) == before


def delete(stack: Stack, table: str, bay: str) -> list[object]:
    """Take the bay's rows out of a table of silver, and return them."""
    lake = DeltaTable(Home(stack.home).silver(table))
    gone = lake.to_pyarrow_table().filter(pc.field("kerbside_id") == bay).to_pylist()
    lake.delete(f"kerbside_id = '{bay}'")
    return list(gone)
