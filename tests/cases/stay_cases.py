"""Events of one bay in, its stays out: the rows and examples of the semantics, and what is nasty about them.

Python's stays and gold's SQL are both held to these. All times are UTC on 5 August 2025 unless a day is given.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from melpark.parking.stays import Beginning, Ending, Event, Present, Stay


@dataclass(frozen=True)
class StayCase:
    """`heard_from_at`: since when the sensor is heard, where that is not since its first event."""

    name: str
    events: tuple[Event, ...]
    present: Present
    expected: tuple[Stay, ...]
    heard_from_at: datetime | None = None

    def __str__(self) -> str:
        return self.name


def at(clock: str, day: int = 5) -> datetime:
    hour, minute = clock.split(":")
    return datetime(2025, 8, day, int(hour), int(minute), tzinfo=UTC)


def event(status: str, changed: str, heard: str, previous: str | None, day: int = 5) -> Event:
    return Event(status, at(changed, day), at(heard, day), None if previous is None else at(previous, day))


def stay(
    arrival: str | tuple[str, str],
    departure: str | tuple[str, str | None],
    ending: Ending,
    is_late_report: bool = False,
    is_suspect: bool = False,
    departs_on: int = 5,
) -> Stay:
    """An expected stay; bounds as pairs."""
    earliest, latest = (arrival, arrival) if isinstance(arrival, str) else arrival
    first, last = (departure, departure) if isinstance(departure, str) else departure
    return Stay(
        revealed_at=at(latest),
        arrival_min_at=at(earliest),
        arrival_max_at=at(latest),
        departure_min_at=at(first, departs_on),
        departure_max_at=None if last is None else at(last, departs_on),
        beginning=Beginning.OBSERVED if earliest == latest else Beginning.BOUNDED,
        ending=ending,
        is_late_report=is_late_report,
        is_suspect=is_suspect,
    )


NOW = Present(last_heard_at=at("20:00"))
PRESENT = event("Present", "09:00", "09:02", "09:00")
VACANT = event("Unoccupied", "08:00", "08:02", None)

STAY_CASES = (
    StayCase("no_event_no_stay", (), NOW, ()),
    StayCase("an_empty_bay_has_no_stay", (VACANT,), NOW, ()),
    StayCase(
        "unoccupied_then_present_begins_a_stay_at_the_change_however_wide_the_polls",
        (VACANT, event("Present", "09:00", "09:02", "08:02")),
        NOW,
        (stay("09:00", ("19:57", None), Ending.OPEN),),
    ),
    StayCase(
        "a_sensor_is_heard_for_two_hours_before_its_first_known_event",
        (event("Present", "10:40", "10:42", "10:40"), event("Unoccupied", "11:10", "11:12", "11:10")),
        NOW,
        (stay("10:40", "11:10", Ending.OBSERVED),),
        heard_from_at=at("08:40"),
    ),
    StayCase(
        "present_then_unoccupied_in_close_polls_is_one_stay_whole",
        (VACANT, PRESENT, event("Unoccupied", "09:30", "09:32", "09:30")),
        NOW,
        (stay("09:00", "09:30", Ending.OBSERVED),),
    ),
    StayCase(
        "polls_exactly_exact_gap_apart_are_close",
        (PRESENT, event("Unoccupied", "09:30", "09:32", "09:27")),
        NOW,
        (stay("09:00", "09:30", Ending.OBSERVED),),
    ),
    StayCase(
        "polls_a_minute_wider_than_exact_gap_bound_the_departure",
        (PRESENT, event("Unoccupied", "09:30", "09:32", "09:26")),
        NOW,
        (stay("09:00", ("09:23", "09:30"), Ending.BOUNDED),),
    ),
    StayCase(
        "a_departure_is_never_bounded_before_its_arrival",
        (PRESENT, event("Unoccupied", "09:10", "09:12", "09:02")),
        NOW,
        (stay("09:00", ("09:00", "09:10"), Ending.BOUNDED),),
    ),
    StayCase(
        "example_present_since_0900_and_at_1002_present_since_1001",
        (PRESENT, event("Present", "10:01", "10:02", "10:00")),
        NOW,
        (
            stay("09:00", ("09:57", "10:01"), Ending.BOUNDED),
            stay("10:01", ("19:57", None), Ending.OPEN),
        ),
    ),
    StayCase(
        "example_the_sensor_last_heard_at_1000_is_back_at_1502",
        (PRESENT, event("Unoccupied", "14:59", "15:02", "10:00")),
        NOW,
        (stay("09:00", ("09:57", "14:59"), Ending.BOUNDED),),
    ),
    StayCase(
        "unoccupied_then_unoccupied_hides_a_whole_stay",
        (VACANT, event("Unoccupied", "09:30", "09:32", "09:20")),
        NOW,
        (stay(("09:17", "09:30"), "09:30", Ending.OBSERVED),),
    ),
    StayCase(
        "a_stay_unseen_between_close_polls_is_bounded_too",
        (VACANT, event("Unoccupied", "09:30", "09:32", "09:30")),
        NOW,
        (stay(("09:27", "09:30"), "09:30", Ending.OBSERVED),),
    ),
    StayCase(
        "a_vehicle_not_seen_to_leave_is_still_there",
        (PRESENT,),
        NOW,
        (stay("09:00", ("19:57", None), Ending.OPEN),),
    ),
    StayCase(
        "a_silent_or_retired_sensor_loses_its_vehicle",
        (PRESENT,),
        Present(last_heard_at=at("10:00"), is_online=False),
        (stay("09:00", ("09:57", None), Ending.LOST),),
    ),
    StayCase(
        "a_lost_stay_never_ends_before_it_began",
        (PRESENT,),
        Present(last_heard_at=at("09:01"), is_online=False),
        (stay("09:00", ("09:00", None), Ending.LOST),),
    ),
    StayCase(
        "a_sensor_that_revives_with_the_same_change_has_its_stay_open_again",
        (PRESENT,),
        Present(last_heard_at=at("15:02"), is_online=True),
        (stay("09:00", ("14:59", None), Ending.OPEN),),
    ),
    StayCase(
        "a_change_exactly_as_old_as_the_feed_is_late_is_in_time",
        (PRESENT, event("Unoccupied", "09:27", "09:32", "09:30")),
        NOW,
        (stay("09:00", "09:27", Ending.OBSERVED),),
    ),
    StayCase(
        "a_change_that_the_poll_before_should_have_shown_is_late_and_bounds_the_departure",
        (PRESENT, event("Unoccupied", "09:26", "09:32", "09:30")),
        NOW,
        (stay("09:00", ("09:00", "09:26"), Ending.BOUNDED, is_late_report=True),),
    ),
    StayCase(
        "an_arrival_reported_late_marks_its_stay",
        (VACANT, event("Present", "09:00", "09:32", "09:30"), event("Unoccupied", "09:40", "09:42", "09:40")),
        NOW,
        (stay("09:00", "09:40", Ending.OBSERVED, is_late_report=True),),
    ),
    StayCase(
        "an_unseen_stay_reported_late_may_have_begun_at_the_change_before",
        (VACANT, event("Unoccupied", "09:00", "09:32", "09:30")),
        NOW,
        (stay(("08:00", "09:00"), "09:00", Ending.OBSERVED, is_late_report=True),),
    ),
    StayCase(
        "a_day_is_not_suspect",
        (PRESENT, event("Unoccupied", "09:00", "09:02", "09:00", day=6)),
        NOW,
        (stay("09:00", "09:00", Ending.OBSERVED, departs_on=6),),
    ),
    StayCase(
        "a_minute_more_than_a_day_is_suspect",
        (PRESENT, event("Unoccupied", "09:01", "09:02", "09:00", day=6)),
        NOW,
        (stay("09:00", "09:01", Ending.OBSERVED, is_suspect=True, departs_on=6),),
    ),
    StayCase(
        "only_the_shortest_duration_makes_a_stay_suspect",
        (PRESENT, event("Unoccupied", "18:00", "18:02", "09:03", day=6)),
        NOW,
        (stay("09:00", ("09:00", "18:00"), Ending.BOUNDED, departs_on=6),),
    ),
    StayCase(
        "a_vehicle_there_for_more_than_a_day_is_suspect",
        (PRESENT,),
        Present(last_heard_at=at("09:04", 6)),
        (stay("09:00", ("09:01", None), Ending.OPEN, is_suspect=True, departs_on=6),),
    ),
)
