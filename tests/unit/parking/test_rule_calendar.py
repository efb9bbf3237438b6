"""The rule calendar: each sentence of the semantics' section "Rules" that it makes true."""

from datetime import date, timedelta

import pytest

from melpark.parking.local_time import is_public_holiday
from melpark.parking.rule_calendar import windows
from melpark.parking.rules import Absent, Coverage, Kind, Window, rule_at
from unit.parking.plate_texts import ZONE, hours, local, of_day, shown, version

SPRING, AUTUMN, CUP_DAY = "2025-10-05", "2025-04-06", "2025-11-04"


def test_a_plate_is_read_on_the_local_wall_clock_in_winter_and_in_summer() -> None:
    (winter,) = of_day("2025-08-05", "2P Mon-Fri 07:30-18:30")
    (summer,) = of_day("2025-12-02", "2P Mon-Fri 07:30-18:30")
    assert f"{winter.start_at:%d %H:%M}-{winter.end_at:%d %H:%M}" == "04 21:30-05 08:30"
    assert f"{summer.start_at:%d %H:%M}-{summer.end_at:%d %H:%M}" == "01 20:30-02 07:30"
    assert (winter.limit_minutes, winter.kind, winter.is_metered, winter.is_ambiguous) == (
        120,
        Kind.TIMED,
        False,
        False,
    )


def test_a_window_that_ends_at_midnight_ends_where_the_next_local_day_begins() -> None:
    (found,) = of_day("2025-08-05", "2P Mon-Fri 19:30-24:00")
    assert found.end_at == local("2025-08-06 00:00")


@pytest.mark.parametrize(("day", "length"), [(SPRING, 23), (AUTUMN, 25), ("2025-10-06", 24)])
def test_the_local_day_has_the_hours_that_it_has(day: str, length: int) -> None:
    (found,) = of_day(day, "2P Mon-Sun 00:00-24:00")
    assert hours(found) == length


@pytest.mark.parametrize(("day", "length"), [(SPRING, 2), (AUTUMN, 4)])
def test_a_plate_over_the_jump_of_the_clock_is_one_window_an_hour_shorter_or_longer(
    day: str, length: int
) -> None:
    (found,) = of_day(day, "2P Sun 01:00-04:00")
    assert hours(found) == length


def test_an_hour_that_the_clock_leaves_out_is_in_no_window() -> None:
    assert of_day(SPRING, "2P Sun 02:00-03:00") == []
    (found,) = of_day(SPRING, "2P Sun 02:30-04:00")
    assert (found.start_at, found.end_at) == (local(f"{SPRING} 03:00"), local(f"{SPRING} 04:00"))


def test_an_hour_that_the_clock_shows_twice_counts_twice() -> None:
    found = of_day(AUTUMN, "2P Sun 02:30-04:00")
    assert [(window.start_at, window.end_at) for window in found] == [
        (local(f"{AUTUMN} 02:30"), local(f"{AUTUMN} 02:00", fold=1)),
        (local(f"{AUTUMN} 02:30", fold=1), local(f"{AUTUMN} 04:00")),
    ]


def test_on_a_public_holiday_plates_of_all_seven_days_apply_and_others_do_not() -> None:
    plates = ("2P Mon-Fri 07:30-18:30", "LZ30 Mon-Sat 06:00-07:00", "1P Mon-Sun 19:00-20:00")
    assert [window.code for window in of_day(CUP_DAY, *plates)] == ["1P"]
    assert [window.code for window in of_day("2025-11-11", *plates)] == ["LZ30", "2P", "1P"]


def test_by_setting_a_public_holiday_is_a_day_as_any_other() -> None:
    (found,) = of_day(CUP_DAY, "2P Mon-Fri 07:30-18:30", holidays_suspend_plates=False)
    assert found.code == "2P"


def test_holidays_are_victorias() -> None:
    names = {
        "2025-11-04": True,  # Melbourne Cup Day
        "2025-09-26": True,  # the Friday before the AFL Grand Final
        "2025-06-09": True,  # the King's Birthday, in Victoria in June
        "2025-10-06": False,  # Labour Day of New South Wales
        "2025-11-05": False,
    }
    assert {day: is_public_holiday(date.fromisoformat(day)) for day in names} == names


