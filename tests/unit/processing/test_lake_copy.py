"""A table is copied whole at one version while others write, pack and clean it."""

import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import bronze_position, lake_copy
from melpark.processing.bronze_position import Known
from melpark.processing.kafka_log import Span, Topic

ROWS = 10


def append(path: Path, number: int) -> None:
    rows = pa.table({"topic": [f"t {number % 2}"] * ROWS, "number": [number] * ROWS})
    write_deltalake(path, rows, mode="append", partition_by=["topic"])


def test_each_copy_is_one_version_though_the_table_is_written_packed_and_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "table"
    append(path, 0)
    stop = threading.Event()

    def write() -> None:
        number = 1
        while not stop.is_set():
            append(path, number)
            number += 1
            if number % 5 == 0:
                DeltaTable(path).optimize.compact()
                DeltaTable(path).create_checkpoint()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(8):
            version = lake_copy.copy_table(path, tmp_path / f"copy-{number}")
            copied = DeltaTable(tmp_path / f"copy-{number}")
            assert copied.version() == version
            assert copied.to_pyarrow_table().num_rows == DeltaTable(path, version).to_pyarrow_table().num_rows
    finally:
        stop.set()
        writer.join()


def test_a_file_that_is_missing_or_cut_off_is_found(tmp_path: Path) -> None:
    table = tmp_path / "silver" / "polls"
    append(table, 1)
    assert lake_copy.check(tmp_path) == {"silver.polls": 0}
    file = next(table.rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StopError, match="missing or cut off"):
        lake_copy.check(tmp_path)
    file.unlink()
    with pytest.raises(StopError, match="missing or cut off"):
        lake_copy.check(tmp_path)


def test_layers_are_copied_before_what_they_are_made_of(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for database in ("bronze", "gold", "silver"):
        append(home.lake / database / "any", 1)
    assert list(lake_copy.copy(home, tmp_path / "copy")) == ["gold.any", "silver.any", "bronze.any"]


def test_after_a_restore_topics_that_are_made_anew_are_read_from_their_beginning(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lake_copy.expect_new_topics(home)
    known = bronze_position.known(home)
    name = "melbourne.parking.polls"
    now = {name: Topic("new", {0: Span(0, 5)})}
    rows = [(name, 0, "old", 41, 1)]
    positions, ids = bronze_position.of_table(rows, now), bronze_position.newest_ids(rows)

    assert bronze_position.gaps(now, positions, Known(ids | known.ids)) == []
    assert bronze_position.starts(now, positions, known) == f'{{"{name}": {{"0": 0}}}}'
    # In any other home that is an error.
    assert bronze_position.gaps(now, positions, Known(ids)) != []
