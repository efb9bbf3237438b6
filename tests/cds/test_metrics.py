"""Sessions and aggregates of the made city by eye, and the hours of days whose clock jumps."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cds import metrics as strict
from cds.conftest import City
from cds.made_city import MINUTE, START
from cds.served import Served
from melpark.serving.cds.metrics import Sums, figures, local_hours
from melpark.serving.cds.standard import milliseconds, space_id, zone_area_id, zone_id

Figures = dict[int, dict[str, float]]
Query = dict[str, object]


def of_place(served: Served, place_id: str) -> Figures:
    found: Figures = {}
    for row in strict.rows(served.aggregates):
        if row["curb_place_id"] == place_id:
            found.setdefault(int(row["hour"]), {})[row["metric_type"]] = float(row["value"])
    return found


def test_a_spaces_hours_are_the_standards_formulas(served: Served) -> None:
    # Two vehicles came between 11:00 and 12:00, the second after 30 minutes, and one at 12:00 that left after five.
    assert of_place(served, space_id("1")) == {
        11: {"total_sessions": 1, "turnover": 1, "occupancy_percent": 0.5},
        12: {
            "total_sessions": 1,
            "turnover": 1,
            "average_dwell_time": 5,
            "occupancy_percent": round(5 / 60, 6),
        },
        13: {"total_sessions": 0, "turnover": 0, "occupancy_percent": 0},
    }
    assert of_place(served, space_id("2"))[12] == {
        "total_sessions": 0,
        "turnover": 0,
        "occupancy_percent": 1,
    }


def test_a_place_whose_sensors_were_silent_for_more_than_half_is_not_told(served: Served) -> None:
    silent = dict.fromkeys(("total_sessions", "turnover", "average_dwell_time", "occupancy_percent"), -1)
    nothing = {"total_sessions": 0, "turnover": 0, "occupancy_percent": 0}
    assert of_place(served, space_id("6")) == {11: silent, 12: silent, 13: silent}
    assert of_place(served, space_id("5")) == {11: silent, 12: nothing, 13: nothing}
    # Two of three bays in the first hour, one of three in the next.
    assert of_place(served, zone_id("7003-20001")) == {11: silent, 12: nothing, 13: nothing}


def test_a_zone_and_an_area_are_the_sums_of_their_bays(served: Served) -> None:
    # Bays 1, 2, 4 and 9: of their four hours one and a half.
    zone = of_place(served, zone_id("7001-20001"))
    assert zone[11] == {"total_sessions": 1, "turnover": 1, "occupancy_percent": 0.375}
    # And bay 8 around the corner.
    assert of_place(served, zone_area_id(7001))[11]["occupancy_percent"] == 0.3


def test_sessions_that_began_in_the_time_are_told(city: City) -> None:
    at: Query = {
        "start_time": milliseconds(START + 20 * MINUTE),
        "end_time": milliseconds(START + 90 * MINUTE),
    }
    rows = strict.rows(city.ask("/metrics/sessions", at).text)
    minutes = [
        tuple((int(time) - milliseconds(START)) / 60_000 if time else None for time in pair)
        for pair in ((row["event_time_start"], row["event_time_end"]) for row in rows)
    ]
    # The second is of bay 2; that of minute 90 is the next request's.
    assert minutes == [(20, 60), (30, None)]
    # The end is told though it is beyond the time.
    first: Query = at | {"end_time": milliseconds(START + 21 * MINUTE)}
    (row,) = strict.rows(city.ask("/metrics/sessions", first).text)
    assert row["event_time_end"] == str(milliseconds(START + 60 * MINUTE))
    place: Query = {"curb_place_type": "zone", "curb_place_id": zone_id("7001-20001")}
    assert len(strict.rows(city.ask("/metrics/sessions", at | place).text)) == 2
    other: Query = {"curb_place_type": "zone", "curb_place_id": zone_id("7002-20001")}
    assert strict.rows(city.ask("/metrics/sessions", at | other).text) == []
    near: Query = {"lat": -37.8141, "lng": 144.9633, "radius": 100}
    assert len(strict.rows(city.ask("/metrics/sessions", at | near).text)) == 1


def test_aggregates_of_one_metric_and_place_may_be_asked_for(city: City, served: Served) -> None:
    query: Query = {"curb_place_type": "space", "curb_place_id": space_id("1"), "metric_type": "turnover"}
    times: Query = {"start_time": milliseconds(START), "end_time": milliseconds(START + timedelta(hours=4))}
    found = strict.rows(city.ask("/metrics/aggregates", query | times).text)
    assert [(row["hour"], row["value"]) for row in found] == [("11", "1"), ("12", "1"), ("13", "0")]
    near: Query = {"lat": -37.8141, "lng": 144.9633, "radius": 10, "metric_type": "turnover"}
    places = {row["curb_place_id"] for row in strict.rows(city.ask("/metrics/aggregates", near | times).text)}
    assert space_id("1") in places
    assert space_id("8") not in places


def test_a_request_covers_a_month_at_most(city: City) -> None:
    times = {"start_time": milliseconds(START - timedelta(days=32)), "end_time": milliseconds(START)}
    answer = city.ask("/metrics/sessions", times)
    assert (answer.status, answer.body["error_details"]) == (400, ["One request covers 31 days at most"])


@pytest.mark.parametrize(
    ("day", "count", "lengths"),
    [
        (date(2025, 8, 4), 24, {1}),
        # In April the clock shows two o'clock twice, in October never.
        (date(2026, 4, 5), 24, {1, 2}),
        (date(2025, 10, 5), 23, {1}),
    ],
)
def test_the_hours_of_a_day_are_those_of_its_clock(day: date, count: int, lengths: set[int]) -> None:
    hours = local_hours(day)
    assert len({hour.hour for hour in hours}) == len(hours) == count
    assert {(hour.end_at - hour.start_at) / timedelta(hours=1) for hour in hours} == lengths
    assert dict(strict.buckets(day.isoformat())) == {
        hour.hour: (hour.end_at - hour.start_at) / timedelta(hours=1) for hour in hours
    }
    twice = [hour for hour in hours if hour.end_at - hour.start_at == timedelta(hours=2)]
    assert [(hour.hour, hour.start_at) for hour in twice] == (
        [(2, datetime(2026, 4, 4, 15, tzinfo=UTC))] if 2 in lengths else []
    )


def test_figures_of_an_hour_that_lasts_two() -> None:
    sums = Sums(monitored=200, online=100, occupied=25, sessions=3, closed=2, dwell=timedelta(minutes=30))
    # Silent for half is not yet more than half.
    assert figures(sums, 2.0) == {
        "total_sessions": 3,
        "turnover": 1.5,
        "average_dwell_time": 15,
        "occupancy_percent": 0.25,
    }
