"""A bay holds one vehicle at a time; of stays that overlap as many as possible are kept."""

from itertools import combinations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from melpark.processing.history.overlaps import Span, refused
from unit.processing.history.made_up_files import EXAMPLE, load, reasons, rows, stay, write

HELD = [Span(20, 30, 0, is_held=True), Span(40, 44, 0, is_held=True)]


def overlap(one: Span, other: Span) -> bool:
    return one.arrival_us < other.departure_us and other.arrival_us < one.departure_us


@st.composite
def spans(draw: st.DrawFn, most: int = 8) -> list[Span]:
    times = draw(
        st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30), st.integers(0, 1)), max_size=most)
    )
    return [
        Span(begin, begin + length, line, same) for line, (begin, length, same) in enumerate(times, start=2)
    ]


@settings(max_examples=200, deadline=None)
@given(spans(), st.booleans())
def test_what_is_kept_never_overlaps_and_is_as_much_as_can_be(found: list[Span], is_held: bool) -> None:
    held = HELD if is_held else []
    gone = dict(refused([*held, *found]))
    kept = [span for span in found if span.line_number not in gone]

    assert not any(overlap(one, other) for one, other in combinations([*held, *kept], 2))
    assert len(kept) == max(
        size
        for size in range(len(found) + 1)
        if any(
            not any(overlap(one, other) for one, other in combinations([*held, *some], 2))
            for some in combinations(found, size)
        )
    )


def test_a_sensor_stuck_for_weeks_loses_against_the_stays_within() -> None:
    stuck, first, second = Span(0, 1000, 2), Span(10, 20, 3), Span(30, 40, 4)

    assert dict(refused([stuck, first, second])) == {2: "overlap"}


def test_one_vehicle_may_come_as_another_leaves() -> None:
    assert not list(refused([Span(0, 10, 2), Span(10, 20, 3)]))


def test_of_lines_that_are_the_same_the_first_is_kept() -> None:
    found = [Span(0, 10, 4, 7), Span(0, 10, 2, 7), Span(0, 10, 3, 8)]

    assert dict(refused(found)) == {4: "exact_duplicate", 3: "overlap"}


def test_duplicates_and_overlaps_of_a_marker_are_quarantined_as_they_were_read(tmp_path: Path) -> None:
    same = {"StreetMarker": "C1"}
    later = stay("C1", "02/07/2017 06:10:00 AM", "02/07/2017 06:30:00 AM", DurationSeconds="1200.0")
    elsewhere = later | {"StreetMarker": "C2"}
    load(tmp_path, write(tmp_path / "events.csv", same, same, later, elsewhere))

    found = rows(
        tmp_path,
        "SELECT line_number, reason, payload->>'ArrivalTime', payload->>'DurationSeconds', payload->>'DeviceId' "
        "FROM silver.historical_quarantine ORDER BY 1",
    )
    assert found == [
        (3, "exact_duplicate", EXAMPLE["ArrivalTime"], "891", "18053"),
        (4, "overlap", "02/07/2017 06:10:00 AM", "1200.0", "18053"),
    ]
    assert rows(tmp_path, "SELECT line_number FROM silver.historical_stays ORDER BY 1") == [(2,), (5,)]


def test_a_stay_that_another_file_brought_is_not_loaded_again(tmp_path: Path) -> None:
    other = stay("C1024", "02/07/2017 06:10:00 AM", "02/07/2017 06:30:00 AM")
    later = stay("C1024", "02/07/2017 07:10:00 AM", "02/07/2017 07:30:00 AM")
    load(tmp_path, write(tmp_path / "part.csv", {}), write(tmp_path / "whole.csv", {}, other, later))

    assert reasons(tmp_path) == {"already_loaded": 1, "overlap": 1}
    found = rows(tmp_path, "SELECT file_name, line_number FROM silver.historical_stays ORDER BY ALL")
    assert found == [("part.csv", 2), ("whole.csv", 4)]
