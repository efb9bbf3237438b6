"""The lake as the answers read it: newest versions, held versions, and what is not there."""

import shutil
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from melpark.places import Home
from melpark.serving.lake import Lake, NotThereYetError, VersionGoneError
from melpark.settings import Settings

NUMBERS = "SELECT number FROM gold.numbers WHERE number > ? ORDER BY number"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def lake(home: Home) -> Lake:
    return Lake(Settings(home=home.root))


def append(home: Home, *numbers: int) -> None:
    write_deltalake(home.gold / "numbers", pa.table({"number": pa.array(numbers, pa.int64())}), mode="append")


def test_rows_have_names_and_the_version_they_were_read_at(home: Home, lake: Lake) -> None:
    append(home, 1, 2, 3)
    answer = lake.rows(NUMBERS, [1])
    assert answer.records() == [{"number": 2}, {"number": 3}]
    assert answer.versions == {"gold.numbers": 0} == lake.versions("gold.numbers")


def test_a_commit_is_seen_and_a_held_version_still_shows_what_it_showed(home: Home, lake: Lake) -> None:
    append(home, 1)
    first = lake.rows(NUMBERS, [0])
    append(home, 2)
    assert lake.rows(NUMBERS, [0]).rows == [(1,), (2,)]
    assert lake.rows(NUMBERS, [0], first.versions).rows == [(1,)]


def test_a_table_without_rows_is_read_as_any(home: Home, lake: Lake) -> None:
    append(home)
    assert lake.rows(NUMBERS, [0]).rows == []
    append(home, 1)
    assert lake.rows(NUMBERS, [0]).rows == [(1,)]


def test_a_table_that_is_not_built_says_so_until_it_is(home: Home, lake: Lake) -> None:
    with pytest.raises(NotThereYetError, match=r"gold\.numbers is not built yet"):
        lake.rows(NUMBERS, [0])
    append(home, 1)
    assert lake.rows(NUMBERS, [0]).rows == [(1,)]
    shutil.rmtree(home.gold / "numbers")
    with pytest.raises(NotThereYetError):
        lake.rows(NUMBERS, [0])


def test_a_version_that_is_not_kept_any_more_says_so(home: Home, lake: Lake) -> None:
    append(home, 1)
    held = lake.versions("gold.numbers")
    write_deltalake(home.gold / "numbers", pa.table({"number": [2]}), mode="overwrite")
    table = DeltaTable(home.gold / "numbers")
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(VersionGoneError, match="Ask again from the first page"):
        lake.rows(NUMBERS, [0], held)
    with pytest.raises(VersionGoneError):
        lake.rows(NUMBERS, [0], {"gold.numbers": 99})


def test_it_reads_nothing_but_the_lake(
    home: Home, lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    append(home, 1)
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text("word\nsecret\n")
    with pytest.raises(duckdb.PermissionException):
        lake.rows(f"SELECT * FROM read_csv('{outside}'), gold.numbers")


def test_threads_may_ask_at_once(home: Home, lake: Lake) -> None:
    append(home, *range(1000))
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(len(lake.rows(NUMBERS, [-1]).rows))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1000] * 8
