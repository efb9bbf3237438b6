"""The seven cases of a stay, and both worked examples."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from melpark.parking.stays import Beginning, Ending, Event, Limits, Present, Stay, stays

LIMITS = Limits()


def at(clock: str, day: int = 5) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2025, 8, day, int(hour), int(minute), tzinfo=UTC)


def event(status: str, changed: str, heard: str, previous: str | None) -> Event:
    return Event(status, at(changed), at(heard), None if previous is None else at(previous))


NOW = Present(last_heard_at=at("20:00"))


def only(*events: Event, present: Present = NOW) -> Stay:
    (found,) = stays(events, present)
    return found


def test_close_polls_see_one_stay_whole() -> None:
    stay = only(
        event("Unoccupied", "08:00", "08:02", None),
        event("Present", "09:00", "09:02", "09:00"),
        event("Unoccupied", "09:30", "09:32", "09:30"),
    )
    assert (stay.arrival_at, stay.departure_at) == (at("09:00"), at("09:30"))
    assert (stay.beginning, stay.ending) == (Beginning.OBSERVED, Ending.OBSERVED)
    assert stay.duration_min == stay.duration_max == timedelta(minutes=30)
    assert not stay.is_late_report


def test_a_departure_between_wide_polls_has_bounds() -> None:
    stay = only(
        event("Present", "09:00", "09:02", None),
        event("Unoccupied", "09:30", "09:32", "09:20"),
    )
    assert stay.departure_at is None
    assert (stay.departure_min_at, stay.departure_max_at) == (at("09:17"), at("09:30"))
    assert stay.ending is Ending.BOUNDED


def test_present_after_present_is_another_vehicle() -> None:
    """The first worked example: polls heard at 09:58, 10:00 and 10:02."""
    first, second = stays(
        [event("Present", "09:00", "09:02", None), event("Present", "10:01", "10:02", "10:00")], NOW
    )
    assert (first.departure_min_at, first.departure_max_at) == (at("09:57"), at("10:01"))
    assert first.ending is Ending.BOUNDED
    assert second.arrival_at == at("10:01")
    assert second.ending is Ending.OPEN


def test_a_sensor_that_comes_back_bounds_what_it_missed() -> None:
    """The second worked example: last heard at 10:00, back at 15:02."""
    stay = only(
        event("Present", "09:00", "09:02", None),
        event("Unoccupied", "14:59", "15:02", "10:00"),
    )
    assert (stay.departure_min_at, stay.departure_max_at) == (at("09:57"), at("14:59"))
    assert stay.ending is Ending.BOUNDED


def test_unoccupied_after_unoccupied_hides_a_whole_stay() -> None:
    stay = only(
        event("Unoccupied", "09:00", "09:02", None),
        event("Unoccupied", "09:30", "09:32", "09:20"),
    )
    assert (stay.arrival_min_at, stay.arrival_max_at) == (at("09:17"), at("09:30"))
    assert stay.departure_at == at("09:30")
    assert (stay.beginning, stay.ending) == (Beginning.BOUNDED, Ending.OBSERVED)
    assert (stay.duration_min, stay.duration_max) == (timedelta(0), timedelta(minutes=13))


def test_a_vehicle_not_seen_to_leave_is_still_there() -> None:
    stay = only(event("Present", "09:00", "09:02", None))
    assert stay.ending is Ending.OPEN
    assert (stay.departure_at, stay.departure_max_at, stay.duration_max) == (None, None, None)
    assert stay.departure_min_at == at("19:57")


def test_a_silent_sensor_loses_its_vehicle() -> None:
    present = Present(last_heard_at=at("10:00"), is_online=False)
    stay = only(event("Present", "09:00", "09:02", None), present=present)
    assert stay.ending is Ending.LOST
    assert stay.departure_min_at == at("09:57")


def test_a_lost_stay_never_ends_before_it_began() -> None:
    present = Present(last_heard_at=at("09:01"), is_online=False)
    assert only(event("Present", "09:00", "09:01", None), present=present).departure_min_at == at("09:00")


def test_a_change_that_the_poll_before_should_have_shown_is_late() -> None:
    stay = only(
        event("Present", "09:00", "09:02", None),
        event("Unoccupied", "09:10", "09:32", "09:30"),
    )
    assert stay.is_late_report
    assert (stay.departure_min_at, stay.departure_max_at) == (at("09:00"), at("09:10"))
    assert stay.ending is Ending.BOUNDED


def test_an_arrival_reported_late_marks_its_stay() -> None:
    stay = only(
        event("Unoccupied", "08:00", "08:02", None),
        event("Present", "09:00", "09:32", "09:30"),
    )
    assert stay.is_late_report
    assert stay.arrival_at == at("09:00")


def test_only_a_shortest_duration_over_the_limit_is_suspect() -> None:
    day_later = Event("Unoccupied", at("09:01", 6), at("09:02", 6), at("09:00", 6))
    assert only(event("Present", "09:00", "09:02", None), day_later).is_suspect
    exactly = Event("Unoccupied", at("09:00", 6), at("09:02", 6), at("09:00", 6))
    assert not only(event("Present", "09:00", "09:02", None), exactly).is_suspect


def test_an_empty_bay_has_no_stay() -> None:
    assert stays([], NOW) == []
    assert stays([event("Unoccupied", "09:00", "09:02", None)], NOW) == []


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
