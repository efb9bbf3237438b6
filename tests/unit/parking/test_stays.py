"""Stays: the cases of the semantics, and laws that hold whatever the polls were."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.stay_cases import STAY_CASES, StayCase, at
from melpark.parking.stays import Beginning, Ending, Event, Present, stays


@pytest.mark.parametrize("case", STAY_CASES, ids=str)
def test_the_stays_are_those_of_the_case(case: StayCase) -> None:
    assert tuple(stays(case.events, case.present)) == case.expected


def test_every_beginning_and_ending_has_a_case() -> None:
    expected = [stay for case in STAY_CASES for stay in case.expected]
    assert {stay.beginning for stay in expected} == set(Beginning)
    assert {stay.ending for stay in expected} == set(Ending)


def test_an_exact_stay_has_one_duration_and_a_bounded_one_two() -> None:
    whole, bounded = (
        next(stay for case in STAY_CASES if case.name.startswith(name) for stay in case.expected)
        for name in ("present_then_unoccupied", "example_the_sensor")
    )
    assert (whole.arrival_at, whole.departure_at) == (at("09:00"), at("09:30"))
    assert whole.duration_min == whole.duration_max == timedelta(minutes=30)
    assert bounded.departure_at is None
    assert (bounded.duration_min, bounded.duration_max) == (timedelta(minutes=57), timedelta(minutes=359))


def test_open_and_lost_stays_have_no_longest_duration() -> None:
    unended = [stay for case in STAY_CASES for stay in case.expected if stay.ending in ("open", "lost")]
    assert {stay.duration_max for stay in unended} == {None}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Polls at any distance; each shows a change that came after the one before."""
    heard, changed = at("00:00", 1), at("00:00", 1) - timedelta(hours=1)
    events = [Event(draw(st.sampled_from(["Present", "Unoccupied"])), changed, heard, None)]
    for _ in range(draw(st.integers(0, 8))):
        previous, heard = heard, heard + timedelta(seconds=draw(st.integers(60, 10_000)))
        room = int((heard - changed).total_seconds())
        changed += timedelta(seconds=draw(st.integers(1, room)))
        events.append(Event(draw(st.sampled_from(["Present", "Unoccupied"])), changed, heard, previous))
    return events


@given(histories())
def test_bounds_are_ordered_and_stays_follow_one_another(events: list[Event]) -> None:
    found = stays(events, Present(last_heard_at=events[-1].heard_at))
    for stay in found:
        assert stay.arrival_min_at <= stay.arrival_max_at
        if stay.departure_max_at is not None:
            assert stay.departure_min_at <= stay.departure_max_at
            assert stay.arrival_max_at <= stay.departure_max_at
            assert stay.duration_max is not None
            assert timedelta(0) <= stay.duration_min <= stay.duration_max
    for first, second in pairwise(found):
        assert first.departure_min_at <= second.arrival_max_at


@given(histories())
def test_every_present_event_begins_exactly_one_stay(events: list[Event]) -> None:
    found = stays(events, Present(last_heard_at=events[-1].heard_at))
    began = [stay.revealed_at for stay in found if stay.beginning is Beginning.OBSERVED]
    assert began == [event.status_changed_at for event in events if event.status == "Present"]


@given(histories())
def test_a_vehicle_is_there_whenever_close_polls_say_so(events: list[Event]) -> None:
    """Every Present event lies in its own stay, every Unoccupied one outside the inner bounds of all."""
    found = stays(events, Present(last_heard_at=events[-1].heard_at))
    for event in events:
        inside = [
            stay
            for stay in found
            if stay.arrival_max_at <= event.status_changed_at
            and (stay.departure_max_at is None or event.status_changed_at < stay.departure_max_at)
        ]
        assert len(inside) == (event.status == "Present")


@given(histories())
def test_polls_that_show_nothing_new_between_only_narrow_the_bounds(events: list[Event]) -> None:
    """A poll two minutes before each change was shown: every bound lies within the one without it."""
    nearer = [
        event
        if event.previous_heard_at is None
        else Event(
            event.status,
            event.status_changed_at,
            event.heard_at,
            max(event.previous_heard_at, min(event.status_changed_at, event.heard_at - timedelta(minutes=2))),
        )
        for event in events
    ]
    present = Present(last_heard_at=events[-1].heard_at)
    for wide, narrow in zip(stays(events, present), stays(nearer, present), strict=True):
        assert wide.arrival_min_at <= narrow.arrival_min_at <= narrow.arrival_max_at == wide.arrival_max_at
        assert wide.departure_min_at <= narrow.departure_min_at
        assert narrow.departure_max_at == wide.departure_max_at
