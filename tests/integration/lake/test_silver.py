"""Silver has one row per key, typed, the same however often bronze is played; misfits are in quarantine."""

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from integration.lake.changes import Change
from integration.lake.conftest import MISFITS, Lake
from melpark.contracts import METERS, POLLS, RULE_WINDOWS, SENSOR_EVENTS, ZONE_SEGMENTS
from melpark.errors import StopError
from melpark.places import Home, topic
from melpark.processing import catalogue, merging, query, silver, spark_loader, streams
from melpark.processing import lake as reads
from melpark.processing.tables import SILVER, SilverTable

EVENT_COLUMNS = SENSOR_EVENTS.column_names


def rows(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    return query.sql(lake.settings, sql)[1]


def expected_keys(lake: Lake, table: SilverTable) -> set[tuple[Any, ...]]:
    return {
        tuple(change.row[name] for name in table.lake.key)
        for change in lake.written
        if change.table is table.contract
    }


def everything(lake: Lake) -> dict[str, tuple[int, int]]:
    """Rows of each table and a hash of their content, whatever the order of rows and columns."""
    found = {}
    with query.connect(lake.home) as connection:
        for name in [*(table.lake.name for table in SILVER), "quarantine", "schema_changes"]:
            columns = sorted(connection.table(f"silver.{name}").columns)
            row = ", ".join(f'"{column}"' for column in columns)
            digest = f"SELECT count(*), bit_xor(hash({row})) FROM silver.{name}"
            found[name] = connection.execute(digest).fetchall()[0]
    return found


@pytest.mark.parametrize("table", SILVER, ids=lambda table: table.lake.name)
def test_silver_has_one_row_per_key(lake: Lake, table: SilverTable) -> None:
    key = ", ".join(table.lake.key)
    found = rows(lake, f"SELECT {key} FROM silver.{table.lake.name}")

    assert len(found) == len(set(found))
    assert set(found) == expected_keys(lake, table)


def test_an_event_is_typed_and_its_presence_a_number(lake: Lake) -> None:
    found = rows(lake, f"SELECT {', '.join(EVENT_COLUMNS)}, is_present FROM silver.sensor_events")
    expected = {
        (*(change.row[name] for name in EVENT_COLUMNS), int(change.row["status"] == "Present"))
        for change in lake.written
        if change.table is SENSOR_EVENTS
    }
    assert set(found) == expected


def test_what_does_not_fit_is_in_quarantine_with_its_reason(lake: Lake) -> None:
    found = Counter(rows(lake, "SELECT reason, payload FROM silver.quarantine WHERE record_key IS NOT NULL"))

    assert found == Counter({(reason, value): 1 for value, reason in MISFITS.items()})
    unkeyed = "SELECT reason FROM silver.quarantine WHERE record_key IS NULL AND payload IS NOT NULL"
    assert rows(lake, unkeyed) == [("null key",)]
    assert rows(lake, "SELECT * FROM silver.sensor_events WHERE kerbside_id LIKE 'misfit%'") == []


AUGUST = [datetime(2025, 8, day, tzinfo=UTC) for day in (1, 2, 3)]
RETIRED_AT = AUGUST[2] + timedelta(microseconds=1)
SEGMENT = {
    "zone_number": 9001,
    "segment_id": 1,
    "street": "First Street",
    "is_retired": False,
    "observed_at": AUGUST[0],
}
WINDOW = dict.fromkeys(RULE_WINDOWS.column_names, AUGUST[0]) | {
    "zone_number": 9003,
    "code": "2P",
    "limit_minutes": 120,
    "kind": "timed",
    "is_metered": False,
    "is_ambiguous": False,
}
HELD_WINDOWS = "SELECT count(*) FROM silver.rule_windows WHERE zone_number = 9003"


def meter(observed_at: datetime) -> dict[str, Any]:
    row = dict.fromkeys(METERS.column_names) | {"meter_id": "made-up", "is_retired": False}
    return row | {"longitude": 144.9, "latitude": -37.8, "observed_at": observed_at}


@pytest.fixture(scope="module")
def changed(lake: Lake) -> Lake:
    """The lake after two batches with what the tests below look for: a batch takes seconds, whatever it holds."""
    polls = [change.row for change in lake.history.changes if change.table is POLLS]
    drifted = {**polls[-1], "poll_id": 10_000}
    lake.write(
        *(Change(POLLS, {**polls[0], "records": records}, op="u") for records in (11, 12)),
        Change(ZONE_SEGMENTS, SEGMENT),
        Change(ZONE_SEGMENTS, {**SEGMENT, "street": "Second Street", "observed_at": AUGUST[1]}, op="u"),
        Change(METERS, meter(AUGUST[2]), lsn=30),
        Change(METERS, meter(AUGUST[0]), lsn=31),
        Change(POLLS, {**polls[3], "records": 20}, op="u", lsn=50),
        Change(POLLS, drifted, beyond={"weather": {"rain": 1}}, without=("outcome",)),
    )
    _leaves_no_row(lake, Change(POLLS, {**drifted, "poll_id": 10_001, "records": 2**40}))
    _leaves_no_row(lake, Change(RULE_WINDOWS, WINDOW, lsn=10))
    lake.run()
    assert rows(lake, HELD_WINDOWS) == [(1,)]

    lake.write(
        Change(METERS, meter(AUGUST[1]), lsn=32),
        Change(POLLS, {**polls[3], "records": 21}, op="u", lsn=40),
    )
    _leaves_no_row(lake, Change(RULE_WINDOWS, WINDOW, op="d", lsn=11))
    _leaves_no_row(lake, Change(METERS, meter(AUGUST[2]), op="d", lsn=33))
    # Of a history a deletion makes a version of its own.
    lake.written.append(Change(METERS, meter(RETIRED_AT)))
    lake.run()
    return lake


def _leaves_no_row(lake: Lake, change: Change) -> None:
    lake.produce(topic(change.table.name), change.payload, change.key)


def test_a_later_event_of_a_key_replaces_its_row(changed: Lake) -> None:
    first = next(change.row for change in changed.history.changes if change.table is POLLS)

    found = rows(changed, f"SELECT records FROM silver.polls WHERE poll_id = {first['poll_id']}")
    assert found == [(12,)]


def test_a_new_version_of_a_reference_stands_beside_the_old_one(changed: Lake) -> None:
    found = rows(
        changed,
        "SELECT street FROM silver.zone_segments WHERE zone_number = 9001 AND segment_id = 1 ORDER BY observed_at",
    )
    assert found == [("First Street",), ("Second Street",)]


@pytest.mark.parametrize("table", [table for table in SILVER if table.version], ids=lambda one: one.lake.name)
def test_versions_are_intervals_that_follow_one_another(changed: Lake, table: SilverTable) -> None:
    thing, version = ", ".join(table.thing), table.version
    over = f"OVER (PARTITION BY {thing} ORDER BY {version})"
    wrong = rows(
        changed,
        f"""SELECT * FROM (
              SELECT *, lead({version}) {over} AS next_at, row_number() {over} AS number
              FROM silver.{table.lake.name})
            WHERE valid_from_at IS DISTINCT FROM {version} OR valid_to_at IS DISTINCT FROM next_at
               OR is_current IS DISTINCT FROM (next_at IS NULL)
               {"OR is_assumed IS DISTINCT FROM (number = 1)" if version == "observed_at" else ""}""",
    )
    assert wrong == []


def test_late_and_out_of_order_versions_end_in_the_right_place(changed: Lake) -> None:
    found = rows(
        changed,
        "SELECT valid_from_at, valid_to_at, is_current, is_assumed, is_retired FROM silver.meters "
        "WHERE meter_id = 'made-up' ORDER BY valid_from_at",
    )
    assert found == [
        (AUGUST[0], AUGUST[1], False, True, False),
        (AUGUST[1], AUGUST[2], False, False, False),
        (AUGUST[2], RETIRED_AT, False, False, False),
        (RETIRED_AT, None, True, False, True),
    ]


def test_a_row_gives_way_only_to_a_later_change_in_postgres_log(changed: Lake) -> None:
    poll = [change.row for change in changed.history.changes if change.table is POLLS][3]

    found = rows(changed, f"SELECT records, lsn FROM silver.polls WHERE poll_id = {poll['poll_id']}")
    assert found == [(20, 50)]


def test_a_row_deleted_in_postgres_leaves_a_table_that_is_no_history(changed: Lake) -> None:
    assert rows(changed, HELD_WINDOWS) == [(0,)]


def test_a_column_added_dropped_or_widened_in_postgres_does_not_stop_the_line(changed: Lake) -> None:
    found = rows(
        changed, "SELECT poll_id, outcome, weather FROM silver.polls WHERE poll_id IN (10000, 10001)"
    )
    assert found == [(10_000, None, '{"rain":1}')]
    changes = rows(
        changed, "SELECT column_name, change FROM silver.schema_changes WHERE table_name = 'polls'"
    )
    assert set(changes) == {("weather", "added"), ("outcome", "missing")}
    reason = "SELECT reason FROM silver.quarantine WHERE reason LIKE 'records%'"
    assert rows(changed, reason) == [("records is not integer",)]


def test_too_many_misfits_stop_the_line_before_anything_is_written(lake: Lake) -> None:
    value = '{"not": "a change"}'
    row = [change for change in lake.history.changes if change.table is POLLS][-1].row
    lake.write(Change(POLLS, {**row, "poll_id": 10_002}))
    lake.produce(topic(POLLS.name), value, "{}")
    before = everything(lake)
    assert lake.producer.flush(30) == 0
    strict = lake.settings.model_copy(update={"quarantine_limit": 3})
    for _ in range(2):
        with pytest.raises(StopError, match="quarantine_limit 3"):
            streams.run(strict, available_now=True)
    assert everything(lake) == before

    lake.run()
    assert rows(lake, f"SELECT reason FROM silver.quarantine WHERE payload = '{value}'") == [
        ("not a change event",)
    ]
    assert rows(lake, "SELECT count(*) FROM silver.polls WHERE poll_id = 10002") == [(1,)]


def test_spark_killed_between_data_and_checkpoint_commit_writes_nothing_twice(lake: Lake) -> None:
    before, messages = everything(lake), reads.rows(lake.home.bronze)
    for layer in (spark_loader, silver):
        commits = layer.checkpoint(lake.home) / "commits"
        newest = max(int(file.name) for file in commits.iterdir() if file.name.isdigit())
        (commits / str(newest)).unlink()
        (commits / f".{newest}.crc").unlink(missing_ok=True)
    lake.run()

    assert reads.rows(lake.home.bronze) == messages
    assert everything(lake) == before


def test_a_deleted_checkpoint_gives_the_same_silver(lake: Lake) -> None:
    before = everything(lake)
    shutil.rmtree(silver.checkpoint(lake.home))
    lake.run()
    assert everything(lake) == before


def test_silver_rebuilt_from_bronze_is_the_same(lake: Lake) -> None:
    before = everything(lake)
    # As in a home of an older version: the columns come with the next start, their values with the rebuild.
    shutil.rmtree(lake.home.silver("sensor_states"))
    assert streams.rebuild_silver(lake.settings) is False
    assert everything(lake) == before


def test_two_writers_on_one_table_leave_one_row_per_key(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, table = Home(tmp_path), next(table.lake for table in SILVER if table.contract is POLLS)
    catalogue.create(home)
    row: dict[str, Any] = dict.fromkeys(table.column_names, datetime(2025, 8, 1, tzinfo=UTC)) | {
        "dataset": "a",
        "origin": "live",
    }
    row |= dict.fromkeys(("outcome", "reason", "etag", "body_digest", "note", "topic"), "x")
    row |= dict.fromkeys(("body_bytes", "records", "kept", "changed", "rejected", "partition"), 1)

    together = Barrier(2)

    def write(writer: int) -> None:
        for batch in range(3):
            together.wait()
            rows = [row | {"poll_id": key, "lsn": batch, "offset": writer} for key in range(5 * batch + 5)]
            merging.again_when_overtaken(partial(merging.upsert_later, home.silver(table.name), table, rows))

    with ThreadPoolExecutor(2) as writers:
        list(writers.map(write, range(2)))
    settings = lake.settings.model_copy(update={"home": tmp_path})
    _, found = query.sql(settings, 'SELECT poll_id, lsn, "offset" FROM silver.polls ORDER BY ALL')
    assert found == [(key, 2, 1) for key in range(15)]
    assert "Overtaken by another writer" in caplog.text
