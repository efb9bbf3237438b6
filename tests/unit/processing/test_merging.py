"""Typed rows merge by key: later over earlier, deletions out, nothing twice; versions come with their neighbours."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from melpark.contracts import BAYS, POLLS, SENSORS
from melpark.places import Home
from melpark.processing import catalogue, lake, merging, news, silver
from melpark.processing.change_events import Event
from melpark.processing.tables import QUARANTINE, SCHEMA_CHANGES, SILVER, SilverTable

DAY = datetime(2025, 8, 1, tzinfo=UTC)
POLLS_TABLE, BAYS_TABLE = (
    next(table for table in SILVER if table.contract is contract) for contract in (POLLS, BAYS)
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    catalogue.create(Home(tmp_path))
    return Home(tmp_path)


def row(table: SilverTable, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"string": "x", "int": 1, "bigint": 1, "double": 1.0, "boolean": True}
    made |= {"timestamp": DAY, "date": DAY.date()}
    return {column.name: made[column.type] for column in table.lake.columns} | given


def held(path: Path, *names: str) -> list[tuple[Any, ...]]:
    table = DeltaTable(path).to_pyarrow_table(columns=list(names))
    return sorted(tuple(found.values()) for found in table.to_pylist())


def poll(home: Home, number: int, lsn: int | None, offset: int = 0, **more: Any) -> dict[str, Any]:
    return row(POLLS_TABLE, poll_id=number, lsn=lsn, offset=offset, **more)


def test_a_row_gives_way_only_to_a_later_change(home: Home) -> None:
    path, table = home.silver("polls"), POLLS_TABLE.lake
    merging.upsert_later(path, table, [poll(home, 1, 5, note="first"), poll(home, 2, None, note="old")])
    merging.upsert_later(
        path,
        table,
        [
            poll(home, 1, 4, note="earlier"),
            poll(home, 2, None, offset=1, note="of no place in the log, but later in Kafka"),
            poll(home, 3, 1, note="new"),
        ],
    )
    assert [note for _, note in held(path, "poll_id", "note")] == [
        "first",
        "of no place in the log, but later in Kafka",
        "new",
    ]
    merging.upsert_later(
        path, table, [poll(home, 1, 5, offset=1, note="one transaction"), poll(home, 2, 0, note="b")]
    )
    assert [note for _, note in held(path, "poll_id", "note")] == ["one transaction", "b", "new"]


def test_a_deletion_takes_a_row_out_unless_it_is_older(home: Home) -> None:
    path, table = home.silver("polls"), POLLS_TABLE.lake
    merging.upsert_later(path, table, [poll(home, number, 5) for number in (1, 2)])
    gone = [poll(home, 1, 6), poll(home, 2, 4), poll(home, 3, 9)]
    merging.upsert_later(path, table, [poll(home, 4, 1)], gone)
    assert held(path, "poll_id") == [(2,), (4,)]


def test_what_is_merged_again_changes_nothing(home: Home) -> None:
    path, table = home.silver("polls"), POLLS_TABLE.lake
    rows = [poll(home, number, 1, body_digest=None) for number in range(50)]
    for _ in range(2):
        merging.upsert_later(path, table, rows)
    assert held(path, "poll_id") == [(number,) for number in range(50)]


def test_a_key_may_hold_null(home: Home) -> None:
    path = home.silver(QUARANTINE.name)
    lost = {"topic": "t", "partition": 0, "offset": 1, "reason": "lost", "topic_id": None, "arrived_at": DAY}
    for topic_id in (None, "a", None, "a"):
        merging.insert(path, QUARANTINE, [lost | {"topic_id": topic_id}])
    assert sorted(str(found[0]) for found in held_any(path, "topic_id")) == ["None", "a"]
    later = DAY + timedelta(seconds=1)
    assert lake.coordinates(path, DAY, later) == {(None, "t", 0, 1), ("a", "t", 0, 1)}
    assert lake.coordinates(path, later, later) == set()


def held_any(path: Path, name: str) -> list[tuple[Any, ...]]:
    return [tuple(found.values()) for found in DeltaTable(path).to_pyarrow_table(columns=[name]).to_pylist()]


def test_a_column_beyond_the_contract_is_kept_as_text_whatever_its_name(home: Home) -> None:
    path, table = home.silver("polls"), POLLS_TABLE.lake
    merging.upsert_later(path, table, [poll(home, 1, 1)])
    odd = 'Mixed "Case"'
    merging.add_columns(path, [odd, "NOTE"])
    merging.upsert_later(path, table, [poll(home, 2, 1) | {odd: "yes"}])
    merging.upsert_later(path, table, [poll(home, 1, 2)])
    assert held_any(path, odd).count(("yes",)) == 1
    # Spark, which reads names without case, could not tell it from `note`.
    assert "NOTE" not in DeltaTable(path).schema().to_json()
    assert DeltaTable(path).to_pyarrow_table().num_rows == 2


@pytest.mark.parametrize(
    ("first", "last", "expected"), [(2, 3, {1, 2, 3, 4}), (0, 0, {0, 1}), (5, 9, {4}), (2.5, 2.5, {2, 3})]
)
def test_versions_come_with_their_neighbours(
    home: Home, first: float, last: float, expected: set[int]
) -> None:
    path = home.silver("bays")
    thing = {name: row(BAYS_TABLE)[name] for name in BAYS_TABLE.thing}
    other = {name: 7 if isinstance(value, int) else "other" for name, value in thing.items()}
    versions = [
        row(BAYS_TABLE, observed_at=DAY + timedelta(days=day), **one)
        for day in range(5)
        for one in (thing, other)
    ]
    merging.upsert(DeltaTable(path), BAYS_TABLE.lake, versions)
    span = (DAY + timedelta(days=first), DAY + timedelta(days=last))
    found = merging.held_neighbours(DeltaTable(path), BAYS_TABLE, {tuple(thing.values()): span})
    assert {(one["observed_at"] - DAY).days for one in found.values()} == expected
    assert all(tuple(one[name] for name in BAYS_TABLE.lake.key) == key for key, one in found.items())


def test_many_small_commits_leave_few_files_and_a_short_log(home: Home) -> None:
    path, commits = home.silver(SCHEMA_CHANGES.name), 3 * merging.SMALL_FILES
    change = {"table_name": "polls", "change": "added", "topic": "x", "partition": 0, "offset": 0}
    most = 0
    for number in range(commits):
        merging.insert(path, SCHEMA_CHANGES, [change | {"column_name": f"column {number}"}])
        merging.pack_many(path)
        most = max(most, lake.size(path).files)
    assert lake.size(path).rows == commits
    assert merging.SMALL_FILES // 2 < most <= merging.SMALL_FILES
    log = path / "_delta_log"
    newest = max(int(file.stem) for file in log.glob("*.json"))
    checkpoints = [int(file.name.split(".")[0]) for file in log.glob("*.checkpoint.parquet")]
    assert newest - max(checkpoints) <= 2 * int(catalogue.PROPERTIES["delta.checkpointInterval"])


class NoEvents:
    """A batch of bronze that holds nothing for silver."""

    def __getattr__(self, name: str) -> None:
        """Its session is not asked."""

    def select(self, *columns: str) -> "NoEvents":
        return self

    def toArrow(self) -> pa.Table:  # noqa: N802 - Spark's name
        return pa.table({name: pa.array([], pa.string()) for name in Event._fields})


def test_the_worker_of_silver_packs_bronze_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark commits small files for ever, and packing them within its batches made each of them late."""
    event = {"topic": "x", "partition": 0, "offset": 0, "kafka_at": DAY, "arrived_at": DAY}
    for _ in range(merging.SMALL_FILES + 1):
        write_deltalake(home.bronze, pa.Table.from_pylist([event]), mode="append", schema_mode="merge")
    monkeypatch.setattr(silver, "give_up_soon", lambda session: None)
    silver.write_batch(str(home.root), 0, NoEvents(), 0)
    assert lake.size(home.bronze).files == 1
    assert lake.rows(home.bronze) == merging.SMALL_FILES + 1


