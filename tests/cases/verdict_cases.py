"""Events of one bay and the rules of its zone in, the verdict out: the semantics' examples and nasty ones.

Python's verdicts and gold's SQL are both held to these. Windows are rows as `parking.rule_windows` has them; every case
has a zone of its own.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from cases.kerb import (
    ALL_NIGHT,
    ALWAYS,
    BESIDE_LOADING,
    CLEARWAY,
    CLOCKS_BACK,
    CUP_DAY,
    CUT_AT_AN_OVERLAP,
    ON_INTO_THE_EVENING,
    ONE_THEN_TWO_HOURS,
    PAID,
    PAID_BESIDE,
    TWO_HOURS,
    UNREADABLE,
    UNREADABLE_LATER,
    WEDNESDAY,
    ZONE,
    left_within,
    local,
    parked,
    standing,
    unseen,
)
from melpark.parking.overstays import Verdict
from melpark.parking.rules import Coverage, Window
from melpark.parking.stays import Event, Present


@dataclass(frozen=True)
class Expected:
    """Minutes of the minimum and the maximum, and what follows from them."""

    verdict: Verdict
    overstay_min_minutes: float | None
    overstay_max_minutes: float | None
    first_breach_at: datetime | None = None
    within_disability_extension: bool = False
    permitted_until_at: datetime | None = None


@dataclass(frozen=True)
class VerdictCase:
    name: str
    events: tuple[Event, ...]
    present: Present
    windows: tuple[Window, ...]
    expected: Expected
    zone_number: int | None = ZONE
    coverage: tuple[Coverage, ...] = ()

    def __str__(self) -> str:
        return self.name


def case(
    name: str,
    seen: tuple[tuple[Event, ...], Present],
    windows: tuple[Window, ...],
    expected: Expected,
    zone_number: int | None = ZONE,
    coverage: tuple[Coverage, ...] = ALWAYS,
) -> VerdictCase:
    return VerdictCase(name, seen[0], seen[1], windows, expected, zone_number, coverage)


V = Verdict
_CASES = (
    case(
        "example_0650_to_1000_under_2p_is_30_over_from_0930",
        parked(local("06:50"), local("10:00")),
        TWO_HOURS,
        Expected(V.OVERSTAY, 30, 30, local("09:30"), within_disability_extension=True),
    ),
    case(
        "example_1700_to_2000_under_2p_is_within",
        parked(local("17:00"), local("20:00")),
        TWO_HOURS,
        Expected(V.WITHIN, 0, 0),
    ),
    case(
        "example_the_same_on_cup_day_is_unrestricted",
        parked(local("06:50", CUP_DAY), local("10:00", CUP_DAY)),
        TWO_HOURS,
        Expected(V.UNRESTRICTED, 0, 0),
    ),
    case(
        "example_2p_beside_lz30_from_0900_to_1015_is_ambiguous",
        parked(local("09:00"), local("10:15")),
        BESIDE_LOADING,
        Expected(V.AMBIGUOUS_RULE, 0, 45),
    ),
    case(
        "over_under_every_rule_in_force_is_an_overstay",
        parked(local("09:00"), local("12:00")),
        BESIDE_LOADING,
        Expected(V.OVERSTAY, 60, 150, local("11:00"), within_disability_extension=True),
    ),
    case(
        "a_window_cut_by_an_overlap_keeps_its_clock",
        parked(local("08:00"), local("10:30")),
        CUT_AT_AN_OVERLAP,
        Expected(V.OVERSTAY, 30, 60, local("10:00"), within_disability_extension=True),
    ),
    case(
        "the_clock_runs_on_into_the_evening_window_of_the_same_limit",
        parked(local("18:00"), local("20:30")),
        ON_INTO_THE_EVENING,
        Expected(V.OVERSTAY, 30, 30, local("20:00"), within_disability_extension=True),
    ),
    case(
        "the_clock_starts_anew_in_a_window_of_another_limit",
        parked(local("11:30"), local("14:30")),
        ONE_THEN_TWO_HOURS,
        Expected(V.OVERSTAY, 30, 30, local("14:00"), within_disability_extension=True),
    ),
    case(
        "a_limit_of_0_counts_from_the_first_minute",
        parked(local("06:50"), local("07:45")),
        CLEARWAY,
        Expected(V.OVERSTAY, 45, 45, local("07:00")),
    ),
    case(
        "a_limit_of_0_counts_from_the_arrival",
        parked(local("09:00"), local("09:20")),
        CLEARWAY,
        Expected(V.OVERSTAY, 20, 20, local("09:00")),
    ),
    case(
        "four_minutes_over_are_within_the_grace",
        parked(local("09:00"), local("11:04")),
        TWO_HOURS,
        Expected(V.WITHIN, 4, 4, local("11:00"), within_disability_extension=True),
    ),
    case(
        "five_minutes_over_are_five_minutes_of_overstay",
        parked(local("09:00"), local("11:05")),
        TWO_HOURS,
        Expected(V.OVERSTAY, 5, 5, local("11:00"), within_disability_extension=True),
    ),
    case(
        "over_by_the_limit_again_is_within_the_disability_extension",
        parked(local("09:00"), local("13:00")),
        TWO_HOURS,
        Expected(V.OVERSTAY, 120, 120, local("11:00"), within_disability_extension=True),
    ),
    case(
        "a_minute_more_than_the_limit_again_is_not",
        parked(local("09:00"), local("13:01")),
        TWO_HOURS,
        Expected(V.OVERSTAY, 121, 121, local("11:00")),
    ),
    case(
        "every_window_of_a_long_stay_counts_from_its_own_start",
        parked(local("15:00"), local("10:00", WEDNESDAY)),
        TWO_HOURS,
        Expected(V.OVERSTAY, 120, 120, local("17:00"), within_disability_extension=True),
    ),
    case(
        "ninety_minutes_in_the_evening_are_not_taken_into_the_next_day",
        parked(local("17:00"), local("10:00", WEDNESDAY)),
        TWO_HOURS,
        Expected(V.OVERSTAY, 30, 30, local("09:30", WEDNESDAY), within_disability_extension=True),
    ),
    case(
        "the_night_between_windows_is_unrestricted",
        parked(local("18:30"), local("07:30", WEDNESDAY)),
        TWO_HOURS,
        Expected(V.UNRESTRICTED, 0, 0),
    ),
    case(
        "two_hours_are_two_hours_when_clocks_go_back",
        parked(local("01:30", CLOCKS_BACK), local("02:30", CLOCKS_BACK, fold=1)),
        ALL_NIGHT,
        Expected(V.WITHIN, 0, 0),
    ),
    case(
        "an_hour_of_the_wall_clock_is_two_hours_when_clocks_go_back",
        parked(local("01:30", CLOCKS_BACK), local("03:00", CLOCKS_BACK)),
        ALL_NIGHT,
        Expected(V.OVERSTAY, 30, 30, local("02:30", CLOCKS_BACK, fold=1), within_disability_extension=True),
    ),
    case(
        "a_vehicle_still_there_may_stand_until_its_limit",
        standing(local("09:00"), local("10:03")),
        TWO_HOURS,
        Expected(V.OPEN, 0, None, permitted_until_at=local("11:00")),
    ),
    case(
        "a_vehicle_that_comes_in_the_evening_may_stand_until_the_next_days_limit",
        standing(local("19:00"), local("19:30")),
        TWO_HOURS,
        Expected(V.OPEN, 0, None, permitted_until_at=local("09:30", WEDNESDAY)),
    ),
    case(
        "of_ambiguous_rules_the_lenient_one_says_how_long_a_vehicle_may_stand",
        standing(local("09:00"), local("10:03")),
        BESIDE_LOADING,
        Expected(V.OPEN, 0, None, permitted_until_at=local("11:00")),
    ),
    case(
        "a_vehicle_still_there_and_over_is_an_overstay_already",
        standing(local("09:00"), local("11:13")),
        TWO_HOURS,
        Expected(
            V.OVERSTAY,
            10,
            None,
            local("11:00"),
            within_disability_extension=True,
            permitted_until_at=local("11:00"),
        ),
    ),
    case(
        "a_vehicle_that_just_came_is_open",
        standing(local("09:00"), local("09:01")),
        TWO_HOURS,
        Expected(V.OPEN, 0, None, permitted_until_at=local("11:00")),
    ),
    case(
        "a_stay_lost_within_its_limit_is_lost",
        standing(local("09:00"), local("10:03"), is_online=False),
        TWO_HOURS,
        Expected(V.LOST, 0, None),
    ),
    case(
        "a_stay_lost_after_its_limit_is_an_overstay",
        standing(local("09:00"), local("11:33"), is_online=False),
        TWO_HOURS,
        Expected(V.OVERSTAY, 30, None, local("11:00"), within_disability_extension=True),
    ),
    case(
        "a_departure_before_or_after_the_limit_is_uncertain",
        left_within(local("09:00"), local("09:57"), local("14:59")),
        TWO_HOURS,
        Expected(V.UNCERTAIN_TIME, 0, 239),
    ),
    case(
        "a_maximum_of_just_the_grace_is_not_within",
        left_within(local("09:00"), local("10:57"), local("11:05")),
        TWO_HOURS,
        Expected(V.UNCERTAIN_TIME, 0, 5),
    ),
    case(
        "a_departure_after_the_limit_in_any_case_is_an_overstay",
        left_within(local("09:00"), local("11:30"), local("12:00")),
        TWO_HOURS,
        Expected(V.OVERSTAY, 30, 60, local("11:00"), within_disability_extension=True),
    ),
    case(
        "a_departure_before_the_limit_in_any_case_is_within",
        left_within(local("09:00"), local("10:00"), local("10:30")),
        TWO_HOURS,
        Expected(V.WITHIN, 0, 0),
    ),
    case(
        "an_arrival_that_is_not_known_makes_the_time_uncertain",
        unseen(local("08:00"), local("11:00")),
        TWO_HOURS,
        Expected(V.UNCERTAIN_TIME, 0, 60),
    ),
    case(
        "when_time_and_rule_are_both_unsure_the_rule_is_named",
        left_within(local("09:00"), local("09:10"), local("10:15")),
        BESIDE_LOADING,
        Expected(V.AMBIGUOUS_RULE, 0, 45),
    ),
    case(
        "a_stay_of_more_than_a_day_is_suspect_whatever_its_minutes",
        parked(local("06:50"), local("10:00", WEDNESDAY)),
        TWO_HOURS,
        Expected(V.SUSPECT, 570, 570, local("09:30")),
    ),
    case(
        "a_bay_without_zone_has_no_rule",
        parked(local("06:50"), local("10:00")),
        TWO_HOURS,
        Expected(V.NO_RULE, None, None),
        zone_number=None,
    ),
    case(
        "a_zone_without_plates_has_no_rule",
        parked(local("06:50"), local("10:00")),
        (),
        Expected(V.NO_RULE, None, None),
        coverage=(),
    ),
    case(
        "a_stay_that_reaches_beyond_the_calendar_has_no_rule",
        parked(local("06:50"), local("10:00")),
        TWO_HOURS,
        Expected(V.NO_RULE, None, None),
        coverage=(Coverage(ZONE, local("00:00"), local("09:59")),),
    ),
    case(
        "two_versions_of_plates_know_the_rules_together",
        parked(local("06:50"), local("10:00")),
        TWO_HOURS,
        Expected(V.OVERSTAY, 30, 30, local("09:30"), within_disability_extension=True),
        coverage=(
            Coverage(ZONE, local("00:00"), local("08:00")),
            Coverage(ZONE, local("08:00"), local("00:00", WEDNESDAY)),
        ),
    ),
    case(
        "a_suspect_stay_without_rule_is_suspect",
        parked(local("06:50"), local("10:00", WEDNESDAY)),
        (),
        Expected(V.SUSPECT, None, None),
        zone_number=None,
    ),
    case(
        "a_code_that_nobody_can_read_is_no_rule",
        parked(local("09:00"), local("17:00")),
        UNREADABLE,
        Expected(V.NO_RULE, None, None),
    ),
    case(
        "an_overstay_before_a_code_that_nobody_can_read_is_certain_but_has_no_maximum",
        parked(local("09:00"), local("13:00")),
        UNREADABLE_LATER,
        Expected(V.OVERSTAY, 60, None, local("11:00"), within_disability_extension=True),
    ),
    case(
        "paid_parking_without_limit_is_never_over",
        parked(local("07:30"), local("18:30")),
        PAID,
        Expected(V.WITHIN, 0, 0),
    ),
    case(
        "a_limit_beside_paid_parking_without_limit_is_ambiguous",
        parked(local("09:00"), local("12:00")),
        PAID_BESIDE,
        Expected(V.AMBIGUOUS_RULE, 0, 60),
    ),
)


def _in_its_own_zone(number: int, of: VerdictCase) -> VerdictCase:
    """So that all cases can stand in one table of windows."""
    zone_number = ZONE + number
    return replace(
        of,
        zone_number=None if of.zone_number is None else zone_number,
        windows=tuple(replace(window, zone_number=zone_number) for window in of.windows),
        coverage=tuple(replace(coverage, zone_number=zone_number) for coverage in of.coverage),
    )


VERDICT_CASES = tuple(_in_its_own_zone(number, case) for number, case in enumerate(_CASES))
