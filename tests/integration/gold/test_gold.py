"""Gold builds, its tests pass, and its stays, verdicts and occupancy are those of the oracle."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from cases import dbt_unit_tests
from integration.gold import oracle
from integration.gold.oracle import rounded, rows
from integration.lake.changes import Change
from integration.lake.conftest import Lake
from melpark.contracts import POLLS, SENSOR_EVENTS, SENSOR_STATES
from melpark.errors import StopError
from melpark.parking.intervals import Interval, length
from melpark.parking.kpis import Measure, measure, occupancy_percent, paid_time, total
from melpark.parking.occupied import runs
from melpark.parking.overstays import Overstay, judge
from melpark.parking.rules import Window
from melpark.parking.stays import PRESENT, Stay, stays
from melpark.places import DBT_PROJECT
from melpark.processing import catalogue, gold, maintenance, query
from melpark.processing.spark_session import connect

SESSION_COLUMNS = (
    "kerbside_id, arrival_at, arrival_min_at, arrival_max_at, departure_at, departure_min_at, departure_max_at, "
    "beginning, ending, is_late_report, is_suspect, "
    "duration_minutes, duration_min_minutes, duration_max_minutes, "
    "verdict, is_overstay, overstay_min_minutes, overstay_max_minutes, first_breach_at, "
    "within_disability_extension, permitted_until_at, estimated_revenue"
)
# Of dbt_project.yml.
TARIFF_PER_HOUR = 4.0
QUARTER = timedelta(minutes=15)


def _minutes(later: datetime | None, earlier: datetime | None) -> float | None:
    return None if later is None or earlier is None else (later - earlier).total_seconds() / 60


def _revenue(stay: Stay, found: Overstay, windows: list[Window]) -> float | None:
    """None of a stuck sensor, and where no rule is known."""
    if stay.is_suspect or found.overstay_min_minutes is None:
        return None
    paid = paid_time(Interval(stay.arrival_max_at, stay.departure_min_at), windows)
    return paid / timedelta(hours=1) * TARIFF_PER_HOUR


def _row(kerbside_id: str, stay: Stay, found: Overstay, windows: list[Window]) -> tuple[Any, ...]:
    return rounded(
        (
            kerbside_id,
            stay.arrival_at,
            stay.arrival_min_at,
            stay.arrival_max_at,
            stay.departure_at,
            stay.departure_min_at,
            stay.departure_max_at,
            stay.beginning.value,
            stay.ending.value,
            stay.is_late_report,
            stay.is_suspect,
            _minutes(stay.departure_at, stay.arrival_at),
            stay.duration_min.total_seconds() / 60,
            _minutes(stay.departure_max_at, stay.arrival_min_at),
            found.verdict.value,
            found.is_overstay,
            found.overstay_min_minutes,
            found.overstay_max_minutes,
            found.first_breach_at,
            found.within_disability_extension,
            found.permitted_until_at,
            _revenue(stay, found, windows),
        )
    )


def test_the_stays_and_their_verdicts_are_those_of_the_oracle(built: Lake) -> None:
    known = oracle.rules(built)
    expected = []
    for kerbside_id, bay in built.history.bays.items():
        zone, windows, coverage = known[kerbside_id]
        expected += [
            _row(kerbside_id, stay, judge(stay, zone, windows, coverage), windows)
            for stay in stays(bay.events, built.history.present(kerbside_id))
        ]
    found = [rounded(row) for row in rows(built, f"SELECT {SESSION_COLUMNS} FROM gold.fact_parking_sessions")]

    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert {(row[7], row[8]) for row in expected} == {
        ("observed", "observed"),
        ("observed", "bounded"),
        ("bounded", "observed"),
        ("observed", "open"),
        ("observed", "lost"),
    }
    assert {row[14] for row in expected} == {
        "suspect",
        "no_rule",
        "overstay",
        "unrestricted",
        "within",
        "open",
        "lost",
        "ambiguous_rule",
        "uncertain_time",
    }
    assert sum(row[-1] > 0 for row in expected if row[-1]) > 20


def test_the_time_of_each_bay_is_that_of_the_oracle(built: Lake) -> None:
    online = oracle.online(built)
    expected: set[tuple[Any, ...]] = set()
    for kerbside_id, bay in built.history.bays.items():
        time = oracle.time(built, bay, online[kerbside_id])
        expected.add(
            (
                kerbside_id,
                *(
                    round(length(those).total_seconds(), 3)
                    for those in (time.online, time.occupied, time.uncertain)
                ),
            )
        )
    found = rows(
        built,
        """
        SELECT kerbside_id, round(sum(if(is_online, seconds, 0)), 3), round(sum(if(is_occupied, seconds, 0)), 3),
               round(sum(if(is_uncertain, seconds, 0)), 3)
        FROM (
            SELECT *, (epoch_us(end_at) - epoch_us(start_at)) / 1e6 AS seconds
            FROM gold.int_bay_times
        ) GROUP BY kerbside_id
        """,
    )

    # A bay that was never there before the feed's own time has no time.
    assert {row for row in expected if row[1:] != (0, 0, 0)} == {row for row in found if row[1:] != (0, 0, 0)}
    assert sum(row[2] for row in expected) > 0
    assert sum(row[3] for row in expected) > 0


def _in_cds(percent: float | None) -> float:
    return -1 if percent is None else percent / 100


def test_the_occupancy_of_a_location_is_that_of_the_oracle(built: Lake) -> None:
    online = oracle.online(built)
    bays = [name for name, zone in built.history.zones.items() if zone == 9001]
    start_at, end_at = datetime(2025, 7, 31, 23, tzinfo=UTC), datetime(2025, 8, 1, 2, tzinfo=UTC)
    expected: dict[datetime, Measure] = {}
    for number in range((end_at - start_at) // QUARTER):
        window = Interval(start_at + number * QUARTER, start_at + (number + 1) * QUARTER)
        expected[window.start_at] = total(
            measure(
                oracle.time(built, built.history.bays[name], online[name]),
                runs(built.history.bays[name].events),
                stays(built.history.bays[name].events, built.history.present(name)),
                window,
            )
            for name in bays
        )
    found = rows(
        built,
        f"""
        SELECT starts_at, online_minutes, occupied_minutes, uncertain_minutes, occupancy_percent,
               cds_occupancy_percent, arrivals, departures
        FROM gold.fact_occupancy JOIN gold.dim_locations USING (location_key)
        WHERE zone_number = 9001 AND starts_at >= '{start_at}' AND starts_at < '{end_at}'
        """,
    )

    assert len(bays) > 20
    assert {row[0]: rounded(row[1:]) for row in found if row[1]} == {
        at: rounded(
            (
                *(time.total_seconds() / 60 for time in (of.online, of.occupied, of.uncertain)),
                occupancy_percent(of),
                _in_cds(occupancy_percent(of)),
                of.arrivals,
                of.departures,
            )
        )
        for at, of in expected.items()
        if of.online
    }


# Only in the City's polls are sensors silent for most of a quarter hour.
@pytest.mark.real_data
def test_a_quarter_hour_without_a_percentage_is_minus_one_to_the_curb_standard(built: Lake) -> None:
    silent = "SELECT DISTINCT cds_occupancy_percent FROM gold.fact_occupancy WHERE occupancy_percent IS NULL"
    assert rows(built, silent) == [(-1.0,)]


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


def test_every_sensor_is_one_bay_in_one_location(built: Lake) -> None:
    found = rows(built, "SELECT kerbside_id, location_key FROM gold.dim_bays WHERE is_current")

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
        WHERE bays.is_current AND bays.kerbside_id IN (
            SELECT kerbside_id FROM silver.bays GROUP BY kerbside_id HAVING count(*) > 1
        )
        """,
    )
    assert farthest[0][0] < 100


