"""The older sign texts: what they say of limit, days and hours."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.kerb import local
from melpark.parking.rules import Kind
from melpark.parking.sign_texts import read_sign, sign_windows

MONDAY_TO_FRIDAY, ALL = {0, 1, 2, 3, 4}, set(range(7))


@pytest.mark.parametrize(
    ("text", "kind", "limit", "is_metered", "days", "hours"),
    [
        ("2P MTR M-SAT 7:30-20:30", Kind.TIMED, 120, True, ALL - {6}, ("7:30", "20:30")),
        ("2P MTR M-SAT 7.30 -16.30", Kind.TIMED, 120, True, ALL - {6}, ("7:30", "16:30")),
        ("2P TKTA M-SAT 6.30PM - 8.30PM", Kind.TIMED, 120, True, ALL - {6}, ("18:30", "20:30")),
        ("1P MTR 6.00-6.30PM MON-SAT", Kind.TIMED, 60, True, ALL - {6}, ("6:00", "18:30")),
        ("1P MTR < > 6.00AM - 4.00PM", Kind.TIMED, 60, True, ALL, ("6:00", "16:00")),
        ("1/2P A RPE M-F 7:30-18:30", Kind.TIMED, 30, False, MONDAY_TO_FRIDAY, ("7:30", "18:30")),
        ("1/4 P MON-SUN 0.00-23.59 AOT", Kind.TIMED, 15, False, ALL, ("0:00", "24:00")),
        ("1/2P", Kind.TIMED, 30, False, ALL, ("0:00", "24:00")),
        ("2P S-S 7:30-18:30", Kind.TIMED, 120, False, {5, 6}, ("7:30", "18:30")),
        ("4P SAT-SUN 7.30am to 6.30pm", Kind.TIMED, 240, False, {5, 6}, ("7:30", "18:30")),
        ("2P SUN 7:30-18:30", Kind.TIMED, 120, False, {6}, ("7:30", "18:30")),
        ("P 10 MIN", Kind.TIMED, 10, False, ALL, ("0:00", "24:00")),
        ("P10 M-SUN 0:00-23:59 B", Kind.TIMED, 10, False, ALL, ("0:00", "24:00")),
        ("P/10mins (621) AOT M-SUN 12.00AM-11.59PM", Kind.TIMED, 10, False, ALL, ("0:00", "24:00")),
        ("P/5 M-SUN 0:00-23:59 - No Park", Kind.TIMED, 5, False, ALL, ("0:00", "24:00")),
        ("LZ 30M 722 M-Su 7:30-18:30", Kind.LOADING, 30, False, ALL, ("7:30", "18:30")),
        ("LZ 30MIN", Kind.LOADING, 30, False, ALL, ("0:00", "24:00")),
        ("L/Zone 30MINS 7.30 - 6.30PM", Kind.LOADING, 30, False, ALL, ("7:30", "18:30")),
        ("Loading Zone 60mins", Kind.LOADING, 60, False, ALL, ("0:00", "24:00")),
        ("2P DIS AOT 0:00-7:00", Kind.DISABILITY, 120, False, ALL, ("0:00", "7:00")),
        ("P DIS 30MINS M-SUN 00:00-11:59", Kind.DISABILITY, 30, False, ALL, ("0:00", "11:59")),
        ("No Stopping", Kind.NO_STOPPING, 0, False, ALL, ("0:00", "24:00")),
        ("1/8P M-F 7:30-18:30", Kind.UNKNOWN, None, False, MONDAY_TO_FRIDAY, ("7:30", "18:30")),
        ("Disabled only", Kind.UNKNOWN, None, False, ALL, ("0:00", "24:00")),
        ("P/   (621 OFFENCE) M-F 7.30-8.30", Kind.UNKNOWN, None, False, MONDAY_TO_FRIDAY, ("7:30", "8:30")),
        ("2P M-F 18:30-7:30", Kind.UNKNOWN, None, False, MONDAY_TO_FRIDAY, ("0:00", "24:00")),
    ],
)
def test_a_sign_says_its_limit_days_and_hours(
    text: str, kind: Kind, limit: int | None, is_metered: bool, days: set[int], hours: tuple[str, str]
) -> None:
    found = read_sign(text)
    assert (found.rule.kind, found.rule.limit_minutes, found.rule.is_metered) == (kind, limit, is_metered)
    assert found.weekdays == days
    shown = [f"{minute // 60}:{minute % 60:02}" for minute in (found.start_minute, found.finish_minute)]
    assert tuple(shown) == hours


@given(st.text(max_size=40))
def test_any_text_is_read_and_never_made_unlimited(text: str) -> None:
    rule = read_sign(text).rule
    assert (rule.limit_minutes is None) == (rule.kind is Kind.UNKNOWN)


def week(text: str, monday: date) -> list[tuple[str, str]]:
    days = (monday + timedelta(days=step) for step in range(7))
    return [(str(window.start_at), str(window.end_at)) for window in sign_windows(text, 1, days)]


def test_a_sign_of_some_days_does_not_hold_on_cup_day_and_one_of_all_days_does() -> None:
    cup_week = date(2025, 11, 3)
    assert len(week("2P MTR M-F 7:30-18:30", cup_week)) == 4
    assert len(week("2P DIS M-SUN 7:30-18:30", cup_week)) == 7


def test_a_sign_of_all_day_lasts_23_hours_when_clocks_go_forward() -> None:
    windows = list(sign_windows("P5 M-SUN 0:00-23:59", 1, iter([date(2025, 10, 5)])))
    assert windows[0].start_at == local("00:00", "2025-10-05")
    assert windows[-1].end_at == local("00:00", "2025-10-06")
    assert sum((one.end_at - one.start_at for one in windows), timedelta(0)) == timedelta(hours=23)
