"""Which sensor records are kept, and why others are refused."""

from datetime import UTC, datetime

import pytest

from melpark.contracts import SENSORS
from melpark.ingestion.sources import Reason
from melpark.ingestion.sources.sensors import parse

NOW = datetime(2025, 8, 7, 1, 11, 39, tzinfo=UTC)
COMPUTED = {"is_online", "is_retired", "observed_at"}


def record(**changes: object) -> dict[str, object]:
    return {
        "lastupdated": "2025-08-07T01:11:39+00:00",
        "status_timestamp": "2025-08-07T01:00:00+00:00",
        "zone_number": 7203,
        "status_description": "Present",
        "kerbsideid": 5691,
        "location": {"lon": 144.9563, "lat": -37.8141},
    } | changes


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in record().items() if name != field}


def test_a_good_record_becomes_the_contracts_columns_in_order() -> None:
    (kept,) = parse([record()], NOW).kept
    expected = [name for name in SENSORS.column_names if name not in COMPUTED]
    assert list(kept.row) == expected
    assert kept.row["kerbside_id"] == kept.key == "5691"
    assert kept.row["status_changed_at"] == datetime(2025, 8, 7, 1, tzinfo=UTC)
    assert kept.row["heard_at"] == NOW
    assert (kept.row["longitude"], kept.row["latitude"]) == (144.9563, -37.8141)
    assert kept.row["extra"] is None


def test_a_bay_without_zone_is_kept() -> None:
    assert [item.row["zone_number"] for item in parse([record(zone_number=None)], NOW).kept] == [None]


def test_an_id_that_is_no_number_is_kept_as_text() -> None:
    assert [item.key for item in parse([record(kerbsideid="7570N")], NOW).kept] == ["7570N"]


def test_fields_that_the_contract_does_not_name_are_kept_in_extra() -> None:
    (kept,) = parse([record(battery=3.1)], NOW).kept
    assert kept.row["extra"] == {"battery": 3.1}


def test_times_of_another_offset_become_utc() -> None:
    (kept,) = parse([record(status_timestamp="2025-08-07T10:00:00+10:00")], NOW).kept
    assert kept.row["status_changed_at"] == datetime(2025, 8, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (17, Reason.NOT_AN_OBJECT),
        (None, Reason.NOT_AN_OBJECT),
        (without("kerbsideid"), Reason.MISSING_FIELD),
        (without("status_timestamp"), Reason.MISSING_FIELD),
        (without("lastupdated"), Reason.MISSING_FIELD),
        (without("location"), Reason.MISSING_FIELD),
        (record(status_description=None), Reason.MISSING_FIELD),
        (record(location={"lon": 144.9}), Reason.MISSING_FIELD),
        (record(kerbsideid=5691.0), Reason.WRONG_TYPE),
        (record(kerbsideid=True), Reason.WRONG_TYPE),
        (record(kerbsideid="9" * 201), Reason.WRONG_TYPE),
        (record(kerbsideid="5\x0069"), Reason.WRONG_TYPE),
        (record(zone_number="7203"), Reason.WRONG_TYPE),
        (record(zone_number=2**31), Reason.WRONG_TYPE),
        (record(status_description=1), Reason.WRONG_TYPE),
        (record(location=[144.9, -37.8]), Reason.WRONG_TYPE),
        (record(location={"lon": "144.9", "lat": -37.8}), Reason.WRONG_TYPE),
        (record(status_timestamp="yesterday"), Reason.WRONG_TYPE),
        (record(status_timestamp="2025-08-07T01:00:00"), Reason.WRONG_TYPE),
        (record(status_timestamp="0001-01-01T00:00:00+11:00"), Reason.WRONG_TYPE),
        (record(status_description="Occupied"), Reason.UNKNOWN_STATUS),
        (record(status_timestamp="1970-01-01T00:00:00+00:00"), Reason.EPOCH_ZERO_TIME),
        (record(lastupdated="1970-01-01T00:00:00+00:00"), Reason.EPOCH_ZERO_TIME),
        (record(status_timestamp="2025-08-07T01:13:00+00:00"), Reason.TIME_IN_FUTURE),
        (record(lastupdated="2026-08-07T01:11:39+00:00"), Reason.TIME_IN_FUTURE),
        (record(location={"lon": 0, "lat": 0}), Reason.OUTSIDE_MELBOURNE),
        (record(location={"lon": -37.8141, "lat": 144.9563}), Reason.OUTSIDE_MELBOURNE),
    ],
)
def test_a_record_that_does_not_fit_is_refused_with_its_reason(bad: object, reason: Reason) -> None:
    parsed = parse([bad, record(kerbsideid=1)], NOW)
    assert [(item.reason, item.payload) for item in parsed.rejected] == [(reason, bad)]
    assert [item.key for item in parsed.kept] == ["1"]


def test_a_refused_record_names_its_bay_where_it_can() -> None:
    parsed = parse([record(status_description="?"), without("kerbsideid")], NOW)
    assert [item.key for item in parsed.rejected] == ["5691", None]


def test_a_clock_a_little_ahead_refuses_nothing() -> None:
    assert parse([record(lastupdated="2025-08-07T01:12:30+00:00")], NOW).rejected == ()


def test_of_identical_duplicates_one_is_kept() -> None:
    parsed = parse([record(), record(), record()], NOW)
    assert len(parsed.kept) == 1
    assert [item.reason for item in parsed.rejected] == [Reason.DUPLICATE_KEY] * 2


def test_of_contradicting_duplicates_the_newest_is_kept_in_any_order() -> None:
    older = record(lastupdated="2025-08-07T01:01:39+00:00", status_description="Unoccupied")
    for answer in ([older, record()], [record(), older]):
        parsed = parse(answer, NOW)
        assert [item.payload for item in parsed.kept] == [record()]
        assert [(item.reason, item.payload) for item in parsed.rejected] == [(Reason.DUPLICATE_KEY, older)]


def test_duplicates_of_one_age_are_decided_alike_in_any_order() -> None:
    other = record(status_description="Unoccupied")
    assert parse([other, record()], NOW).kept == parse([record(), other], NOW).kept
