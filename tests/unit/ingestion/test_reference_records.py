"""How reference records become rows."""

from datetime import UTC, date, datetime

import pytest

from melpark.contracts import BAYS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.ingestion.sources import Reason, bays, sign_plates, zone_segments

NOW = datetime(2026, 1, 15, 5, 28, tzinfo=UTC)
COMPUTED = {"is_retired", "observed_at"}


def bay(**changes: object) -> dict[str, object]:
    return {
        "roadsegmentid": 20170,
        "kerbsideid": "53920",
        "roadsegmentdescription": "Queen Street between Flinders Street and Flinders Lane",
        "latitude": -37.8180553,
        "longitude": 144.96224,
        "lastupdated": "2023-11-21",
        "location": {"lon": 144.96224, "lat": -37.8180553},
    } | changes


def plate(**changes: object) -> dict[str, object]:
    return {
        "parkingzone": 7002,
        "restriction_days": "Sat",
        "time_restrictions_start": "07:30:00",
        "time_restrictions_finish": "12:30:00",
        "restriction_display": "4P",
    } | changes


def segment(**changes: object) -> dict[str, object]:
    return {
        "parkingzone": 7000,
        "onstreet": "Poplar Road",
        "streetfrom": "Upfield Railway",
        "streetto": "Kendall Avenue",
        "segment_id": 22405,
    } | changes


def test_a_bay_becomes_the_contracts_columns_in_order() -> None:
    (kept,) = bays.parse([bay()], NOW).kept
    assert list(kept.row) == [name for name in BAYS.column_names if name not in COMPUTED]
    assert kept.row["bay_key"] == kept.key == "20170:-37.8180553:144.96224"
    assert kept.row["updated_on"] == date(2023, 11, 21)
    assert kept.row["extra"] is None


def test_a_bay_without_sensor_is_kept() -> None:
    assert [item.row["kerbside_id"] for item in bays.parse([bay(kerbsideid=None)], NOW).kept] == [None]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latitude": None}, Reason.MISSING_FIELD),
        ({"latitude": "-37.8"}, Reason.WRONG_TYPE),
        ({"latitude": 37.8180553}, Reason.OUTSIDE_MELBOURNE),
        ({"lastupdated": "21/11/2023"}, Reason.WRONG_TYPE),
        ({"lastupdated": "2023-11-31"}, Reason.WRONG_TYPE),
    ],
)
def test_a_bay_that_does_not_fit_is_refused(changes: dict[str, object], reason: Reason) -> None:
    assert [item.reason for item in bays.parse([bay(**changes)], NOW).rejected] == [reason]


def test_of_bays_with_one_key_the_last_edited_is_kept() -> None:
    older = bay(lastupdated="2020-01-01", kerbsideid="9")
    parsed = bays.parse([bay(), older], NOW)
    assert [item.row["kerbside_id"] for item in parsed.kept] == ["53920"]


def test_a_plates_times_become_minutes_after_midnight() -> None:
    (kept,) = sign_plates.parse([plate()], NOW).kept
    assert list(kept.row) == [name for name in SIGN_PLATES.column_names if name not in COMPUTED]
    assert (kept.row["start_minute"], kept.row["finish_minute"]) == (450, 750)
    assert kept.key == "7002:Sat:450:750:4P"


def test_a_plates_finish_of_23_59_is_midnight() -> None:
    (kept,) = sign_plates.parse([plate(time_restrictions_finish="23:59:00")], NOW).kept
    assert kept.row["finish_minute"] == 1440


@pytest.mark.parametrize("time", ["7:30", "24:00:00", "07:60:00", "", 730])
def test_a_plates_time_that_is_none_is_refused(time: object) -> None:
    parsed = sign_plates.parse([plate(time_restrictions_start=time)], NOW)
    assert [item.reason for item in parsed.rejected] == [Reason.WRONG_TYPE]


def test_a_segment_becomes_the_contracts_columns_in_order() -> None:
    (kept,) = zone_segments.parse([segment(streetto=None)], NOW).kept
    assert list(kept.row) == [name for name in ZONE_SEGMENTS.column_names if name not in COMPUTED]
    assert kept.key == "7000:22405"
    assert kept.row["street_to"] is None
