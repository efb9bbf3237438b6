"""Small reads of the lake: the newest poll in bronze is found by the log, in one file."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from melpark.contracts import POLLS, SENSORS
from melpark.places import Home, topic
from melpark.processing import catalogue, lake, merging

BEGAN_AT = datetime(2025, 8, 5, tzinfo=UTC)
SCHEMA = pa.schema(
    {
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "value": pa.string(),
        "kafka_at": pa.timestamp("us", "UTC"),
    }
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def poll(number: int, seconds: float | None = None) -> dict[str, object]:
    """Poll `number` is at offset 2 `number`: a marker stands between two."""
    return {
        "topic": topic(POLLS.name),
        "partition": 0,
        "offset": 2 * number,
        "value": json.dumps({"after": {"poll_id": number}}),
        "kafka_at": BEGAN_AT + timedelta(seconds=number if seconds is None else seconds),
    }


def other(offset: int, seconds: float) -> dict[str, object]:
    return poll(offset, seconds) | {"topic": topic(SENSORS.name), "offset": offset}


def commit(home: Home, *rows: dict[str, object]) -> None:
    table = pa.Table.from_pylist(list(rows), SCHEMA)
    write_deltalake(home.bronze, table, mode="append", partition_by=["topic"])


def test_the_newest_poll_is_that_of_the_greatest_offset(home: Home) -> None:
    commit(home, poll(1), poll(3), poll(2), other(99, 3))
    commit(home, other(100, 4))
    assert lake.newest_poll_id_in_bronze(home) == 3


def test_it_is_found_in_what_was_packed(home: Home) -> None:
    for number in range(1, 7):
        commit(home, poll(number), other(number, number))
    merging.pack(home.bronze)
    assert lake.size(home.bronze).files == 2
    assert lake.newest_poll_id_in_bronze(home) == 6
    commit(home, poll(7))
    assert lake.newest_poll_id_in_bronze(home) == 7


def test_one_file_is_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 9):
        commit(home, poll(number), other(number, number))
    read: list[Path] = []
    last_value = lake._last_value

    def noted(file: Path) -> str | None:
        read.append(file)
        return last_value(file)

    monkeypatch.setattr(lake, "_last_value", noted)
    assert lake.newest_poll_id_in_bronze(home) == 8
    assert len(read) == 1


def test_where_no_poll_is_there_is_no_newest(home: Home) -> None:
    assert lake.newest_poll_id_in_bronze(home) is None
    commit(home, other(1, 1))
    assert lake.newest_poll_id_in_bronze(home) is None


def test_rows_and_the_greatest_value_are_told_by_one_look(home: Home) -> None:
    commit(home, poll(1), poll(2))
    commit(home, poll(3))
    assert lake.rows_and_newest(home.bronze, "offset") == (3, 6)
    assert lake.rows_and_newest(home.bronze, "no_such_column") == (3, None)
    assert lake.rows_and_newest(home.gold / "none", "offset") == (0, None)


def test_a_commit_moves_the_time_of_the_last_one(home: Home) -> None:
    assert catalogue.committed_at(home.bronze) is None
    commit(home, poll(1))
    first = catalogue.committed_at(home.bronze)
    commit(home, poll(2))
    second = catalogue.committed_at(home.bronze)
    assert first is not None
    assert second is not None
    assert first < second
    DeltaTable(home.bronze).optimize.compact()
    assert second < (catalogue.committed_at(home.bronze) or 0)
