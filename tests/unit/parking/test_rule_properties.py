"""Laws of the rule calendar on made-up plates: on common days, on days of 23 and 25 hours, and on holidays."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Clock, Version, windows
from melpark.parking.rules import Window
from unit.parking.plate_texts import ZONE, local
from unit.parking.rule_oracle import DAYS, LIMITS, minutes

MINUTE = timedelta(minutes=1)
# Three local days each, around: nothing, both jumps of the clock, Easter, Melbourne Cup Day, Christmas.
STARTS = ("2025-08-06", "2025-10-04", "2025-04-05", "2025-04-18", "2025-11-03", "2025-12-24")


@st.composite
def plates(draw: st.DrawFn) -> Plate:
    start = draw(st.integers(0, 47))
    finish = draw(st.integers(start + 1, 48))
    return Plate(
        draw(st.sampled_from(sorted(DAYS))), start * 30, finish * 30, draw(st.sampled_from(sorted(LIMITS)))
    )


plate_sets = st.frozensets(plates(), max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> list[Version]:
    """Three local days of a zone whose plates change once, at any minute."""
    start = local(draw(st.sampled_from(STARTS)))
    end = start + timedelta(days=3)
    change = start + draw(st.integers(1, 3 * 1440 - 1)) * MINUTE
    return [
        Version(ZONE, start, change, draw(plate_sets)),
        Version(ZONE, change, end, draw(plate_sets)),
    ]


def ending_at(found: Sequence[Window], at: datetime) -> dict[Clock, datetime]:
    return {(w.limit_minutes, w.kind): w.clock_from_at for w in found if w.end_at == at}


@settings(max_examples=60, deadline=None)
@given(histories())
def test_windows_say_what_a_clock_on_the_wall_says_minute_by_minute(history: list[Version]) -> None:
    by_minute = defaultdict(list)
    for window in windows(history):
        for step in range((window.end_at - window.start_at) // MINUTE):
            by_minute[window.start_at + step * MINUTE].append(window)
    for minute in minutes(history):
        found = by_minute.pop(minute.at, [])
        assert sorted(window.code for window in found) == sorted(minute.codes)
        assert all(window.is_ambiguous == minute.is_ambiguous for window in found)
        since = {(window.kind.value, window.limit_minutes): window.clock_from_at for window in found}
        assert since == minute.since
    assert not by_minute


@given(histories())
def test_windows_of_a_zone_cover_the_same_time_or_do_not_touch_and_a_code_is_there_once(
    history: list[Version],
) -> None:
    found = list(windows(history))
    times = sorted({(window.start_at, window.end_at) for window in found})
    assert all(start < end for start, end in times)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(times))
    keys = [(window.start_at, window.code) for window in found]
    assert len(keys) == len(set(keys))


@given(histories())
def test_a_window_lies_in_one_local_day_and_its_clock_never_starts_after_it(history: list[Version]) -> None:
    for window in windows(history):
        assert window.end_at - window.start_at <= timedelta(hours=25)
        assert history[0].start_at <= window.clock_from_at <= window.start_at


@given(histories(), st.integers(0, 2))
def test_a_calendar_grown_in_parts_is_the_calendar_made_at_once(history: list[Version], days: int) -> None:
    """The loader writes ahead by weeks, from one local midnight on, with the clocks that run there."""
    cut = (history[0].start_at + timedelta(days=days, hours=12)).replace(hour=0, minute=0)
    cut = max(history[0].start_at, cut)
    first = [Version(ZONE, v.start_at, min(v.end_at, cut), v.plates) for v in history if v.start_at < cut]
    second = [Version(ZONE, max(v.start_at, cut), v.end_at, v.plates) for v in history if v.end_at > cut]
    early = list(windows(first))
    late = list(windows(second, {ZONE: ending_at(early, cut)}))
    assert _joined([*early, *late]) == _joined(list(windows(history)))


def _joined(found: Sequence[Window]) -> set[tuple[datetime, str, datetime, bool]]:
    """Every minute of every window, so that a cut alone is no difference."""
    return {
        (window.start_at + step * MINUTE, window.code, window.clock_from_at, window.is_ambiguous)
        for window in found
        for step in range((window.end_at - window.start_at) // MINUTE)
    }
