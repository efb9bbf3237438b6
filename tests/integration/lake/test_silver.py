"""Silver has one row per key, typed, the same however often bronze is played; misfits are in quarantine."""

import shutil
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.lake.changes import Change
from integration.lake.conftest import MISFITS, Lake
from melpark.contracts import POLLS, REFERENCES, SENSOR_EVENTS
from melpark.processing import query
from melpark.processing.tables import SILVER, SilverTable

EVENT_COLUMNS = SENSOR_EVENTS.column_names


def rows(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    return query.sql(lake.settings, sql)[1]


def expected_keys(lake: Lake, table: SilverTable) -> set[tuple[Any, ...]]:
    return {
        tuple(change.row[name] for name in table.lake.key)
        for change in lake.written
        if change.table is table.contract
    }


def everything(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    names = [table.lake.name for table in SILVER] + ["quarantine"]
    return {name: sorted(rows(lake, f"SELECT * FROM silver.{name}"), key=repr) for name in names}


@pytest.mark.parametrize("table", SILVER, ids=lambda table: table.lake.name)
def test_silver_has_one_row_per_key(lake: Lake, table: SilverTable) -> None:
    key = ", ".join(table.lake.key)
    found = rows(lake, f"SELECT {key} FROM silver.{table.lake.name}")

    assert len(found) == len(set(found))
    assert set(found) == expected_keys(lake, table)


def test_an_event_is_typed_and_its_presence_a_number(lake: Lake) -> None:
    found = rows(lake, f"SELECT {', '.join(EVENT_COLUMNS)}, is_present FROM silver.sensor_events")
    expected = {
        (*(change.row[name] for name in EVENT_COLUMNS), int(change.row["status"] == "Present"))
        for change in lake.history.changes
        if change.table is SENSOR_EVENTS
    }
    assert set(found) == expected


def test_what_does_not_fit_is_in_quarantine_with_its_reason(lake: Lake) -> None:
    found = Counter(rows(lake, "SELECT reason, payload FROM silver.quarantine WHERE record_key IS NOT NULL"))

    assert found == Counter({(reason, value): 1 for value, reason in MISFITS.items()})
    assert rows(lake, "SELECT reason FROM silver.quarantine WHERE record_key IS NULL") == [("null key",)]
    assert rows(lake, "SELECT * FROM silver.sensor_events WHERE kerbside_id LIKE 'misfit%'") == []


def test_a_later_event_of_a_key_replaces_its_row(lake: Lake) -> None:
    first = next(change for change in lake.history.changes if change.table is POLLS)
    for records in (11, 12):
        lake.write(Change(POLLS, {**first.row, "records": records}, op="u"))
    lake.run()

    found = rows(lake, f"SELECT records FROM silver.polls WHERE poll_id = {first.row['poll_id']}")
    assert found == [(12,)]


def test_a_new_version_of_a_reference_stands_beside_the_old_one(lake: Lake) -> None:
    table = REFERENCES[1]
    row = {
        "zone_number": 9001,
        "segment_id": 1,
        "street": "First Street",
        "is_retired": False,
        "observed_at": datetime(2025, 8, 1, tzinfo=UTC),
    }
    later = {**row, "street": "Second Street", "observed_at": datetime(2025, 8, 2, tzinfo=UTC)}
    lake.write(Change(table, row), Change(table, later, op="u"))
    lake.run()

    found = rows(
        lake,
        "SELECT street FROM silver.zone_segments WHERE zone_number = 9001 AND segment_id = 1 ORDER BY observed_at",
    )
    assert found == [("First Street",), ("Second Street",)]


def test_playing_bronze_again_fills_a_deleted_table_and_changes_no_other(lake: Lake) -> None:
    before = everything(lake)
    # Without this table the query's progress is forgotten, and it begins at the beginning.
    shutil.rmtree(lake.home.silver("sensor_states"))
    lake.run()

    assert everything(lake) == before
