"""Lists of intervals, held to sets of minutes."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from melpark.parking.intervals import Interval, difference, intersection, length, union

START = datetime(2025, 8, 5, tzinfo=UTC)


def instant(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def minutes(intervals: list[Interval]) -> set[int]:
    return {m for m in range(60) if any(one.start_at <= instant(m) < one.end_at for one in intervals)}


BOUND = st.integers(0, 60).map(instant)
SPANS = st.lists(st.builds(Interval, BOUND, BOUND), max_size=6)


def is_tidy(intervals: list[Interval]) -> bool:
    edges = [edge for one in intervals for edge in (one.start_at, one.end_at)]
    return all(first < second for first, second in itertools.pairwise(edges))


@given(SPANS, SPANS)
def test_intervals_combine_as_sets_of_minutes_do(left: list[Interval], right: list[Interval]) -> None:
    assert minutes(union(left + right)) == minutes(left) | minutes(right)
    assert minutes(intersection(left, right)) == minutes(left) & minutes(right)
    assert minutes(difference(left, right)) == minutes(left) - minutes(right)
    assert length(left) == timedelta(minutes=len(minutes(left)))


@given(SPANS, SPANS)
def test_what_comes_out_is_ordered_apart_and_never_empty(left: list[Interval], right: list[Interval]) -> None:
    assert is_tidy(union(left))
    assert is_tidy(intersection(left, right))
    assert is_tidy(difference(left, right))
