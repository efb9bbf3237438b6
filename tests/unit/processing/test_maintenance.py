"""Laws of nightly care: small files are packed, rows and young versions stay, what nothing needs any more goes."""

import os
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from melpark import secrets
from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import catalogue, job_runs, lake, maintenance, silver
from melpark.settings import Settings
from plugins.ports import free_port

DAY = 86_400


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Silver's polls in six files."""
    path = Home(tmp_path).silver("polls")
    for number in range(6):
        write_deltalake(path, pa.table({"poll_id": [number]}), mode="append")
    return path


def care(home: Path) -> None:
    maintenance.care_for_lake(Settings(home=home))


def test_small_files_are_packed_and_every_row_stays(table: Path, tmp_path: Path) -> None:
    care(tmp_path)
    assert lake.size(table).files == 1
    assert sorted(DeltaTable(table).to_pyarrow_table()["poll_id"].to_pylist()) == list(range(6))


def test_a_few_files_are_left_as_they_are(table: Path, tmp_path: Path) -> None:
    DeltaTable(table).delete("poll_id > 2")
    version = DeltaTable(table).version()
    care(tmp_path)
    assert DeltaTable(table).version() == version


def test_a_reader_keeps_the_version_that_it_opened(table: Path, tmp_path: Path) -> None:
    opened = DeltaTable(table)
    for file in table.glob("*.parquet"):
        os.utime(file, times=(time.time() - 8 * DAY,) * 2)
    care(tmp_path)
    assert opened.to_pyarrow_table().num_rows == 6


def test_a_file_that_no_version_needs_is_deleted_once_it_is_old(table: Path, tmp_path: Path) -> None:
    old, young = table / "left-by-a-kill.parquet", table / "being-written.parquet"
    for file in (old, young):
        file.write_bytes(b"")
    os.utime(old, times=(time.time() - 8 * DAY,) * 2)
    care(tmp_path)
    assert not old.exists()
    assert young.exists()


def test_a_table_that_is_just_being_made_anew_is_nothing_to_tell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Home(tmp_path).silver("polls")
    gone.parent.mkdir(parents=True)
    monkeypatch.setattr(catalogue, "in_database", lambda home, layer: [gone])
    care(tmp_path)
    assert caplog.records == []


def test_a_table_whose_files_are_gone_is_named(
    table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for file in table.glob("*.parquet"):
        file.unlink()
    care(tmp_path)
    assert "silver.polls was not cared for" in caplog.text


def test_a_table_that_cannot_be_cared_for_is_named_and_the_others_are_cared_for(
    table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Home(tmp_path).silver("bays") / "_delta_log"
    broken.mkdir(parents=True)
    (broken / "00000000000000000000.json").write_text("{no json")
    care(tmp_path)
    assert [record.message.partition(" ")[0] for record in caplog.records if record.levelname == "ERROR"] == [
        "silver.bays"
    ]
    assert lake.size(table).files == 1


def test_silver_is_not_packed_while_it_is_taken_away(
    table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silver, "WAIT_SECONDS", 0.0)
    with silver.tables_stay(Home(tmp_path)):
        care(tmp_path)
    assert "silver.polls was not cared for: Another process packs silver or makes it anew" in caplog.text
    assert lake.size(table).files == 6


def test_a_night_of_which_a_part_failed_is_a_failed_run_that_names_the_parts(
    table: Path, tmp_path: Path
) -> None:
    for file in table.glob("*.parquet"):
        file.unlink()
    settings = Settings(home=tmp_path, postgres_port=free_port())
    secrets.ensure(Home(tmp_path))
    with pytest.raises(
        StopError, match="packing the lake, comparing silver with PostgreSQL, dropping refused"
    ):
        maintenance.run(settings)
    (run,) = job_runs.newest(Home(tmp_path))
    assert (run.job, run.is_failed) == ("maintenance", True)
