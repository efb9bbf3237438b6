"""Verdicts: the cases of the semantics, and a model that goes through the minutes one by one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.kerb import (
    ALWAYS,
    BESIDE_LOADING,
    CUP_DAY,
    ON_INTO_THE_EVENING,
    TUESDAY,
    TWO_HOURS,
    WEDNESDAY,
    ZONE,
    left_within,
    local,
    parked,
    standing,
)
from cases.verdict_cases import VERDICT_CASES, Expected, VerdictCase
from melpark.parking.intervals import Interval
from melpark.parking.overstays import GRACE, Overstay, Verdict, judge
from melpark.parking.rules import Coverage, Kind, Window
from melpark.parking.stays import Beginning, Ending, Event, Present, Stay, stays
from unit.parking.plate_texts import of_day

MONDAY = "2025-08-04"


def verdict(case: VerdictCase) -> Overstay:
    (stay,) = stays(case.events, case.present)
    return judge(stay, case.zone_number, case.windows, case.coverage)


@pytest.mark.parametrize("case", VERDICT_CASES, ids=str)
def test_the_verdict_is_the_one_of_the_case(case: VerdictCase) -> None:
    found = verdict(case)
    assert case.expected == Expected(
        found.verdict,
        found.overstay_min_minutes,
        found.overstay_max_minutes,
        found.first_breach_at,
        found.within_disability_extension,
        found.permitted_until_at,
    )
    assert found.is_overstay == ((found.overstay_min_minutes or 0) >= 5)


@pytest.mark.parametrize(
    ("day", "expected"), [(CUP_DAY, Verdict.UNRESTRICTED), ("2025-11-11", Verdict.OVERSTAY)]
)
def test_the_example_of_cup_day_from_the_plate_on_and_the_tuesday_after_it(
    day: str, expected: Verdict
) -> None:
    (stay,) = stays(*parked(local("06:50", day), local("10:00", day)))
    assert judge(stay, ZONE, of_day(day, "2P Mon-Fri 07:30-18:30"), ALWAYS).verdict is expected


def test_every_verdict_has_a_case() -> None:
    assert {case.expected.verdict for case in VERDICT_CASES} == set(Verdict)


def test_the_evidence_names_the_rule_and_the_time_over_it() -> None:
    (stay,) = stays(*parked(local("06:50"), local("10:00")))
    (breach,) = judge(stay, ZONE, TWO_HOURS, ALWAYS).evidence
    assert (breach.rule.codes, breach.rule.limit) == (("2P",), timedelta(hours=2))
    assert breach.counted_from_at == local("07:30")
    assert (breach.over_from_at, breach.over_until_at) == (local("09:30"), local("10:00"))
    assert breach.is_certain


def test_the_evidence_of_an_ambiguous_rule_is_the_rule_that_was_broken() -> None:
    (stay,) = stays(*parked(local("09:00"), local("10:15")))
    (breach,) = judge(stay, ZONE, BESIDE_LOADING, ALWAYS).evidence
    assert breach.rule.codes == ("LZ30",)
    assert breach.over_from_at == local("09:30")


def test_the_evidence_of_an_uncertain_time_is_the_longest_stay() -> None:
    (stay,) = stays(*left_within(local("09:00"), local("09:57"), local("14:59")))
    (breach,) = judge(stay, ZONE, TWO_HOURS, ALWAYS).evidence
    assert not breach.is_certain
    assert (breach.over_from_at, breach.over_until_at) == (local("11:00"), local("14:59"))


def test_windows_of_another_zone_do_not_matter() -> None:
    (stay,) = stays(*parked(local("06:50"), local("10:00")))
    other = [replace(window, zone_number=ZONE + 1, limit_minutes=0) for window in TWO_HOURS]
    assert judge(stay, ZONE, [*TWO_HOURS, *other], ALWAYS) == judge(stay, ZONE, TWO_HOURS, ALWAYS)


def test_the_evening_window_alone_knows_since_when_its_clock_runs() -> None:
    """As a join by time gives the rows: only those that meet the stay."""
    (stay,) = stays(*parked(local("19:30"), local("22:00")))
    late = judge(stay, ZONE, ON_INTO_THE_EVENING[1:], ALWAYS)
    assert late.overstay_min_minutes == 30
    (breach,) = late.evidence
    assert breach.counted_from_at == local("19:30")


def test_time_before_the_first_window_given_counts_from_where_its_clock_began() -> None:
    (stay,) = stays(*parked(local("18:00"), local("21:30")))
    alone = judge(stay, ZONE, ON_INTO_THE_EVENING[1:], ALWAYS)
    assert alone.overstay_min_minutes == 90
    assert alone.first_breach_at == local("20:00")


def covered(*clocks: tuple[str, str, str]) -> tuple[Coverage, ...]:
    return tuple(Coverage(ZONE, local(start, day), local(end, day)) for day, start, end in clocks)


def test_how_long_a_vehicle_may_stand_is_looked_up_in_the_coverage_that_it_stands_in() -> None:
    (stay,) = stays(*standing(local("09:00"), local("10:03")))
    apart = covered((MONDAY, "00:00", "12:00"), (TUESDAY, "00:00", "12:00"), (WEDNESDAY, "00:00", "12:00"))
    assert judge(stay, ZONE, TWO_HOURS, apart).permitted_until_at == local("11:00")


def test_how_long_a_vehicle_may_stand_is_not_known_across_a_hole_in_the_coverage() -> None:
    (stay,) = stays(*standing(local("19:00"), local("19:30")))
    apart = covered((TUESDAY, "00:00", "23:00"), (WEDNESDAY, "00:00", "12:00"))
    assert judge(stay, ZONE, TWO_HOURS, apart).permitted_until_at is None
    assert judge(stay, ZONE, TWO_HOURS, ALWAYS).permitted_until_at == local("09:30", WEDNESDAY)


# The model: time in minutes from midnight, rules as (limit, kind, minutes in force).

MIDNIGHT = datetime(2025, 8, 5, tzinfo=UTC)
HORIZON = 400
Rule = tuple[int | None, Kind, frozenset[int]]


def instant(minute: int) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


def over_minutes(rule: Rule, arrival: int, departure: int) -> set[int]:
    limit, _, in_force = rule
    found, counted = set(), 0
    for minute in range(HORIZON):
        if minute not in in_force or not arrival <= minute < departure:
            counted = 0
            continue
        if limit is not None and counted >= limit:
            found.add(minute)
        counted += 1
    return found


def readings(rules: Sequence[Rule], arrival: int, departure: int) -> tuple[set[int], set[int]]:
    """Minutes over, lenient and strict."""
    broken = [over_minutes(rule, arrival, departure) for rule in rules]
    strict = set().union(*broken)
    lenient = {
        minute
        for minute in strict
        if all(minute in over for rule, over in zip(rules, broken, strict=True) if minute in rule[2])
    }
    return lenient, strict


@st.composite
def zones(draw: st.DrawFn) -> tuple[list[Rule], list[Window]]:
    """Rules of different limit or kind, each in pieces that may abut or overlap."""
    kinds = st.tuples(st.sampled_from([None, 0, 5, 30, 60]), st.sampled_from([Kind.TIMED, Kind.LOADING]))
    rules, windows = [], []
    for limit, kind in draw(st.lists(kinds, min_size=1, max_size=3, unique=True)):
        pieces = draw(
            st.lists(st.tuples(st.integers(0, HORIZON - 1), st.integers(1, 120)), min_size=1, max_size=3)
        )
        minutes = {m for start, size in pieces for m in range(start, min(start + size, HORIZON))}
        rules.append((limit, kind, frozenset(minutes)))
        for start, size in pieces:
            end = min(start + size, HORIZON)
            windows.append(Window(ZONE, instant(start), instant(end), limit, kind, False, f"{limit}", False))
    return rules, draw(st.permutations(windows))


@st.composite
def bounds(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Arrival and departure, each earliest and latest: all that can be, in any of its orders."""
    a, b, c, d = sorted(draw(st.lists(st.integers(0, HORIZON), min_size=4, max_size=4)))
    return draw(st.sampled_from([(a, b, c, d), (a, a, c, d), (a, a, d, d), (a, d, d, d)]))


