"""Builds of gold: its laws hold, a build in part is one from the beginning, what fails is named, files hold a day."""

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from cases import dbt_unit_tests
from integration.lake.changes import Change
from integration.lake.conftest import Lake
from melpark.contracts import POLLS, SENSOR_EVENTS, SENSOR_STATES
from melpark.errors import StopError
from melpark.parking.stays import PRESENT
from melpark.places import DBT_PROJECT
from melpark.processing import catalogue, gold, maintenance, query
from melpark.processing.spark_session import connect


def _gold(lake: Lake) -> dict[str, tuple[int, int]]:
    """Rows of each table of gold, and a hash of what they hold."""
    with query.connect(lake.home) as connection:
        return {
            path.name: connection.execute(
                f"SELECT count(*), sum(hash(held)) FROM gold.{path.name} AS held"
            ).fetchall()[0]
            for path in catalogue.in_database(lake.home, "gold")
        }


def _event(
    kerbside_id: str, status: str, changed_at: datetime, heard_at: datetime, previous_heard_at: datetime
) -> Change:
    return Change(
        SENSOR_EVENTS,
        {
            "kerbside_id": kerbside_id,
            "status": status,
            "status_changed_at": changed_at,
            "heard_at": heard_at,
            "previous_heard_at": previous_heard_at,
            "observed_at": heard_at,
            "origin": "live",
        },
    )


def _news(lake: Lake) -> list[Change]:
    """What one more poll brings: changes of now, one that was reported late, one between two, a bay gone silent."""
    before = lake.history.feed_updated_at
    now = before + timedelta(minutes=2)
    open_bays = [
        name
        for name, bay in lake.history.bays.items()
        if name.startswith("made-up") and bay.events[-1].status == PRESENT and bay.is_online
    ]
    left, came_again, late, silent = open_bays[:4]
    events = lake.history.bays[late].events
    zone = lake.history.zones[silent]
    state = {
        "kerbside_id": silent,
        "valid_from_at": before,
        "is_online": False,
        "zone_number": zone,
        "longitude": 144.95,
        "latitude": -37.81,
        "is_retired": False,
        "observed_at": now,
        "origin": "live",
    }
    poll = next(change for change in lake.history.changes if change.table is POLLS)
    return [
        _event(left, "Unoccupied", before + timedelta(seconds=30), now, before),
        _event(came_again, "Present", before + timedelta(seconds=40), now, before),
        _event(late, "Unoccupied", events[-1].status_changed_at + timedelta(minutes=1), now, before),
        Change(SENSOR_STATES, state),
        Change(
            POLLS,
            dict(poll.row) | {"poll_id": 999, "observed_at": now, "feed_updated_at": now, "started_at": now},
        ),
    ]


def test_the_laws_and_the_cases_of_the_domain_hold_in_dbt_also_after_a_view_was_lost(built: Lake) -> None:
    session = connect(built.settings)
    session.sql("DROP VIEW gold.stg_polls")
    session.stop()
    gold.run(built.settings, "test")

    results = json.loads((built.home.engine("dbt") / "target" / "run_results.json").read_text())["results"]
    passed = {node["unique_id"].split(".")[-1] for node in results if node["status"] == "pass"}
    laws = {path.stem for path in (DBT_PROJECT / "tests").glob("*.sql")}
    cases = {test["name"] for test in dbt_unit_tests.tests()}
    assert len(laws) > 10
    assert len(cases) == 4
    assert laws | cases <= passed


def test_a_silver_that_is_only_packed_makes_no_build(built: Lake, caplog: pytest.LogCaptureFixture) -> None:
    before = _gold(built)
    maintenance.care_for_lake(built.settings)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    with caplog.at_level("INFO", "melpark.processing.gold"):
        gold.run(built.settings)

    assert "Gold: nothing new" in caplog.messages
    assert _gold(built) == before


class KilledError(Exception):
    """In place of the end of a build."""


def _kill(*arguments: object) -> None:
    raise KilledError


def test_gold_made_anew_in_part_also_after_an_interruption_is_gold_made_anew_whole(
    built: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _gold(built)
    built.write(*_news(built))
    built.load_history("C3")
    built.run()
    # The first table is made anew, and then the build ends.
    with monkeypatch.context() as interrupted:
        interrupted.setattr(gold, "BUILD", ("run", "--select", "int_bay_spells", "--exclude"))
        interrupted.setattr(gold, "finish", _kill)
        with pytest.raises(KilledError):
            gold.run(built.settings, tests=False)
    assert [name for name, held in _gold(built).items() if held != before[name]] == ["int_bay_spells"]

    gold.run(built.settings, tests=False)
    in_part = _gold(built)
    assert in_part["fact_parking_sessions"] != before["fact_parking_sessions"]
    assert in_part["fact_occupancy"] != before["fact_occupancy"]
    assert in_part["fact_historical_stays"][0] == before["fact_historical_stays"][0] + 1

    # As a history of years is: cut into many parts, and yet a file a day.
    monkeypatch.setattr(gold, "EVENTS_PER_PART", DeltaTable(built.home.silver("sensor_events")).count() // 7)
    gold.run(built.settings, "rebuild", tests=False)
    assert _gold(built) == in_part
    assert "SET spark.sql.shuffle.partitions = 7" in (built.home.logs / "dbt" / "dbt.log").read_text()
    for table in ("int_bay_spells", "fact_parking_sessions", "fact_occupancy", "fact_bay_days"):
        assert max(_files_by_day(built, table).values()) == 1, table


def test_a_failed_build_names_the_model(built: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold, "variables", lambda settings: {"feed_lag_seconds": "no_number"})
    monkeypatch.setattr(gold, "WHOLE", ("run", "--full-refresh", "--select", "int_bay_spells"))

    with pytest.raises(StopError, match=r"Gold: rebuild failed: int_bay_spells \(.*no_number"):
        gold.run(built.settings, "rebuild")


def _files_by_day(lake: Lake, table: str) -> Counter[str]:
    held = DeltaTable(lake.home.gold / table)
    (by_day,) = held.metadata().partition_columns
    return Counter(pa.table(held.get_add_actions(flatten=True))[f"partition.{by_day}"].to_pylist())


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("fact_parking_sessions", ["kerbside_id", "arrival_min_at"]),
        ("fact_occupancy", ["location_key", "starts_at"]),
        ("fact_bay_days", ["kerbside_id"]),
    ],
)
def test_a_file_of_a_fact_holds_one_day_in_the_order_of_its_bays_or_locations(
    built: Lake, real_data: Path, table: str, keys: list[str]
) -> None:
    files = _files_by_day(built, table)
    # Without the captures occupancy is of one day.
    assert len(files) > (1 if real_data.is_dir() else 0)
    # Two shuffle partitions, so at most two files a day.
    assert max(files.values()) <= 2
    for uri in DeltaTable(built.home.gold / table).file_uris():
        rows = pq.ParquetFile(uri.removeprefix("file://")).read(columns=keys)
        in_order = [tuple(row.values()) for row in rows.to_pylist()]
        assert in_order == sorted(in_order), uri