@pytest.mark.real_data
def test_most_bays_know_their_street(built: Lake) -> None:
    unknown = rows(
        built,
        """
        SELECT count(*) FROM gold.dim_bays
        WHERE is_current AND bay_key IS NULL AND regexp_matches(kerbside_id, '^[^ ]*$')
          AND kerbside_id NOT LIKE 'made-up%'
        """,
    )
    assert unknown == [(100,)]


def test_every_stay_of_historical_files_is_there_with_where_it_came_from(built: Lake) -> None:
    columns = "street_marker, arrival_at, departure_at, file_name, line_number, file_sha256"
    found = rows(built, f"SELECT {columns} FROM gold.fact_historical_stays ORDER BY ALL")

    assert found == rows(built, f"SELECT {columns} FROM silver.historical_stays ORDER BY ALL")
    assert [(row[0], row[3], row[4]) for row in found] == [("C1", "C1-C2.csv", 2), ("C2", "C1-C2.csv", 3)]


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


def test_a_failed_build_names_the_model(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold, "variables", lambda settings: {"feed_lag_seconds": "no_number"})
    monkeypatch.setattr(gold, "WHOLE", ("run", "--full-refresh", "--select", "int_bay_spells"))

    with pytest.raises(StopError, match=r"Gold: rebuild failed: int_bay_spells \(.*no_number"):
        gold.run(lake.settings, "rebuild")


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