def test_in_2p_followed_by_2p_the_clock_runs_on_at_nineteen() -> None:
    (found,) = of_day("2025-08-05", "2P Mon-Fri 07:00-19:00", "2P Mon-Fri 19:00-22:00")
    assert shown(found) == ("2P", "07:00", "22:00")
    assert found.clock_from_at == found.start_at


def test_metered_parts_are_kept_apart_under_one_clock() -> None:
    day, evening = of_day("2025-08-05", "MP2P Mon-Fri 07:00-19:00", "2P Mon-Fri 19:00-22:00")
    assert (day.is_metered, evening.is_metered) == (True, False)
    assert shown(evening) == ("2P", "19:00", "22:00")
    assert evening.clock_from_at == day.start_at


def test_overlapping_plates_of_the_same_limit_and_kind_have_one_clock() -> None:
    found = of_day("2025-08-05", "MP2P Mon-Fri 07:00-12:00", "2P Mon-Fri 10:00-14:00")
    assert [shown(window) for window in found] == [
        ("MP2P", "07:00", "10:00"),
        ("2P", "10:00", "12:00"),
        ("MP2P", "10:00", "12:00"),
        ("2P", "12:00", "14:00"),
    ]
    assert {window.clock_from_at for window in found} == {found[0].start_at}
    assert not any(window.is_ambiguous for window in found)


@pytest.mark.parametrize(
    "evening", ["4P Mon-Fri 19:00-22:00", "FP2P Mon-Fri 19:00-22:00", "2P Mon-Fri 19:01-22:00"]
)
def test_another_limit_another_kind_or_a_gap_starts_another_clock(evening: str) -> None:
    day, after = of_day("2025-08-05", "2P Mon-Fri 07:00-19:00", evening)
    assert after.clock_from_at == after.start_at > day.start_at


def test_a_plate_of_all_hours_is_unbroken_across_days_in_rows_of_one_day() -> None:
    found = list(windows([version("2025-08-04", "2025-08-11", "2P Mon-Sun 00:00-24:00")]))
    assert len(found) == 7
    assert {window.clock_from_at for window in found} == {local("2025-08-04 00:00")}


def test_a_clock_runs_on_over_midnight_between_days_that_both_have_the_plate() -> None:
    """As in zone 7240: SP Mon-Fri 19:30-23:59 and SP Mon-Fri 00:00-07:30."""
    plates = ("SP Mon-Fri 19:30-24:00", "SP Mon-Fri 00:00-07:30")
    found = list(windows([version("2025-08-04", "2025-08-06", *plates)]))
    assert [window.clock_from_at for window in found] == [
        local("2025-08-04 00:00"),
        local("2025-08-04 19:30"),
        local("2025-08-04 19:30"),
        local("2025-08-05 19:30"),
    ]


def test_a_rule_is_ambiguous_only_while_limits_differ_and_its_clock_runs_through() -> None:
    found = of_day("2025-08-05", "MP2P Mon-Fri 07:00-19:00", "LZ30 Mon-Fri 09:00-10:00")
    assert [(*shown(window), window.is_ambiguous) for window in found] == [
        ("MP2P", "07:00", "09:00", False),
        ("LZ30", "09:00", "10:00", True),
        ("MP2P", "09:00", "10:00", True),
        ("MP2P", "10:00", "19:00", False),
    ]
    assert {window.clock_from_at for window in found if window.code == "MP2P"} == {found[0].start_at}
    assert found[1].clock_from_at == found[1].start_at


@pytest.mark.parametrize(
    ("plates", "is_ambiguous"),
    [
        (("DP2P", "MP2P"), False),
        (("FP2P", "MP2P"), False),
        (("PP", "2P"), True),
        (("PP", "XYZ"), True),
        (("XYZ", "2P"), True),
    ],
)
def test_only_limits_make_a_rule_ambiguous_and_none_and_unknown_are_limits_of_their_own(
    plates: tuple[str, ...], is_ambiguous: bool
) -> None:
    found = of_day("2025-08-05", *(f"{code} Mon-Fri 07:00-19:00" for code in plates))
    assert [window.is_ambiguous for window in found] == [is_ambiguous, is_ambiguous]