def bounded(arrival_min: int, arrival_max: int, departure_min: int, departure_max: int) -> Stay:
    return Stay(
        revealed_at=instant(arrival_max),
        arrival_min_at=instant(arrival_min),
        arrival_max_at=instant(arrival_max),
        departure_min_at=instant(departure_min),
        departure_max_at=instant(departure_max),
        beginning=Beginning.OBSERVED if arrival_min == arrival_max else Beginning.BOUNDED,
        ending=Ending.OBSERVED if departure_min == departure_max else Ending.BOUNDED,
        is_late_report=False,
        is_suspect=False,
    )


KNOWN = [Coverage(ZONE, instant(0), instant(HORIZON))]


@given(zones(), bounds())
def test_minutes_are_those_of_the_minute_by_minute_model(
    zone: tuple[list[Rule], list[Window]], times: tuple[int, int, int, int]
) -> None:
    rules, windows = zone
    arrival_min, arrival_max, departure_min, departure_max = times
    found = judge(bounded(*times), ZONE, windows, KNOWN)
    certain, _ = readings(rules, arrival_max, departure_min)
    lenient, possible = readings(rules, arrival_min, departure_max)

    assert found.overstay_min_minutes == len(certain)
    assert found.overstay_max_minutes == len(possible)
    assert found.first_breach_at == (instant(min(certain)) if certain else None)
    assert len(certain) <= len(lenient) <= len(possible)
    doubled = [(limit and 2 * limit, kind, minutes) for limit, kind, minutes in rules]
    assert found.within_disability_extension == (
        bool(certain) and not readings(doubled, arrival_max, departure_min)[0]
    )
    stands_in = any(minute in rule[2] for rule in rules for minute in range(arrival_min, departure_max))
    if len(certain) >= 5:
        assert found.verdict is Verdict.OVERSTAY
    elif arrival_min < departure_max and not stands_in:
        assert found.verdict is Verdict.UNRESTRICTED
    elif len(possible) < 5:
        assert found.verdict in (Verdict.WITHIN, Verdict.UNRESTRICTED)
    elif len(lenient) != len(possible):
        assert found.verdict is Verdict.AMBIGUOUS_RULE
    else:
        assert found.verdict is Verdict.UNCERTAIN_TIME


