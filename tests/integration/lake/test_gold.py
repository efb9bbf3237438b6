"""Gold builds, its tests pass, and its stays are those of the oracle."""

from datetime import datetime
from typing import Any

import pytest

from integration.lake.conftest import Lake
from melpark.errors import StopError
from melpark.parking.stays import Stay, stays
from melpark.processing import gold, maintenance, query

STAY_COLUMNS = (
    "arrival_at, arrival_min_at, arrival_max_at, departure_at, departure_min_at, departure_max_at, "
    "beginning, ending, is_late_report, is_suspect, "
    "duration_minutes, duration_min_minutes, duration_max_minutes"
)


def rows(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    return query.sql(lake.settings, sql)[1]


def _minutes(later: datetime | None, earlier: datetime | None) -> float | None:
    return None if later is None or earlier is None else (later - earlier).total_seconds() / 60


def _row(kerbside_id: str, stay: Stay) -> tuple[Any, ...]:
    return (
        kerbside_id,
        stay.arrival_at,
        stay.arrival_min_at,
        stay.arrival_max_at,
        stay.departure_at,
        stay.departure_min_at,
        stay.departure_max_at,
        stay.beginning,
        stay.ending,
        stay.is_late_report,
        stay.is_suspect,
        _minutes(stay.departure_at, stay.arrival_at),
        stay.duration_min.total_seconds() / 60,
        _minutes(stay.departure_max_at, stay.arrival_min_at),
    )


def test_the_stays_are_those_of_the_oracle(built: Lake) -> None:
    history = built.history
    expected = [
        _row(kerbside_id, stay)
        for kerbside_id, bay in history.bays.items()
        for stay in stays(bay.events, history.present(kerbside_id))
    ]
    found = rows(built, f"SELECT kerbside_id, {STAY_COLUMNS} FROM gold.fact_parking_sessions")

    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert {(row[7], row[8]) for row in expected} == {
        ("observed", "observed"),
        ("observed", "bounded"),
        ("bounded", "observed"),
        ("observed", "open"),
        ("observed", "lost"),
    }


def test_building_again_from_the_same_silver_gives_the_same_gold_also_after_nightly_care(
    built: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    tables = ("dim_bays", "dim_locations", "fact_parking_sessions")
    before = {table: set(rows(built, f"SELECT * FROM gold.{table}")) for table in tables}
    maintenance.care_for_lake(built.settings)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    gold.run(built.settings, "rebuild")

    assert {table: set(rows(built, f"SELECT * FROM gold.{table}")) for table in tables} == before


def test_every_sensor_is_one_bay_in_one_location(built: Lake) -> None:
    found = rows(built, "SELECT kerbside_id, location_key FROM gold.dim_bays")

    assert {kerbside_id for kerbside_id, _ in found} == set(built.history.bays)
    assert len(found) == len(built.history.bays)


@pytest.mark.real_data
def test_a_repeated_id_is_the_bay_nearest_the_sensor(built: Lake) -> None:
    farthest = rows(
        built,
        """
        SELECT max(111_320 * sqrt(power(bays.latitude - kerb.latitude, 2)
                   + power((bays.longitude - kerb.longitude) * cos(radians(bays.latitude)), 2)))
        FROM gold.dim_bays AS bays JOIN silver.bays AS kerb USING (bay_key)
        WHERE bays.kerbside_id IN (
            SELECT kerbside_id FROM silver.bays GROUP BY kerbside_id HAVING count(*) > 1
        )
        """,
    )
    assert farthest[0][0] < 100


@pytest.mark.real_data
def test_most_bays_know_their_street(built: Lake) -> None:
    unknown = rows(
        built, "SELECT count(*) FROM gold.dim_bays WHERE bay_key IS NULL AND kerbside_id NOT LIKE 'made-up%'"
    )
    assert unknown == [(100,)]


def test_a_failed_build_names_the_model(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold, "variables", lambda settings: {"feed_lag_seconds": "no_number"})

    with pytest.raises(StopError, match=r"Gold: build failed: fact_parking_sessions \(.*no_number"):
        gold.run(lake.settings, "build")