def test_an_unknown_code_is_kept_as_a_window_of_unknown_limit() -> None:
    (found,) = of_day("2025-08-05", "XYZ Mon-Fri 07:00-19:00")
    assert (found.code, found.kind, found.limit_minutes) == ("XYZ", Kind.UNKNOWN, None)


def test_new_plates_begin_and_old_ones_end_where_their_versions_do_and_the_clock_runs_on() -> None:
    found = list(
        windows(
            [
                version("2025-08-05 00:00", "2025-08-05 10:15", "2P Mon-Fri 07:00-19:00"),
                version(
                    "2025-08-05 10:15",
                    "2025-08-06 00:00",
                    "MP2P Mon-Fri 07:00-18:00",
                    "4P Mon-Fri 18:00-20:00",
                ),
            ]
        )
    )
    assert [shown(window) for window in found] == [
        ("2P", "07:00", "10:15"),
        ("MP2P", "10:15", "18:00"),
        ("4P", "18:00", "20:00"),
    ]
    assert [shown(window)[1] for window in found if window.clock_from_at == window.start_at] == [
        "07:00",
        "18:00",
    ]


def test_a_clock_that_runs_at_the_start_of_the_range_runs_on() -> None:
    since = local("2025-08-01 00:00")
    day = version("2025-08-05", "2025-08-06", "2P Mon-Sun 00:00-07:00", "2P Mon-Sun 08:00-09:00")
    first, second = windows([day], {ZONE: {(120, Kind.TIMED): since, (60, Kind.TIMED): since}})
    assert (first.clock_from_at, second.clock_from_at) == (since, second.start_at)


def test_a_zone_has_the_windows_of_its_own_plates_only() -> None:
    found = windows(
        [
            version("2025-08-05", "2025-08-06", "2P Mon-Fri 07:00-19:00", zone=1),
            version("2025-08-05", "2025-08-06", "4P Mon-Fri 07:00-19:00", zone=2),
        ]
    )
    assert [(window.zone_number, window.code) for window in found] == [(1, "2P"), (2, "4P")]


KNOWN = version("2025-08-05", "2025-08-06", "2P Mon-Fri 07:00-19:00", "LZ30 Mon-Fri 09:00-10:00")


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("2025-08-05 09:30", None, Absent.NO_RULE),
        ("2025-08-05 09:30", 7999, Absent.NO_RULE),
        ("2025-08-04 23:59", ZONE, Absent.NO_RULE),
        ("2025-08-06 00:00", ZONE, Absent.NO_RULE),
        ("2025-08-05 00:00", ZONE, Absent.UNRESTRICTED),
        ("2025-08-05 06:59", ZONE, Absent.UNRESTRICTED),
        ("2025-08-05 07:00", ZONE, ["2P"]),
        ("2025-08-05 09:30", ZONE, ["2P", "LZ30"]),
        ("2025-08-05 18:59", ZONE, ["2P"]),
        ("2025-08-05 19:00", ZONE, Absent.UNRESTRICTED),
    ],
)
def test_no_zone_no_plates_or_no_calendar_is_no_rule_and_outside_all_windows_is_unrestricted(
    at: str, zone: int | None, expected: list[str] | Absent
) -> None:
    coverage = [KNOWN.coverage, Coverage(7000, KNOWN.start_at, KNOWN.end_at + timedelta(days=1))]
    found = rule_at(local(at), zone, list(windows([KNOWN])), coverage)
    assert (found if isinstance(found, Absent) else sorted(window.code for window in found)) == expected


def test_a_window_that_stands_alone_is_its_own_clock() -> None:
    start, end = local("2025-08-05 07:00"), local("2025-08-05 09:00")
    assert Window(ZONE, start, end, 120, Kind.TIMED, False, "2P", False).clock_from_at == start
