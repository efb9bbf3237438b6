import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import mean, median

import pytest

from melpark.parking.local_time import MELBOURNE
from melpark.simulator.city import build
from melpark.simulator.dynamics import Event, Truth

WEEK = datetime(2025, 8, 4, tzinfo=MELBOURNE)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(build(20250807))


@pytest.fixture(scope="module")
def bays(truth: Truth) -> list[int]:
    """A tenth of the bays."""
    return [sensor.kerbside_id for sensor in truth.city.sensors[::10]]


def taken(truth: Truth, bays: list[int], at: datetime) -> float:
    return mean(truth.true_status(bay, at).status == "Present" for bay in bays)


def events(truth: Truth, bays: list[int], start: datetime, hours: float) -> list[list[Event]]:
    return [truth.true_events(bay, start, start + timedelta(hours=hours)) for bay in bays]


def test_a_moment_is_the_same_whichever_moments_were_asked_before(truth: Truth, bays: list[int]) -> None:
    moments = [(bay, WEEK + timedelta(hours=7 * n)) for bay in bays[:15] for n in range(10)]
    forwards = {moment: truth.true_status(*moment) for moment in moments}
    random.Random(1).shuffle(moments)
    fresh = Truth(truth.city)
    assert {moment: fresh.true_status(*moment) for moment in moments} == forwards


def test_another_seed_has_other_cars(truth: Truth, bays: list[int]) -> None:
    other = Truth(build(1))
    theirs = [other.true_events(sensor.kerbside_id, WEEK, WEEK + timedelta(days=1))
              for sensor in other.city.sensors[::10]]  # fmt: skip
    times = [[event.changed_at for event in day] for day in events(truth, bays, WEEK, 24)]
    assert times != [[event.changed_at for event in day] for day in theirs]


def test_the_status_at_a_moment_is_the_newest_event_before_it(truth: Truth, bays: list[int]) -> None:
    for bay in bays[:8]:
        week = truth.true_events(bay, WEEK, WEEK + timedelta(days=7))
        for event, following in pairwise(week):
            assert truth.true_status(bay, event.changed_at) == event
            assert truth.true_status(bay, following.changed_at - timedelta(seconds=1)) == event


def test_a_bays_status_alternates_and_its_time_only_goes_forward(truth: Truth, bays: list[int]) -> None:
    for week in events(truth, bays, WEEK, 7 * 24):
        for event, following in pairwise(week):
            assert event.changed_at < following.changed_at
            assert event.status != following.status


def test_events_of_two_spans_are_those_of_both_together(truth: Truth, bays: list[int]) -> None:
    for bay in bays[:50]:
        cut = WEEK + timedelta(hours=31, minutes=7)
        end = WEEK + timedelta(days=3)
        parts = truth.true_events(bay, WEEK, cut) + truth.true_events(bay, cut, end)
        assert parts == truth.true_events(bay, WEEK, end)


def test_an_event_at_the_start_belongs_to_the_span_and_one_at_its_end_does_not(
    truth: Truth, bays: list[int]
) -> None:
    first, *_, last = truth.true_events(bays[0], WEEK, WEEK + timedelta(days=7))
    assert truth.true_events(bays[0], first.changed_at, last.changed_at)[0] == first
    assert last not in truth.true_events(bays[0], first.changed_at, last.changed_at)


def test_times_are_utc_whatever_zone_was_asked(truth: Truth, bays: list[int]) -> None:
    event = truth.true_status(bays[0], WEEK)
    assert event.changed_at.tzinfo is UTC
    assert event == truth.true_status(bays[0], WEEK.astimezone(UTC))


def test_no_moment_makes_many_bays_flip_at_once(truth: Truth, bays: list[int]) -> None:
    seconds = [event.changed_at for day in events(truth, bays, WEEK, 24) for event in day]
    assert max(Counter(seconds).values()) <= 4


@pytest.mark.parametrize(
    ("days", "hour", "lowest", "highest"),
    [(3, 1.3, 0.18, 0.32), (3, 11, 0.58, 0.76), (4, 18, 0.6, 0.8), (6, 12, 0.42, 0.68)],
    ids=["at night", "at noon", "on Friday evening", "on Sunday"],
)
def test_bays_fill_and_empty_with_the_local_hours(
    truth: Truth, bays: list[int], days: int, hour: float, lowest: float, highest: float
) -> None:
    assert lowest <= taken(truth, bays, WEEK + timedelta(days=days, hours=hour)) <= highest


def test_by_day_a_bay_changes_about_twice_an_hour_and_four_times_as_often_as_at_night(
    truth: Truth, bays: list[int]
) -> None:
    def an_hour(start: datetime) -> float:
        return mean(len(few) for few in events(truth, bays, start, 4)) / 4

    day, night = an_hour(WEEK + timedelta(days=1, hours=10)), an_hour(WEEK + timedelta(days=1, hours=1))
    assert 1.5 <= day <= 3.0
    assert day >= 4 * night


def test_stays_are_heavy_tailed(truth: Truth, bays: list[int]) -> None:
    stays = [
        (following.changed_at - event.changed_at) / timedelta(minutes=1)
        for week in events(truth, bays, WEEK, 7 * 24)
        for event, following in pairwise(week)
        if event.status == "Present"
    ]
    assert mean(stays) > 2 * median(stays)
    assert sum(stay > 6 * 60 for stay in stays) > 0.01 * len(stays)
    assert 5 <= median(stays) <= 40


def test_cars_stay_shorter_in_loading_zones_than_where_there_is_no_limit(truth: Truth) -> None:
    def average(code: str) -> float:
        lengths = [
            (following.changed_at - event.changed_at).total_seconds()
            for sensor in truth.city.sensors
            if any(plate.code == code for plate in sensor.zone.signs.plates)
            for few in [truth.true_events(sensor.kerbside_id, WEEK, WEEK + timedelta(days=2))]
            for event, following in pairwise(few)
            if event.status == "Present"
        ]
        # Half of all stays are short stops, anywhere.
        return mean(lengths)

    assert average("LZ30") < average("MP2P") < average("4P")


def test_an_id_that_is_no_sensors_is_refused(truth: Truth) -> None:
    with pytest.raises(KeyError):
        truth.true_status(-1, WEEK)
