"""Seven nasty bays of the City's five polls of August 2025, worked out by hand from the records and plates.

The polls were heard at 5 Aug 05:19:39, 6 Aug 15:21:39, and 7 Aug 00:59:39, 01:11:39, 01:39:39 (UTC). A change that the
poll before should have shown lies more than three minutes before that poll. Melbourne is ten hours ahead of UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integration.lake.changes import History, captured_polls
from melpark.parking.overstays import Overstay, Verdict, judge
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.stays import Ending, Stay, stays

pytestmark = pytest.mark.real_data

WEEKS = datetime(2025, 8, 1, tzinfo=UTC), datetime(2025, 8, 21, tzinfo=UTC)
MP2P = {
    Plate("Sat-Sun", 420, 1320, "MP2P"),
    Plate("Mon-Fri", 420, 1140, "MP2P"),
    Plate("Mon-Fri", 1140, 1320, "MP2P"),
}
ONE_HOUR = {Plate("Sat", 450, 750, "1P"), Plate("Mon-Fri", 570, 1110, "1P")}
TWO_HOURS = {Plate("Mon-Sat", 450, 1110, "2P")}
ZONES: dict[str, tuple[int | None, set[Plate]]] = {
    "65465": (7551, MP2P),
    "7838": (7236, ONE_HOUR),
    "7490": (7236, ONE_HOUR),
    "13471": (7173, TWO_HOURS),
    "15100": (7267, TWO_HOURS),
    "5736": (None, set()),
    "6933": (None, set()),
}


def utc(text: str) -> datetime:
    """`5 04:59:14` is that time on 5 August 2025."""
    day, clock = text.split()
    return datetime.fromisoformat(f"2025-08-{int(day):02}T{clock}").replace(tzinfo=UTC)


@dataclass(frozen=True)
class ByHand:
    """Bounds of arrival and departure, ending, is it late, verdict and minutes over, shortest and longest."""

    arrival: tuple[str, str]
    departure: tuple[str, str | None]
    ending: Ending
    verdict: Verdict
    minutes: tuple[float | None, float | None]
    is_late_report: bool = False


WITHIN, UNCERTAIN = Verdict.WITHIN, Verdict.UNCERTAIN_TIME
BY_HAND: Mapping[str, tuple[ByHand, ...]] = {
    # Hidden changes: Present in four of five polls, each time another vehicle.
    "65465": (
        ByHand(
            ("5 04:59:14", "5 04:59:14"),
            ("5 05:16:39", "6 14:02:58"),
            Ending.BOUNDED,
            UNCERTAIN,
            # Tuesday 16:59:14 to 22:00 and Wednesday 09:00 to 22:00.
            (0, 300 + 46 / 60 + 780),
        ),
        ByHand(("6 23:31:55", "6 23:31:55"), ("7 00:56:39", "7 00:58:02"), Ending.BOUNDED, WITHIN, (0, 0)),
        ByHand(("7 00:58:02", "7 00:58:02"), ("7 01:08:39", "7 01:17:16"), Ending.BOUNDED, WITHIN, (0, 0)),
        ByHand(("7 01:17:16", "7 01:17:16"), ("7 01:36:39", None), Ending.OPEN, Verdict.OPEN, (0, None)),
    ),
    # Unoccupied to Unoccupied: a vehicle that no poll saw.
    "7838": (
        ByHand(
            ("5 05:13:44", "5 05:13:44"),
            ("5 05:16:39", "6 11:35:38"),
            Ending.BOUNDED,
            UNCERTAIN,
            # Tuesday 16:13:44 to 18:30 and Wednesday 10:30 to 18:30.
            (0, 136 + 16 / 60 + 480),
        ),
        ByHand(("7 01:08:39", "7 01:16:27"), ("7 01:16:27", "7 01:16:27"), Ending.OBSERVED, WITHIN, (0, 0)),
    ),
    # An arrival in the three minutes that the poll before did not yet hold, and a whole night unseen.
    "7490": (
        ByHand(
            ("5 05:16:39", "6 06:36:32"),
            ("6 06:36:32", "6 06:36:32"),
            Ending.OBSERVED,
            UNCERTAIN,
            # Tuesday 16:16:39 to 18:30 and Wednesday 10:30 to 16:36:32.
            (0, 133 + 21 / 60 + 366 + 32 / 60),
        ),
        ByHand(("6 15:18:39", "6 23:48:12"), ("6 23:48:12", "6 23:48:12"), Ending.OBSERVED, WITHIN, (0, 0)),
        ByHand(("7 01:08:25", "7 01:08:25"), ("7 01:08:39", "7 01:11:29"), Ending.BOUNDED, WITHIN, (0, 0)),
    ),
    # A change of 4 August that the poll of 5 August did not show: late; and over 41 hours at least.
    "13471": (
        ByHand(
            ("4 21:40:43", "4 21:40:43"),
            ("6 15:18:39", "6 23:22:17"),
            Ending.BOUNDED,
            Verdict.SUSPECT,
            # Tuesday 09:40:43 to 18:30 and Wednesday 09:30 to 18:30; Thursday it left before 09:30.
            (529 + 17 / 60 + 540, 529 + 17 / 60 + 540),
            is_late_report=True,
        ),
    ),
    # Two late reports one after the other, both Unoccupied.
    "15100": (
        ByHand(
            ("2 05:31:15", "5 03:56:19"),
            ("5 03:56:19", "5 03:56:19"),
            Ending.OBSERVED,
            UNCERTAIN,
            # Saturday 17:31:15 to 18:30, Monday 09:30 to 18:30, Tuesday 09:30 to 13:56:19.
            (0, 58 + 45 / 60 + 540 + 266 + 19 / 60),
            is_late_report=True,
        ),
        ByHand(
            ("5 03:56:19", "6 13:10:24"),
            ("6 13:10:24", "6 13:10:24"),
            Ending.OBSERVED,
            UNCERTAIN,
            # Tuesday 15:56:19 to 18:30 and Wednesday 09:30 to 18:30.
            (0, 153 + 41 / 60 + 540),
            is_late_report=True,
        ),
    ),
}


@pytest.fixture(scope="module")
def history(real_capture: Path) -> History:
    found = History()
    for observed_at, rows in captured_polls(real_capture):
        if observed_at < WEEKS[1]:
            found.take(observed_at, [row for row in rows if row["kerbside_id"] in ZONES or _is_live(row)])
    return found


def _is_live(row: Mapping[str, object]) -> bool:
    """One live bay more, so that the feed's own time is known."""
    return row["kerbside_id"] == "5922"


