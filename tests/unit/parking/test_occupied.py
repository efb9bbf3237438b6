"""Occupied time: the semantics' words, and a model that asks every half minute for itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cases.stay_cases import STAY_CASES, at, event
from melpark.parking.intervals import Interval, intersection, length
from melpark.parking.occupied import BayTime, Run, bay_time, online, runs
from melpark.parking.stays import Event, Limits, Present, stays

DAY = [Interval(at("00:00"), at("00:00", 8))]
UNTIL = at("00:00", 8)
OFFLINE_AFTER = timedelta(minutes=15)


def test_present_to_unoccupied_is_occupied_up_to_the_change_even_between_wide_polls() -> None:
    found = runs([event("Present", "09:00", "09:02", None), event("Unoccupied", "09:30", "09:32", "09:10")])
    assert found == [Run(at("09:00"), at("09:30"))]


def test_a_hidden_change_between_two_vehicles_is_taken_in_the_middle() -> None:
    found = runs([event("Present", "09:00", "09:02", None), event("Present", "10:01", "10:04", "10:00")])
    assert found == [Run(at("09:00"), at("09:59")), Run(at("10:01"), None)]


def test_a_hidden_vehicle_is_taken_to_have_come_in_the_middle() -> None:
    found = runs(
        [event("Unoccupied", "09:00", "09:02", None), event("Unoccupied", "09:30", "09:34", "09:29")]
    )
    assert found == [Run(at("09:28"), at("09:30"))]


def test_only_time_between_polls_that_were_not_close_is_uncertain() -> None:
    begun = event("Present", "09:00", "09:02", None)
    wide = bay_time([begun, event("Unoccupied", "09:30", "09:32", "09:20")], DAY, UNTIL)
    assert wide.uncertain == [Interval(at("09:17"), at("09:30"))]
    close = bay_time([begun, event("Unoccupied", "09:30", "09:32", "09:30")], DAY, UNTIL)
    assert close.uncertain == []


def test_a_late_report_makes_all_the_time_since_the_change_before_uncertain() -> None:
    late = event("Unoccupied", "09:10", "09:32", "09:30")
    found = bay_time([event("Present", "09:00", "09:02", None), late], DAY, UNTIL)
    assert found.uncertain == [Interval(at("09:00"), at("09:10"))]


def test_example_the_bay_is_offline_from_1015_to_1502_and_counts_neither_way() -> None:
    """Present since 09:00, last heard at 10:00, back at 15:02 with Unoccupied since 14:59."""
    heard = online([at("09:50"), at("10:00"), at("15:02")], OFFLINE_AFTER)
    assert heard == [Interval(at("09:50"), at("10:15")), Interval(at("15:02"), at("15:17"))]
    events = [event("Present", "09:00", "09:02", None), event("Unoccupied", "14:59", "15:02", "10:00")]
    found = bay_time(events, heard, UNTIL)
    assert found.occupied == [Interval(at("09:50"), at("10:15"))]
    assert found.uncertain == [Interval(at("09:57"), at("10:15"))]


def test_from_a_day_after_the_arrival_on_a_bay_is_neither_occupied_nor_online() -> None:
    found = bay_time([event("Present", "09:00", "09:02", None)], DAY, UNTIL)
    assert found.occupied == [Interval(at("09:00"), at("09:00", 6))]
    assert found.online == [Interval(at("09:00"), at("09:00", 6))]


def test_time_that_does_not_count_is_not_uncertain_either() -> None:
    """A stuck vehicle left at an unknown time of the third day."""
    left = Event("Unoccupied", at("12:00", 7), at("12:02", 7), at("09:03", 5))
    found = bay_time([event("Present", "09:00", "09:02", None), left], DAY, UNTIL)
    assert found.uncertain == [Interval(at("09:00"), at("09:00", 6))]


def test_a_bay_counts_again_when_its_stuck_vehicle_has_left() -> None:
    left = Event("Unoccupied", at("12:00", 6), at("12:02", 6), at("12:00", 6))
    found = bay_time([event("Present", "09:00", "09:02", None), left], DAY, UNTIL)
    assert found.online == [Interval(at("09:00"), at("09:00", 6)), Interval(at("12:00", 6), UNTIL)]


def test_a_bay_heard_for_4_days_and_a_third_without_a_change_is_online_until_its_vehicle_is_suspect() -> None:
    minutes = range(0, int(4.3 * 24 * 60), 2)
    heard = online((at("09:00") + timedelta(minutes=minute) for minute in minutes), OFFLINE_AFTER)
    until = at("09:00") + timedelta(minutes=minutes[-1])
    assert heard == [Interval(at("09:00"), until + OFFLINE_AFTER)]
    vacant = bay_time([event("Unoccupied", "09:00", "09:02", None)], heard, until)
    assert vacant.online == [Interval(at("09:00"), until)]
    taken = bay_time([event("Present", "09:00", "09:02", None)], heard, until)
    assert taken.online == taken.occupied == [Interval(at("09:00"), at("09:00", 6))]


def test_a_bay_counts_from_its_first_known_event_on_however_long_it_was_heard_before() -> None:
    (case,) = [case for case in STAY_CASES if case.heard_from_at]
    assert case.heard_from_at is not None
    found = bay_time(case.events, [Interval(case.heard_from_at, at("20:00"))], at("20:00"))
    assert found.online == [Interval(at("10:40"), at("20:00"))]
    assert found.occupied == [Interval(at("10:40"), at("11:10"))]
    assert bay_time([], DAY, UNTIL) == BayTime([], [], [])


def test_every_stay_of_the_cases_has_its_run() -> None:
    for case in STAY_CASES:
        found = stays(case.events, case.present)
        for stay, run in zip(found, runs(case.events), strict=True):
            assert stay.arrival_min_at <= run.start_at <= stay.arrival_max_at
            if stay.departure_max_at:
                assert run.end_at is not None
                assert stay.departure_min_at <= run.end_at <= stay.departure_max_at


# The model: half minutes from midnight; each asks what the table of the semantics says of it.

HALF = timedelta(seconds=30)
CELLS = 600
LIMITS = Limits(suspect_after=timedelta(minutes=40))


def half(cell: int) -> datetime:
    return at("00:00") + cell * HALF


@st.composite
def bays(draw: st.DrawFn) -> tuple[list[Event], list[Interval]]:
    """Changes and polls on multiples of two minutes, so that midpoints fall on half minutes."""
    heard, changed = 0, 0
    events: list[Event] = []
    for number in range(draw(st.integers(0, 6))):
        previous, heard = heard, heard + 4 * draw(st.integers(1, 20))
        changed = min(heard, changed + 4 * draw(st.integers(1, 20)))
        if number and changed <= (events[-1].status_changed_at - half(0)) // HALF:
            break
        status = draw(st.sampled_from(["Present", "Unoccupied"]))
        events.append(Event(status, half(changed), half(heard), half(previous) if number else None))
    spans = draw(st.lists(st.tuples(st.integers(0, CELLS), st.integers(1, 200)), max_size=4))
    return events, online([half(start) for start, _ in spans], 60 * HALF)


def state(events: Sequence[Event], cell: int) -> tuple[bool, bool, datetime] | None:
    """Occupied, uncertain, and since when occupied, at the start of a cell: read off the table. None: nobody knows."""
    now = half(cell)
    before = [one for one in events if one.status_changed_at <= now]
    after = [one for one in events if one.status_changed_at > now]
    if not before:
        return None
    last = before[-1]
    if not after:
        return last.status == "Present", False, last.status_changed_at
    following = after[0]
    assert following.previous_heard_at is not None
    known_until = following.previous_heard_at - timedelta(minutes=3)
    is_late = following.status_changed_at < known_until
    hides_from = last.status_changed_at if is_late else max(last.status_changed_at, known_until)
    is_close = following.heard_at - following.previous_heard_at <= timedelta(minutes=5) and not is_late
    is_uncertain = not is_close and now >= hides_from
    middle = hides_from + (following.status_changed_at - hides_from) / 2
    if last.status == "Present":
        is_there = following.status == "Unoccupied" or now < middle
        return is_there, is_uncertain, last.status_changed_at
    is_there = following.status == "Unoccupied" and now >= middle
    return is_there, is_uncertain, middle


def minutes(intervals: Sequence[Interval]) -> float:
    return length(intervals).total_seconds() / 60


@given(bays())
def test_time_is_that_of_the_half_minute_model_and_its_parts_are_the_whole(
    bay: tuple[list[Event], list[Interval]],
) -> None:
    events, is_online = bay
    found = bay_time(events, is_online, half(CELLS), LIMITS)
    counted = {"online": 0, "occupied": 0, "uncertain": 0, "offline": 0, "vacant": 0}
    for cell in range(CELLS):
        known = state(events, cell)
        is_heard = any(span.start_at <= half(cell) < span.end_at for span in is_online)
        if known is None or not is_heard:
            counted["offline"] += 1
            continue
        is_there, is_uncertain, since = known
        if is_there and half(cell) - since >= LIMITS.suspect_after:
            counted["offline"] += 1
            continue
        counted["online"] += 1
        counted["uncertain"] += is_uncertain
        counted["occupied" if is_there else "vacant"] += 1

    assert minutes(found.online) == counted["online"] / 2
    assert minutes(found.occupied) == counted["occupied"] / 2
    assert minutes(found.uncertain) == counted["uncertain"] / 2
    assert counted["occupied"] + counted["vacant"] + counted["offline"] == CELLS
    assert_parts_fit(found)


def assert_parts_fit(time: BayTime) -> None:
    assert intersection(time.occupied, time.online) == time.occupied
    assert intersection(time.uncertain, time.online) == time.uncertain


@given(bays())
def test_runs_follow_one_another_and_stand_one_for_one_with_stays(
    bay: tuple[list[Event], list[Interval]],
) -> None:
    events, _ = bay
    found = runs(events, LIMITS)
    assert len(found) == len(stays(events, Present(half(CELLS)), LIMITS))
    for first, second in pairwise(found):
        assert first.end_at is not None
        assert first.start_at <= first.end_at <= second.start_at