@given(zones(), st.integers(0, HORIZON - 1))
def test_an_open_stay_is_permitted_until_the_models_first_minute_over(
    zone: tuple[list[Rule], list[Window]], arrival: int
) -> None:
    rules, windows = zone
    (stay,) = stays([Event("Present", instant(arrival), instant(arrival), None)], Present(instant(arrival)))
    found = judge(stay, ZONE, windows, KNOWN)
    lenient, _ = readings(rules, arrival, HORIZON)

    assert found.permitted_until_at == (instant(min(lenient)) if lenient else None)
    assert found.verdict is Verdict.OPEN


@given(zones(), bounds())
def test_the_evidence_covers_exactly_the_strict_minutes_of_an_exact_stay(
    zone: tuple[list[Rule], list[Window]], times: tuple[int, int, int, int]
) -> None:
    rules, windows = zone
    arrival, departure = times[0], times[3]
    found = judge(bounded(arrival, arrival, departure, departure), ZONE, windows, KNOWN)
    _, strict = readings(rules, arrival, departure)
    shown = {
        minute
        for breach in found.evidence
        for minute in range(HORIZON)
        if breach.over_from_at <= instant(minute) < breach.over_until_at
    }
    assert shown == strict
    assert all(breach.is_certain for breach in found.evidence)
    assert found.is_overstay == (timedelta(minutes=found.overstay_min_minutes or 0) >= GRACE)


@given(zones(), bounds(), st.integers(0, HORIZON))
def test_a_window_cut_in_two_with_its_clock_says_the_same(
    zone: tuple[list[Rule], list[Window]], times: tuple[int, int, int, int], cut: int
) -> None:
    _, windows = zone
    at = instant(cut)
    pieces = []
    for window in windows:
        if window.start_at < at < window.end_at:
            pieces.append(_piece(window, Interval(window.start_at, at)))
            pieces.append(_piece(window, Interval(at, window.end_at)))
        else:
            pieces.append(window)
    whole, parts = (judge(bounded(*times), ZONE, rows, KNOWN) for rows in (windows, pieces))
    assert whole == parts


def _piece(window: Window, during: Interval) -> Window:
    return Window(
        window.zone_number,
        during.start_at,
        during.end_at,
        window.limit_minutes,
        window.kind,
        window.is_metered,
        window.code,
        window.is_ambiguous,
        window.start_at,
    )
