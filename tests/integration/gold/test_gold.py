"""Gold's stays, verdicts, occupancy, bays and locations are those of the oracle."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from integration.gold import oracle
from integration.gold.oracle import rounded, rows
from integration.lake.conftest import Lake
from melpark.parking.intervals import Interval, length
from melpark.parking.kpis import Measure, measure, occupancy_percent, paid_time, total
from melpark.parking.local_time import DAY, days_between, midnight
from melpark.parking.occupied import runs
from melpark.parking.overstays import Overstay, judge
from melpark.parking.rules import Window
from melpark.parking.stays import Stay, stays

SESSION_COLUMNS = (
    "kerbside_id, arrival_at, arrival_min_at, arrival_max_at, departure_at, departure_min_at, departure_max_at, "
    "beginning, ending, is_late_report, is_suspect, "
    "duration_minutes, duration_min_minutes, duration_max_minutes, "
    "verdict, is_overstay, overstay_min_minutes, overstay_max_minutes, first_breach_at, "
    "within_disability_extension, permitted_until_at, estimated_revenue"
)
# Of dbt_project.yml.
TARIFF_PER_HOUR = 4.0
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)


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


def test_a_day_on_which_the_clock_changes_has_92_or_100_quarter_hours(built: Lake) -> None:
    days = rows(built, "SELECT local_date, hours FROM gold.dim_dates WHERE hours NOT IN (0, 24)")
    first, last = midnight(date(2011, 1, 1)), midnight(date(2036, 1, 1))
    lengths = {day: (midnight(day + DAY) - midnight(day)) / HOUR for day in days_between(first, last)}
    assert dict(days) == {day: hours for day, hours in lengths.items() if hours != 24}

    found = rows(
        built,
        """
        SELECT local_date, count(DISTINCT starts_at), sum(occupied_minutes) FILTER (zone_number = 9003)
        FROM gold.fact_occupancy JOIN gold.dim_dates USING (local_date) JOIN gold.dim_locations USING (location_key)
        WHERE hours NOT IN (0, 24) GROUP BY local_date ORDER BY local_date
        """,
    )
    # Heard since 15:46 UTC, the clock changed at 16:00: one vehicle stood until 16:25, one from 15:53 to 16:11.
    assert found == [(date(2024, 10, 6), 92, 39 + 18), (date(2025, 4, 6), 100, 39 + 18)]


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
