"""Change events become typed rows; the newest of a key counts, whatever order they came in."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from melpark.contracts import BAYS, POLLS, RULE_WINDOWS, SENSOR_EVENTS
from melpark.processing.change_events import Event, Typed, typed
from melpark.processing.tables import SILVER, SilverTable

TABLES = {table.contract: table for table in SILVER}
EVENTS, ALL_BAYS, WINDOWS = TABLES[SENSOR_EVENTS], TABLES[BAYS], TABLES[RULE_WINDOWS]
AT = datetime(2025, 8, 5, 5, tzinfo=UTC)
STATUS = {
    "kerbside_id": "1",
    "status_changed_at": "2025-08-05T05:00:00.123456Z",
    "status": "Present",
    "observed_at": "2025-08-05T05:01:00Z",
    "heard_at": "2025-08-05T05:01:00Z",
    "previous_heard_at": None,
    "origin": "live",
}
BAY = {
    "bay_key": "a",
    "kerbside_id": "1",
    "road_segment_id": 7,
    "road_segment_description": None,
    "longitude": 145,
    "latitude": -37.5,
    "updated_on": 20000,
    "is_retired": False,
    "observed_at": "2025-08-05T05:00:00Z",
    "extra": '{"a": 1}',
}
WINDOW = {
    "zone_number": 1,
    "start_at": "2025-08-05T05:00:00Z",
    "end_at": "2025-08-05T06:00:00Z",
    "code": "2P",
    "limit_minutes": 120,
    "kind": "timed",
    "is_metered": False,
    "is_ambiguous": False,
    "clock_start_at": "2025-08-05T05:00:00Z",
    "observed_at": "2025-08-05T05:00:00Z",
}


def event(
    table: SilverTable, image: object, offset: int = 0, lsn: int | None = 1, op: str = "c", ts_ms: int = 0
) -> Event:
    before, after = (image, None) if op == "d" else (None, image)
    value = {"before": before, "after": after, "op": op, "source": {"lsn": lsn, "ts_ms": ts_ms}}
    return raw(table, json.dumps(value), offset)


def raw(table: SilverTable, value: str | None, offset: int = 0, key: str | None = "{}") -> Event:
    return Event(table.topic, 0, offset, key, value, "id", AT)


def only_row(found: Typed) -> dict[str, Any]:
    assert not found.misfits
    (row,) = found.rows.values()
    return row


def test_every_type_of_a_contract_is_read() -> None:
    row = only_row(typed(ALL_BAYS, [event(ALL_BAYS, BAY)]))

    assert (row["road_segment_id"], row["longitude"], row["latitude"]) == (7, 145.0, -37.5)
    assert row["updated_on"] == date(2024, 10, 4)
    assert row["observed_at"] == AT
    assert (row["is_retired"], row["extra"], row["road_segment_description"]) == (False, '{"a": 1}', None)


def test_a_time_is_exact_to_the_microsecond() -> None:
    row = only_row(typed(EVENTS, [event(EVENTS, STATUS)]))
    assert row["status_changed_at"] == AT + timedelta(microseconds=123456)
    assert row["is_present"] == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_the_changes_of_a_key_the_last_in_postgres_log_counts(order: tuple[int, ...]) -> None:
    events = [
        event(WINDOWS, WINDOW | {"limit_minutes": 1}, offset=900, lsn=10),
        # The topic was made anew: offsets begin again, the log goes on.
        event(WINDOWS, WINDOW | {"limit_minutes": 2}, offset=3, lsn=20),
        event(WINDOWS, WINDOW | {"limit_minutes": 3}, offset=4, lsn=20),
    ]
    row = only_row(typed(WINDOWS, [events[number] for number in order]))
    assert row["limit_minutes"] == 3


def test_a_deletion_takes_a_row_out_unless_a_later_change_brings_it_back() -> None:
    gone = typed(WINDOWS, [event(WINDOWS, WINDOW, 0, 1), event(WINDOWS, WINDOW, 1, 2, op="d")])
    assert (len(gone.rows), len(gone.deleted)) == (0, 1)
    back = typed(WINDOWS, [event(WINDOWS, WINDOW, 1, 2, op="d"), event(WINDOWS, WINDOW, 2, 3)])
    assert (len(back.rows), len(back.deleted)) == (1, 0)


def test_a_history_keeps_what_postgres_deletes() -> None:
    found = typed(EVENTS, [event(EVENTS, STATUS, op="d")])
    assert not (found.rows)
    assert not (found.deleted)
    assert not found.misfits


def test_a_deleted_thing_is_a_retired_version_from_the_deletion_on() -> None:
    deleted_at = AT + timedelta(days=1)
    stamp = int(deleted_at.timestamp() * 1000)
    row = only_row(typed(ALL_BAYS, [event(ALL_BAYS, BAY, op="d", ts_ms=stamp)]))
    assert (row["is_retired"], row["observed_at"]) == (True, deleted_at)

    row = only_row(typed(ALL_BAYS, [event(ALL_BAYS, BAY, op="d", ts_ms=0)]))
    assert row["observed_at"] == AT + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"limit_minutes": 2**31}, "limit_minutes is not integer"),
        ({"limit_minutes": 1.5}, "limit_minutes is not integer"),
        ({"limit_minutes": True}, "limit_minutes is not integer"),
        ({"limit_minutes": "many"}, "limit_minutes is not integer"),
        ({"is_metered": 1}, "is_metered is not boolean"),
        ({"start_at": 5}, "start_at is not timestamp with time zone"),
        ({"start_at": "9999-99-99"}, "start_at is not timestamp with time zone"),
        ({"kind": None}, "kind is missing"),
    ],
)
def test_a_value_that_does_not_fit_is_a_misfit_with_its_column(
    changed: dict[str, object], reason: str
) -> None:
    found = typed(WINDOWS, [event(WINDOWS, WINDOW | changed)])
    assert [misfit.reason for misfit in found.misfits] == [reason]
    assert not found.rows


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "1", "null", '"x"', '{"op": null}', '{"op": ["c"]}', "\ud800", '{"op": {}}']
)
def test_no_bytes_at_all_break_the_line(value: str) -> None:
    found = typed(EVENTS, [raw(EVENTS, value), event(EVENTS, STATUS, offset=1)])
    assert len(found.misfits) == len(found.rows) == 1


@pytest.mark.parametrize("image", [[], "x", 1, {}, {"kerbside_id": {}}, STATUS | {"kerbside_id": None}])
def test_no_image_breaks_the_line(image: object) -> None:
    found = typed(EVENTS, [event(EVENTS, image)])
    assert len(found.misfits) == 1


def test_a_tombstone_says_nothing_and_a_null_key_is_a_misfit() -> None:
    found = typed(EVENTS, [raw(EVENTS, None), raw(EVENTS, None, key=None)])
    assert [misfit.reason for misfit in found.misfits] == ["null key"]


def test_a_column_that_no_contract_names_is_kept_as_text() -> None:
    found = typed(WINDOWS, [event(WINDOWS, WINDOW | {"colour": {"r": 1}, "note": "x", "none": None})])
    row = only_row(found)
    assert (row["colour"], row["note"]) == ('{"r":1}', "x")
    assert set(found.added) == {"colour", "note", "none"}


@pytest.mark.parametrize("name", ["offset", "lsn", "topic", "partition", "Offset", "is_present"])
def test_a_column_that_silver_writes_itself_is_not_overwritten_by_one_of_that_name(name: str) -> None:
    found = typed(EVENTS, [event(EVENTS, STATUS | {name: "99"}, offset=7, lsn=5)])
    row = only_row(found)
    assert (row["topic"], row["partition"], row["offset"], row["lsn"]) == (EVENTS.topic, 0, 7, 5)
    assert (row["is_present"], row[f"{name}_in_postgres"]) == (1, "99")
    assert set(found.added) == {f"{name}_in_postgres"}


def test_a_column_that_was_dropped_is_null_unless_it_is_of_the_key() -> None:
    without = {name: value for name, value in WINDOW.items() if name != "kind"}
    found = typed(WINDOWS, [event(WINDOWS, without)])
    assert only_row(found)["kind"] is None
    assert set(found.missing) == {"kind"}

    without = {name: value for name, value in WINDOW.items() if name != "code"}
    assert [one.reason for one in typed(WINDOWS, [event(WINDOWS, without)]).misfits] == ["code is missing"]


def test_an_event_without_a_place_in_the_log_gives_way_to_one_that_has_it() -> None:
    events = [
        event(WINDOWS, WINDOW | {"limit_minutes": 1}, offset=9, lsn=None),
        event(WINDOWS, WINDOW | {"limit_minutes": 2}, offset=0, lsn=5),
    ]
    for some in (events, events[::-1]):
        assert only_row(typed(WINDOWS, some))["limit_minutes"] == 2


def test_a_row_of_an_incremental_snapshot_has_the_place_at_which_it_was_read() -> None:
    read = event(WINDOWS, WINDOW | {"limit_minutes": 3}, offset=1, lsn=None, op="r")
    document = json.loads(read.value or "")
    document["source"]["sequence"] = '["5","7"]'
    again = read._replace(value=json.dumps(document))
    before = event(WINDOWS, WINDOW | {"limit_minutes": 1}, offset=9, lsn=6)
    after = event(WINDOWS, WINDOW | {"limit_minutes": 2}, offset=0, lsn=8)
    assert only_row(typed(WINDOWS, [before, again]))["limit_minutes"] == 3
    assert only_row(typed(WINDOWS, [again, after]))["limit_minutes"] == 2


@pytest.mark.parametrize("sequence", [None, "", "[]", "[null]", "{}", "7", '["x"]', 7])
def test_a_sequence_that_cannot_be_read_is_no_place_in_the_log(sequence: object) -> None:
    read = event(WINDOWS, WINDOW, lsn=None, op="r")
    document = json.loads(read.value or "")
    document["source"]["sequence"] = sequence
    assert only_row(typed(WINDOWS, [read._replace(value=json.dumps(document))]))["lsn"] is None


def test_polls_may_be_null_where_their_contract_says_so() -> None:
    table = TABLES[POLLS]
    image = dict.fromkeys(POLLS.column_names) | {
        "poll_id": 2**40,
        "dataset": "x",
        "outcome": "failed",
        "started_at": "2025-08-05T05:00:00Z",
        "received_at": "2025-08-05T05:00:00+10:00",
        "origin": "live",
    }
    row = only_row(typed(table, [event(table, image)]))
    assert (row["poll_id"], row["received_at"]) == (2**40, AT - timedelta(hours=10))
