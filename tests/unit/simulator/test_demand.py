"""Special events and public holidays: what the kerb draws then, and how many cars come of it."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from melpark.parking.local_time import MELBOURNE
from melpark.simulator.behaviour import Behaviour
from melpark.simulator.city import City, build
from melpark.simulator.demand import MATCH_FACTOR, STADIUMS, Demand, Match
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth

SEED = 20250807
HOUR, DAY = 3_600, 86_400
# A quarter of winter and spring.
FIRST, LAST = (int(datetime(2025, month, 1, tzinfo=UTC).timestamp()) for month in (7, 10))
METRES_A_DEGREE = 111_195
CUP_DAY, SUNDAY, TUESDAY = (datetime(2025, 11, day, tzinfo=MELBOURNE) for day in (4, 9, 11))


@pytest.fixture(scope="module")
def city() -> City:
    return build(SEED, Dirt.none())


@pytest.fixture(scope="module")
def truth(city: City) -> Truth:
    return Truth(city)


@pytest.fixture(scope="module")
def without(city: City) -> Truth:
    """The same city in a world without matches."""
    return Truth(city, Behaviour(has_matches=False))


@pytest.fixture(scope="module")
def matches() -> list[Match]:
    return Demand(SEED).matches(FIRST, LAST)


def around(city: City, stadium: int) -> np.ndarray:
    """Which sensors stand within 900 m of a stadium, as the crow flies."""
    longitude, latitude = STADIUMS[stadium]
    metres = [
        METRES_A_DEGREE
        * math.hypot(
            sensor.latitude - latitude,
            (sensor.longitude - longitude) * math.cos(math.radians(latitude)),
        )
        for sensor in city.sensors
    ]
    return np.array(metres) < 900


def arrivals(truth: Truth, where: np.ndarray, first: int, last: int) -> int:
    changes = truth.changes(first, last)
    return int((changes.is_present & where[changes.bay]).sum())


def wanted(demand: Demand, stadium: int, first: int, last: int) -> float:
    """Cars that an always free bay by a stadium (or elsewhere, beyond the last) would draw in [first, last)."""
    sums, instants = demand.curve(first // DAY)
    rows = len(STADIUMS) + 1
    row_sums, row_instants = (np.split(values, rows)[stadium] for values in (sums, instants))
    return float(np.diff(np.interp((first, last), row_instants, row_sums))[0])


def test_matches_are_for_three_hours_on_afternoons_and_evenings_from_friday_to_sunday(
    matches: list[Match],
) -> None:
    assert {match.stadium for match in matches} == set(range(len(STADIUMS)))
    for match in matches:
        local = datetime.fromtimestamp(match.start, MELBOURNE)
        assert local.weekday() in (4, 5, 6)
        assert 13 <= local.hour <= 19
        assert match.end - match.start == 3 * HOUR
    weekends = (LAST - FIRST) / (7 * DAY)
    # Half of the weekends at each stadium, within chance.
    assert len(matches) == pytest.approx(weekends, abs=1.96 * math.sqrt(weekends / 2))


def test_a_match_draws_six_times_as_many_cars_around_its_stadium_and_none_elsewhere(
    matches: list[Match],
) -> None:
    demand, control = Demand(SEED), Demand(SEED, has_matches=False)
    assert control.matches(FIRST, LAST) == []
    assert MATCH_FACTOR == 6
    for match in matches:
        others = {other.stadium for other in demand.matches(match.start, match.end)}
        for place in range(len(STADIUMS) + 1):
            factor = 6 if place == match.stadium else 1
            if place == match.stadium or place not in others:
                drawn = wanted(demand, place, match.start, match.end)
                assert drawn == pytest.approx(factor * wanted(control, place, match.start, match.end))


def test_more_cars_come_around_a_stadium_during_a_match_than_without_it(
    city: City, truth: Truth, without: Truth, matches: list[Match]
) -> None:
    came, usual = 0, 0
    for match in matches[:6]:
        near = around(city, match.stadium)
        came += arrivals(truth, near, match.start, match.end)
        usual += arrivals(without, near, match.start, match.end)
    assert came > 1.2 * usual
    assert usual > 500


def test_a_match_changes_nothing_before_it_and_nothing_away_from_it(
    city: City, truth: Truth, without: Truth, matches: list[Match]
) -> None:
    match = matches[0]
    near = around(city, match.stadium)
    away = ~(around(city, 0) | around(city, 1))
    morning = match.start // DAY * DAY - 6 * HOUR
    assert near.sum() > 50
    assert away.sum() > 1_000
    for where, first, last in ((near, morning, match.start), (away, morning, match.end)):
        ours, theirs = truth.changes(first, last), without.changes(first, last)
        mine, others = ours.where(where[ours.bay]), theirs.where(where[theirs.bay])
        assert np.array_equal(mine.bay, others.bay)
        assert np.array_equal(mine.at, others.at)
        assert len(mine.at) > 100


@pytest.mark.parametrize("hour", range(24))
def test_on_cup_day_the_kerb_draws_as_many_cars_as_on_a_sunday(hour: int) -> None:
    demand = Demand(SEED, has_matches=False)

    def at(day: datetime) -> float:
        first = int((day + timedelta(hours=hour)).timestamp())
        return wanted(demand, len(STADIUMS), first, first + HOUR)

    assert at(CUP_DAY) == pytest.approx(at(SUNDAY))


def test_on_cup_day_as_many_cars_come_as_on_a_sunday_and_far_fewer_than_on_another_tuesday(
    city: City, without: Truth
) -> None:
    """Where no plate holds on a Sunday, for plates of Saturday and Sunday hold on one of the two days alone."""
    free = np.array([not any("Sun" in plate.days for plate in one.zone.signs.plates) for one in city.sensors])
    cup_day, sunday, tuesday = (
        arrivals(without, free, int(day.timestamp()), int(day.timestamp()) + DAY)
        for day in (CUP_DAY, SUNDAY, TUESDAY)
    )
    assert cup_day == pytest.approx(sunday, rel=0.05)
    assert cup_day < 0.8 * tuesday