def test_files_that_hold_none_of_the_keys_are_not_read(home: Home) -> None:
    path, table = home.silver("polls"), POLLS_TABLE.lake
    for first in (0, 1000, 2000):
        merging.upsert_later(path, table, [poll(home, first + number, 1) for number in range(5)])
    names = merging.names_of(table, [poll(home, 2001, 2)])
    came = pa.Table.from_pylist([poll(home, 2001, 2)])
    metrics = (
        merging._merge(DeltaTable(path), table, came).when_matched_update(merging._values(names)).execute()
    )
    assert metrics["num_target_files_skipped_during_scan"] == 2
    assert metrics["num_target_rows_updated"] == 1


def test_files_of_one_text_beside_files_of_several_are_read_by_the_text(home: Home) -> None:
    """A filter of pyarrow, made of such statistics, would compare strings with views of strings, and fail."""
    path = home.silver("polls")
    for numbers in ((1, 2), (3,)):
        named = {1: "sign-plates-located-in-each-parking-zone"}
        polls = [
            poll(home, n, 1, dataset=named.get(n, SENSORS.dataset), outcome="accepted", feed_updated_at=DAY)
            for n in numbers
        ]
        merging.upsert_later(path, POLLS_TABLE.lake, polls)
    assert news._feed_updated_at(DeltaTable(path)) == DAY


def test_versions_that_were_cut_from_an_older_table_are_refused_and_cut_again(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """A writer that came second would put back as current what the first had cut."""
    path, table = home.silver("bays"), BAYS_TABLE.lake
    first, second = (row(BAYS_TABLE, observed_at=DAY + timedelta(days=day)) for day in (0, 1))
    merging.upsert(DeltaTable(path), table, [first | {"is_current": True}])
    read = [DeltaTable(path)]
    merging.upsert(DeltaTable(path), table, [first | {"is_current": False}, second | {"is_current": True}])

    def cut_again() -> None:
        held = read.pop() if read else DeltaTable(path)
        merging.upsert(held, table, [first | {"is_current": held.version() > read_at}])

    read_at = read[0].version()
    merging.again_when_overtaken(cut_again)
    assert "Overtaken by another writer" in caplog.text
    assert DeltaTable(path).to_pyarrow_table().num_rows == 2


@pytest.mark.parametrize("name", ["sensor_events", "polls", "quarantine"])
def test_two_merges_of_one_key_that_meet_are_a_conflict(home: Home, name: str) -> None:
    tables = {table.lake.name: table.lake for table in SILVER} | {QUARANTINE.name: QUARANTINE}
    made = next((row(table, lsn=1) for table in SILVER if table.lake.name == name), None)
    lost = {"topic": "t", "partition": 0, "offset": 1, "reason": "lost", "topic_id": None, "arrived_at": DAY}
    came = pa.Table.from_pylist([made or lost])
    path, table = home.silver(name), tables[name]
    held = DeltaTable(path)
    merging.insert(path, table, came.to_pylist())
    with pytest.raises(CommitFailedError):
        merging._merge(held, table, came).when_not_matched_insert(
            merging._values(came.column_names)
        ).execute()
    assert DeltaTable(path).to_pyarrow_table().num_rows == 1


def test_a_table_that_cannot_be_packed_is_told_and_left(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    merging.pack_many(home.silver("none"))
    assert "was not packed" in caplog.text
