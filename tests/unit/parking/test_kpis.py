"""Key figures: the formulas, and that sums of windows and of bays are the figures of the whole."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.kerb import BESIDE_LOADING, ON_INTO_THE_EVENING, PAID, local
from cases.stay_cases import at, event
from melpark.parking.intervals import Interval
from melpark.parking.kpis import (
    Measure,
    average_stay,
    measure,
    occupancy_percent,
    paid_time,
    total,
    turnover,
)
from melpark.parking.occupied import bay_time, runs
from melpark.parking.stays import Event, Present, stays
from unit.parking.test_occupied import CELLS, LIMITS, bays, half

QUARTER = timedelta(minutes=15)
HOUR = Interval(at("09:00"), at("10:00"))


def of(events: list[Event], online: list[Interval], window: Interval) -> Measure:
    return measure(
        bay_time(events, online, half(CELLS), LIMITS),
        runs(events, LIMITS),
        stays(events, Present(half(CELLS)), LIMITS),
        window,
    )


def hour(events: list[Event]) -> Measure:
    online = [Interval(at("00:00"), at("20:00"))]
    found = stays(events, Present(at("20:00")))
    return measure(bay_time(events, online, at("20:00")), runs(events), found, HOUR)


def test_occupancy_is_occupied_time_per_online_time() -> None:
    found = Measure(whole=4 * QUARTER, online=3 * QUARTER, occupied=QUARTER)
    assert occupancy_percent(found) == pytest.approx(100 / 3)


def test_occupancy_is_unknown_when_offline_for_most_of_the_time() -> None:
    half_of_it = Measure(whole=4 * QUARTER, online=2 * QUARTER, occupied=QUARTER)
    assert occupancy_percent(half_of_it) == 50
    less = Measure(whole=4 * QUARTER, online=2 * QUARTER - timedelta(seconds=1), occupied=QUARTER)
    assert occupancy_percent(less) is None
    assert occupancy_percent(Measure()) is None


def test_a_stay_is_counted_where_it_began_with_its_whole_duration() -> None:
    found = hour([event("Present", "09:40", "09:42", None), event("Unoccupied", "11:00", "11:02", "11:00")])
    assert (found.arrivals, found.departures) == (1, 0)
    assert average_stay(found) == timedelta(minutes=80)
    assert found.occupied == timedelta(minutes=20)


def test_a_stay_without_a_known_duration_counts_for_turnover_but_not_for_the_average() -> None:
    found = hour([event("Present", "09:10", "09:12", None), event("Present", "09:50", "09:52", "09:30")])
    assert turnover(found, hours=0.5) == 4
    assert average_stay(found) is None
    assert found.departures == 1


def test_a_stay_of_a_stuck_sensor_is_counted_and_not_timed() -> None:
    events = [event("Present", "09:10", "09:12", None), event("Unoccupied", "09:20", "09:22", "09:20", day=6)]
    found = hour(events)
    assert (found.arrivals, found.timed_stays, average_stay(found)) == (1, 0, None)


def test_paid_time_ends_with_the_limit_and_with_the_departure() -> None:
    window = ON_INTO_THE_EVENING
    assert paid_time(Interval(local("09:00"), local("10:00")), window) == timedelta(hours=1)
    assert paid_time(Interval(local("09:00"), local("15:00")), window) == timedelta(hours=2)
    assert paid_time(Interval(local("18:00"), local("23:00")), window) == timedelta(hours=1)
    assert paid_time(Interval(local("19:30"), local("20:00")), window) == timedelta(0)
    evening_metered = [replace(window[1], is_metered=True)]
    assert paid_time(Interval(local("18:00"), local("22:00")), evening_metered) == timedelta(hours=1)
    assert paid_time(Interval(local("06:00"), local("20:00")), PAID) == timedelta(hours=11)
    assert paid_time(Interval(local("09:00"), local("10:00")), BESIDE_LOADING) == timedelta(0)


@given(bays(), st.integers(0, CELLS // 30 - 1))
def test_three_windows_of_five_minutes_are_a_quarter_of_an_hour(
    bay: tuple[list[Event], list[Interval]], quarter: int
) -> None:
    start = half(30 * quarter)
    fives = [
        Interval(start + number * timedelta(minutes=5), start + (number + 1) * timedelta(minutes=5))
        for number in range(3)
    ]
    assert total(of(*bay, window) for window in fives) == of(*bay, Interval(start, start + QUARTER))


@given(st.lists(bays(), max_size=3))
def test_occupancy_is_never_below_0_or_above_100(found: list[tuple[list[Event], list[Interval]]]) -> None:
    window = Interval(half(0), half(CELLS))
    together = total(of(*bay, window) for bay in found)
    percent = occupancy_percent(together)
    assert percent is None or 0 <= percent <= 100
    assert together.whole == len(found) * window.length
