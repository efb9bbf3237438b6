"""What the City's data is really like, fact by fact, as it stands in the tables after the capture was loaded."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration.ingestion.captures import answers, load_all
from integration.ingestion.made_up_polls import answer, sensor
from melpark.contracts import BAY_RESTRICTIONS, SENSORS
from melpark.ingestion.database import connect
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings
from plugins.postgres import fresh_database

Query = Callable[..., list[tuple[Any, ...]]]
real = pytest.mark.real_data
LAST_POLL = "timestamptz '2026-01-15 05:27:39Z'"


@pytest.fixture(scope="module")
def city(postgres_template: Settings, real_capture: Path) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """A query on the loaded capture."""
    fresh_database(postgres_template)
    loader = PostgresLoader(postgres_template)
    load_all(loader, real_capture)
    loader.close()
    with connect(postgres_template) as connection:
        yield lambda statement: connection.execute(statement.encode()).fetchall()


def one(city: Callable[[str], list[tuple[Any, ...]]], statement: str) -> Any:
    (row,) = city(statement)
    return row[0] if len(row) == 1 else row


@real
def test_every_poll_and_table_loads_with_its_counts(city: Query) -> None:
    found = city("SELECT dataset, records, kept, rejected, outcome FROM parking.polls ORDER BY poll_id")
    assert found[:5] == [
        ("on-street-parking-bays", 23864, 23864, 0, "accepted"),
        ("parking-zones-linked-to-street-segments", 798, 798, 0, "accepted"),
        ("sign-plates-located-in-each-parking-zone", 2033, 2033, 0, "accepted"),
        ("on-street-car-park-bay-restrictions", 4263, 8035, 0, "accepted"),
        ("on-street-car-parking-meters-with-location", 1313, 1313, 0, "accepted"),
    ]
    assert found[5:] == [(SENSORS.dataset, 3309, 3309, 0, "accepted")] * 6


@real
def test_the_feed_says_present_and_unoccupied_and_nothing_else(city: Query) -> None:
    assert city("SELECT DISTINCT status FROM parking.sensor_events ORDER BY 1") == [
        ("Present",),
        ("Unoccupied",),
    ]


@real
def test_seven_percent_of_the_sensors_have_no_zone(city: Query) -> None:
    assert one(city, "SELECT count(*) FROM parking.sensors WHERE zone_number IS NULL") == 237


@real
def test_live_bays_share_one_lastupdated_and_dead_ones_keep_their_own(city: Query) -> None:
    """2,861 of 3,309 are live in August 2025, 2,507 in January 2026; the dead stay in the feed."""
    assert one(city, "SELECT count(*) FROM parking.sensors WHERE heard_at IS NULL") == 2507
    assert one(city, "SELECT count(*) FROM parking.sensors WHERE is_online") == 2507
    at_first = """
        SELECT count(*) FROM (
            SELECT DISTINCT ON (kerbside_id) is_online FROM parking.sensor_states
            WHERE valid_from_at <= '2025-08-07 01:11:39Z' ORDER BY kerbside_id, valid_from_at DESC
        ) AS state WHERE is_online
    """
    assert one(city, at_first) == 2861


@real
def test_the_newest_status_is_42_to_164_seconds_older_than_the_feed(city: Query) -> None:
    ages = city(
        "SELECT extract(epoch FROM poll.feed_updated_at - max(status_changed_at))::int"
        " FROM parking.polls AS poll JOIN parking.sensor_events AS event USING (observed_at)"
        " WHERE event.previous_heard_at IS NOT NULL GROUP BY poll.poll_id, poll.feed_updated_at"
    )
    assert len(ages) == 5
    assert all(42 <= age <= 164 for (age,) in ages)


@real
def test_in_january_45_percent_of_the_statuses_are_older_than_a_day(city: Query) -> None:
    older = f"SELECT count(*) FROM parking.sensors WHERE status_changed_at < {LAST_POLL}"
    assert round(one(city, f"{older} - interval '1 day'") / 33.09, 1) == 45.6
    assert round(one(city, f"{older} - interval '180 days'") / 33.09) == 30


@real
def test_a_stuck_sensor_is_present_and_online_for_ever(city: Query) -> None:
    """314 of 1,232 live Present bays had been Present for over a day, 282 of them for over a week."""
    live = "SELECT count(*) FROM parking.sensors WHERE is_online AND status = 'Present'"
    assert one(city, live) == 1232
    assert one(city, f"{live} AND status_changed_at < {LAST_POLL} - interval '1 day'") == 314
    assert one(city, f"{live} AND status_changed_at < {LAST_POLL} - interval '7 days'") == 282


@real
def test_half_of_the_changes_twelve_minutes_apart_hide_others(city: Query) -> None:
    """223 of 500 bays whose status time moved show the same status as before, 69 of them Unoccupied."""
    changed = city(
        """
        SELECT status = before, status FROM (
            SELECT status, observed_at, lag(status) OVER (PARTITION BY kerbside_id ORDER BY status_changed_at) AS before
            FROM parking.sensor_events
        ) AS event WHERE observed_at = '2025-08-07 01:11:39Z'
        """
    )
    assert len(changed) == 500
    assert sum(same for same, _ in changed) == 223
    assert changed.count((True, "Unoccupied")) == 69


@real
def test_a_change_that_the_poll_before_did_not_show_yet_is_known_as_late(city: Query) -> None:
    """44 of these 500 changed before the poll of 00:59:39, which showed the old state; bay 65465 at 00:58:02."""
    late = (
        " FROM parking.sensor_events WHERE observed_at = '2025-08-07 01:11:39Z'"
        " AND status_changed_at < '2025-08-07 00:59:39Z'"
    )
    assert one(city, f"SELECT count(*){late}") == 44
    assert one(
        city,
        f"SELECT to_char(status_changed_at, 'HH24:MI:SS'), to_char(previous_heard_at, 'HH24:MI:SS'){late}"
        " AND kerbside_id = '65465'",
    ) == ("00:58:02", "00:59:39")


@real
def test_bays_change_zone_and_place_between_polls_weeks_apart(city: Query) -> None:
    moved = """
        SELECT count(*) FILTER (WHERE zone_number IS DISTINCT FROM before_zone),
            count(*) FILTER (WHERE (longitude, latitude) IS DISTINCT FROM (before_longitude, before_latitude))
        FROM (
            SELECT *, lag(zone_number) OVER bay AS before_zone, lag(longitude) OVER bay AS before_longitude,
                lag(latitude) OVER bay AS before_latitude, row_number() OVER bay AS number
            FROM parking.sensor_states WINDOW bay AS (PARTITION BY kerbside_id ORDER BY valid_from_at)
        ) AS state WHERE number > 1
    """
    zones, places = one(city, moved)
    # All of them in the five months from August to January; within August there was none.
    assert (zones, places) == (25, 29)


@real
def test_329_zones_have_1_to_76_sensors_and_a_median_of_6(city: Query) -> None:
    counts = "SELECT count(*) AS n FROM parking.sensors WHERE zone_number IS NOT NULL GROUP BY zone_number"
    assert one(
        city,
        f"SELECT count(*), min(n), max(n), percentile_disc(0.5) WITHIN GROUP (ORDER BY n) FROM ({counts}) AS zone",
    ) == (329, 1, 76, 6)


@real
def test_places_are_64_bit_degrees_in_the_city(city: Query) -> None:
    west, east, south, north = one(
        city, "SELECT min(longitude), max(longitude), min(latitude), max(latitude) FROM parking.sensors"
    )
    assert 144.936 <= west < east <= 144.9895
    assert -37.8485 <= south < north <= -37.794


@real
def test_a_bays_id_is_text_mostly_null_and_repeated(city: Query) -> None:
    assert one(city, "SELECT count(*) FROM parking.bays WHERE kerbside_id !~ '^[0-9]+$'") == 2
    assert round(one(city, "SELECT count(*) FROM parking.bays WHERE kerbside_id IS NULL") / 238.64, 1) == 77.6
    repeated = (
        "SELECT kerbside_id FROM parking.bays WHERE kerbside_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    )
    assert {("17212",), ("17242",), ("17244",)} <= set(city(repeated))
    assert (
        one(
            city,
            f"SELECT count(*) - count(DISTINCT kerbside_id) FROM parking.bays WHERE kerbside_id IN ({repeated})",
        )
        == 13
    )


@real
def test_100_sensors_have_no_bay(city: Query) -> None:
    assert (
        one(
            city,
            "SELECT count(*) FROM parking.sensors WHERE kerbside_id NOT IN"
            " (SELECT kerbside_id FROM parking.bays WHERE kerbside_id IS NOT NULL)",
        )
        == 100
    )


@real
def test_plates_begin_before_they_end_and_end_at_midnight_for_23_59(city: Query) -> None:
    assert one(
        city,
        "SELECT bool_and(start_minute < finish_minute), count(*) FILTER (WHERE finish_minute = 1439),"
        " count(*) FILTER (WHERE finish_minute = 1440) > 0, count(DISTINCT days), count(DISTINCT code)"
        " FROM parking.sign_plates",
    ) == (True, 0, True, 8, 19)
    assert city("SELECT code, count(*)::int FROM parking.sign_plates GROUP BY 1 ORDER BY 2 DESC LIMIT 3") == [
        ("MP2P", 1039), ("2P", 262), ("LZ30", 189)
    ]  # fmt: skip
    assert one(
        city,
        "SELECT min(n), max(n) FROM (SELECT count(*) AS n FROM parking.sign_plates GROUP BY zone_number) AS zone",
    ) == (1, 8)


@real
def test_252_sensors_have_no_rule(city: Query) -> None:
    """237 have no zone, 15 stand in zones without plates."""
    assert one(
        city,
        "SELECT count(*) FILTER (WHERE zone_number IS NULL), count(*) FILTER (WHERE zone_number IS NOT NULL), count(*)"
        " FROM parking.sensors"
        " WHERE zone_number IS NULL OR zone_number NOT IN (SELECT zone_number FROM parking.sign_plates)",
    ) == (237, 15, 252)


@real
def test_38_zones_of_sensors_have_no_street_and_62_zones_have_several(city: Query) -> None:
    """20 of the 62 have sensors."""
    segments = "SELECT zone_number FROM parking.zone_segments GROUP BY 1 HAVING count(*) > 1"
    zones = "SELECT DISTINCT zone_number FROM parking.sensors WHERE zone_number IS NOT NULL"
    without = f"SELECT count(*) FROM ({zones} EXCEPT SELECT zone_number FROM parking.zone_segments) AS zone"
    assert one(city, without) == 38
    assert one(city, f"SELECT count(*) FROM ({segments}) AS zone") == 62
    assert one(city, f"SELECT count(*) FROM ({segments} INTERSECT {zones}) AS zone") == 20


@real
def test_bay_restrictions_are_a_dimension_of_their_own(city: Query) -> None:
    """bayid is not kerbsideid (72 chance matches); 1,172 rules wrap the week; disabilityext is twice in 94.6 %."""
    assert (
        one(
            city,
            "SELECT count(DISTINCT bay_id) FROM parking.bay_restrictions"
            " WHERE bay_id IN (SELECT kerbside_id FROM parking.sensors)",
        )
        == 72
    )
    assert one(city, "SELECT count(*) FROM parking.bay_restrictions WHERE to_weekday < from_weekday") == 1172
    twice = "SELECT count(*) FROM parking.bay_restrictions WHERE disability_limit_minutes = 2 * limit_minutes"
    assert round(one(city, twice) / 80.35, 1) == 94.6
    assert one(city, "SELECT min(slot), max(slot), count(DISTINCT bay_id) FROM parking.bay_restrictions") == (
        1,
        6,
        4263,
    )


@real
def test_times_of_the_year_1_never_reach_a_column(real_capture: Path) -> None:
    (whole,) = answers(real_capture, BAY_RESTRICTIONS.dataset)
    assert b"0001-01-01T07:30:00+00:00" in whole.body.read()
    assert not {column.type.value for column in BAY_RESTRICTIONS.columns if column.source} & {
        "date", "timestamp with time zone"
    }  # fmt: skip


@real
def test_meters_take_cards_or_say_nothing(city: Query) -> None:
    assert city("SELECT accepts_credit_card, count(*)::int FROM parking.meters GROUP BY 1 ORDER BY 2 DESC") == [
        (True, 1005), (None, 307), (False, 1)
    ]  # fmt: skip
    assert one(city, "SELECT bool_and(accepts_tap_and_go) FROM parking.meters") is True


def test_seven_rows_of_1970_are_kept_aside_and_stop_nothing(loader: PostgresLoader, query: Query) -> None:
    records = [sensor(bay, 0) for bay in range(3309)]
    for record in records[:7]:
        record["status_timestamp"] = "1970-01-01T00:00:00+00:00"
    outcome = loader.load(answer(records, 0))
    assert (outcome.outcome, outcome.kept, outcome.rejected) == ("accepted", 3302, 7)
    assert query("SELECT DISTINCT reason, field FROM parking.rejected_records") == [
        ("epoch_zero_time", "status_timestamp")
    ]


def test_two_hours_without_any_change_leave_the_bays_of_a_fresh_feed_online(
    loader: PostgresLoader, query: Query
) -> None:
    """A fresh lastupdated without a status change anywhere for 4.3 days has happened; these are its first hours."""
    for minute in range(0, 120, 10):
        loader.load(answer(orjson.dumps([sensor(1, minute), sensor(2, minute)]), minute))
    assert query("SELECT count(*) FROM parking.sensor_events") == [(2,)]
    assert query("SELECT bool_and(is_online) FROM parking.sensors") == [(True,)]
    assert query("SELECT count(*) FROM parking.feed_outages") == [(0,)]
