"""Laws of the sign plates' codes and days."""

from collections.abc import Iterable

import pytest

from melpark.parking.plates import ALL_WEEK, Plate, Rule, problem, read, read_code, read_days
from melpark.parking.rules import Kind

MON, TUE, WED, THU, FRI, SAT, SUN = range(7)


@pytest.mark.parametrize(
    ("code", "kind", "limit_minutes", "is_metered"),
    [
        ("MP2P", Kind.TIMED, 120, True),
        ("2P", Kind.TIMED, 120, False),
        ("LZ30", Kind.LOADING, 30, False),
        ("MP3P", Kind.TIMED, 180, True),
        ("4P", Kind.TIMED, 240, False),
        ("1P", Kind.TIMED, 60, False),
        ("PP", Kind.PAID, None, True),
        ("MP4P", Kind.TIMED, 240, True),
        ("3P", Kind.TIMED, 180, False),
        ("MP1P", Kind.TIMED, 60, True),
        ("SP", Kind.TIMED, 5, False),
        ("QP", Kind.TIMED, 15, False),
        ("FP2P", Kind.FREE, 120, False),
        ("HP", Kind.TIMED, 30, False),
        ("FP15", Kind.FREE, 15, False),
        ("FP1P", Kind.FREE, 60, False),
        ("DP2P", Kind.DISABILITY, 120, False),
        ("5P", Kind.TIMED, 300, False),
        ("LZ15", Kind.LOADING, 15, False),
    ],
)
def test_each_of_the_nineteen_codes_says_kind_limit_and_metered(
    code: str, kind: Kind, limit_minutes: int | None, is_metered: bool
) -> None:
    assert read_code(code) == Rule(kind, limit_minutes, is_metered)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("10P", Rule(Kind.TIMED, 600)),
        ("MP5P", Rule(Kind.TIMED, 300, is_metered=True)),
        ("FP3P", Rule(Kind.FREE, 180)),
        ("FP30", Rule(Kind.FREE, 30)),
        ("LZ60", Rule(Kind.LOADING, 60)),
        ("DP4P", Rule(Kind.DISABILITY, 240)),
        (" mp2p ", Rule(Kind.TIMED, 120, is_metered=True)),
    ],
)
def test_other_codes_of_the_same_grammar_are_read(code: str, rule: Rule) -> None:
    assert read_code(code) == rule


@pytest.mark.parametrize(
    "code", ["", "P", "0P", "LZ", "LZ0", "MP15", "DP15", "XP2P", "2PP", "MP2P2", "CLEARWAY"]
)
def test_an_unknown_code_has_an_unknown_limit_and_is_said(code: str) -> None:
    assert read_code(code) == Rule(Kind.UNKNOWN, None)
    assert problem(Plate("Mon-Fri", 0, 60, code)) == f"code {code!r} is not known"


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("Mon-Fri", {MON, TUE, WED, THU, FRI}),
        ("Sat-Sun", {SAT, SUN}),
        ("Sat", {SAT}),
        ("Mon-Sat", {MON, TUE, WED, THU, FRI, SAT}),
        ("Mon-Sun", {MON, TUE, WED, THU, FRI, SAT, SUN}),
        ("Sun", {SUN}),
        ("Fri", {FRI}),
        ("Mon-Thu", {MON, TUE, WED, THU}),
    ],
)
def test_each_of_the_eight_day_texts_says_its_weekdays(days: str, weekdays: Iterable[int]) -> None:
    assert read_days(days) == frozenset(weekdays)


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("Tue-Thu", {TUE, WED, THU}),
        ("Fri-Mon", {FRI, SAT, SUN, MON}),
        ("Tue-Mon", ALL_WEEK),
        ("Wed-Wed", {WED}),
        (" sat - SUN ", {SAT, SUN}),
    ],
)
def test_any_two_days_are_a_range_that_may_pass_sunday(days: str, weekdays: Iterable[int]) -> None:
    assert read_days(days) == frozenset(weekdays)


@pytest.mark.parametrize("days", ["", "-", "Mon-", "-Fri", "Mon-Fri-Sun", "Weekdays", "Mon,Tue", "M-F"])
def test_unknown_days_may_be_any_and_their_limit_is_unknown_and_said(days: str) -> None:
    plate = Plate(days, 60, 120, "2P")
    assert read_days(days) is None
    assert (read(plate).weekdays, read(plate).start_minute, read(plate).finish_minute) == (ALL_WEEK, 60, 120)
    assert read(plate).rule == Rule(Kind.UNKNOWN, None)
    assert problem(plate) == f"days {days!r} are not known"


@pytest.mark.parametrize("finish_minute", [300, 299, 0])
def test_a_plate_that_does_not_end_after_its_start_has_an_unknown_limit_all_day(finish_minute: int) -> None:
    plate = Plate("Sat", 300, finish_minute, "2P")
    assert (read(plate).weekdays, read(plate).start_minute, read(plate).finish_minute) == (
        frozenset({SAT}),
        0,
        1440,
    )
    assert read(plate).rule == Rule(Kind.UNKNOWN, None)
    assert problem(plate) == "plate 2P does not end after its start"


def test_a_plate_that_is_read_has_no_problem() -> None:
    assert problem(Plate("Mon-Fri", 450, 1110, "MP2P")) is None
