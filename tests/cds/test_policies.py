"""What a sign plate says, in the standard's words."""

from typing import Any

import orjson
import pytest

from melpark.parking.plates import Plate
from melpark.serving.cds.policies import policies_of, zone_policies

WORKDAYS = {
    "days_of_week": ["mon", "tue", "wed", "thu", "fri"],
    "designated_period": "holidays",
    "designated_period_except": True,
}
DAYTIME = {"time_of_day_start": "07:30", "time_of_day_end": "18:30"}


def said(plate: Plate, holidays_suspend: bool = True) -> list[tuple[int, Any, Any]]:
    """Priority, rules and spans of each policy."""
    found = [orjson.loads(policy.content) for policy in policies_of(plate, holidays_suspend)]
    return [(one["priority"], one["rules"], one.get("time_spans")) for one in found]


def parking(minutes: int | None = None, **more: object) -> dict[str, object]:
    stay: dict[str, object] = {} if minutes is None else {"max_stay": minutes, "max_stay_unit": "minute"}
    return {"activity": "parking", **stay, **more}


@pytest.mark.parametrize(
    ("code", "rules"),
    [
        ("2P", [(50, [parking(120)])]),
        # The City publishes no tariff, so metered or not is the same here.
        ("MP2P", [(50, [parking(120)])]),
        ("QP", [(50, [parking(15)])]),
        ("HP", [(50, [parking(30)])]),
        ("SP", [(50, [parking(5)])]),
        ("PP", [(50, [parking()])]),
        (
            "FP15",
            [
                (
                    50,
                    [
                        parking(
                            15,
                            rate=[
                                {"rate": 0, "rate_unit": "minute", "start_duration": 0, "end_duration": 15}
                            ],
                        )
                    ],
                )
            ],
        ),
        (
            "LZ30",
            [
                (30, [{"activity": "loading", "max_stay": 30, "max_stay_unit": "minute"}]),
                (31, [{"activity": "no parking"}]),
            ],
        ),
        (
            "DP2P",
            [
                (40, [parking(120, user_classes=["disabled_parking_permit"])]),
                (41, [{"activity": "no parking"}]),
            ],
        ),
        ("ZZ9", []),
    ],
)
def test_a_code_becomes_rules(code: str, rules: list[tuple[int, Any]]) -> None:
    found = said(Plate("Mon-Fri", 450, 1110, code))
    assert found == [(priority, those, [WORKDAYS | DAYTIME]) for priority, those in rules]


@pytest.mark.parametrize(
    ("plate", "spans"),
    [
        (Plate("Mon-Sun", 450, 1110, "2P"), [DAYTIME]),
        (Plate("Mon-Sun", 0, 1440, "2P"), None),
        (Plate("Mon-Sun", 1140, 1440, "2P"), [{"time_of_day_start": "19:00"}]),
        (Plate("Mon-Sun", 0, 450, "2P"), [{"time_of_day_end": "07:30"}]),
        (
            Plate("Sat-Sun", 0, 1440, "2P"),
            [
                {
                    "days_of_week": ["sat", "sun"],
                    "designated_period": "holidays",
                    "designated_period_except": True,
                }
            ],
        ),
    ],
)
def test_days_and_hours_become_spans(plate: Plate, spans: Any) -> None:
    assert [found for *_, found in said(plate)] == [spans]


def test_where_plates_hold_on_holidays_nothing_is_excepted() -> None:
    plate = Plate("Mon-Fri", 450, 1110, "2P")
    assert said(plate, holidays_suspend=False)[0][2] == [
        {"days_of_week": WORKDAYS["days_of_week"], **DAYTIME}
    ]


def test_a_plate_that_cannot_be_read_says_nothing() -> None:
    assert said(Plate("weekdays", 450, 1110, "2P")) == []
    assert said(Plate("Mon-Fri", 1110, 450, "2P")) == []


def test_plates_that_say_the_same_share_a_policy_whatever_their_zone_and_meter() -> None:
    one, other = (policies_of(Plate("Mon-Fri", 450, 1110, code), True) for code in ("2P", "MP2P"))
    assert one == other


@pytest.mark.parametrize(
    ("second", "count"),
    [
        (Plate("Mon-Fri", 1110, 1320, "4P"), 2),
        (Plate("Sat", 450, 1110, "2P"), 2),
        (Plate("Fri-Sat", 1109, 1320, "LZ30"), 0),
        (Plate("Sun-Mon", 450, 1110, "2P"), 0),
    ],
)
def test_a_zone_whose_plates_meet_has_no_policy(second: Plate, count: int) -> None:
    assert len(zone_policies([Plate("Mon-Fri", 450, 1110, "2P"), second], True)) == count