def judged(history: History, kerbside_id: str) -> list[tuple[Stay, Overstay]]:
    zone_number, plates = ZONES[kerbside_id]
    found = stays(history.bays[kerbside_id].events, history.present(kerbside_id))
    if zone_number is None:
        return [(stay, judge(stay, None, [], [])) for stay in found]
    version = Version(zone_number, *WEEKS, frozenset(plates))
    rows = list(windows([version]))
    return [(stay, judge(stay, zone_number, rows, [version.coverage])) for stay in found]


@pytest.mark.parametrize("kerbside_id", BY_HAND)
def test_stays_and_verdicts_are_those_worked_out_by_hand(history: History, kerbside_id: str) -> None:
    found = judged(history, kerbside_id)
    assert len(found) == len(BY_HAND[kerbside_id])
    for (stay, overstay), expected in zip(found, BY_HAND[kerbside_id], strict=True):
        assert (stay.arrival_min_at, stay.arrival_max_at) == tuple(map(utc, expected.arrival))
        earliest, latest = expected.departure
        assert stay.departure_min_at == utc(earliest)
        assert stay.departure_max_at == (None if latest is None else utc(latest))
        assert (stay.ending, stay.is_late_report) == (expected.ending, expected.is_late_report)
        assert overstay.verdict is expected.verdict
        minutes = (overstay.overstay_min_minutes, overstay.overstay_max_minutes)
        assert minutes == pytest.approx(expected.minutes)


def test_the_vehicle_still_there_may_stand_two_hours(history: History) -> None:
    _, overstay = judged(history, "65465")[-1]
    assert overstay.permitted_until_at == utc("7 03:17:16")


def test_a_live_sensor_that_says_present_since_2023_is_suspect(history: History) -> None:
    ((stay, overstay),) = judged(history, "5736")
    assert stay.arrival_at == datetime(2023, 4, 22, 6, 44, 59, tzinfo=UTC)
    assert (stay.ending, overstay.verdict) == (Ending.OPEN, Verdict.SUSPECT)


def test_a_dead_sensor_that_says_present_has_lost_its_vehicle_and_is_suspect(history: History) -> None:
    ((stay, overstay),) = judged(history, "6933")
    assert stay.departure_min_at == datetime(2025, 2, 13, 5, 41, 36, tzinfo=UTC)
    assert (stay.ending, overstay.verdict) == (Ending.LOST, Verdict.SUSPECT)
