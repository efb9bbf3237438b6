"""SQL over the lake reads every table and changes nothing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from melpark.errors import ConfigurationError, StopError
from melpark.places import Home
from melpark.processing import lake, query
from melpark.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    table = pa.table({"poll_id": pa.array([1, 2, 3], pa.int64()), "dataset": ["a", "a", "b"]})
    write_deltalake(tmp_path / "lake" / "silver" / "polls", table)
    write_deltalake(tmp_path / "lake" / "silver" / "polls", table, mode="append")
    return Settings(home=tmp_path)


def test_a_table_is_known_by_its_layer_and_name(settings: Settings) -> None:
    columns, rows = query.sql(
        settings, "SELECT dataset, count(*) AS n FROM silver.polls GROUP BY ALL ORDER BY 1"
    )
    assert (columns, rows) == (["dataset", "n"], [("a", 4), ("b", 2)])


def test_times_are_utc_also_in_files_that_do_not_say_so(settings: Settings) -> None:
    instant = datetime(2025, 8, 5, 5, 19, 39, tzinfo=UTC)
    path = settings.home / "lake" / "silver" / "feed_outages"
    write_deltalake(path, pa.table({"start_at": pa.array([instant], pa.timestamp("us", "UTC"))}))
    (file,) = path.glob("*.parquet")
    pq.write_table(pq.read_table(file), file, use_deprecated_int96_timestamps=True)

    assert query.sql(settings, "SELECT start_at FROM silver.feed_outages")[1] == [(instant,)]


def test_the_tables_can_be_listed(settings: Settings) -> None:
    assert query.sql(settings, "SHOW TABLES")[1] == [("silver", "polls")]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a int)",
        "DELETE FROM silver.polls",
        "COPY silver.polls TO '/tmp/polls.csv'",
        "ATTACH '/tmp/x.db'",
        "SET enable_external_access = true",
        "PRAGMA version",
    ],
)
def test_a_statement_that_is_no_query_is_refused(settings: Settings, statement: str) -> None:
    with pytest.raises(ConfigurationError, match="read-only"):
        query.sql(settings, statement)


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'"]
)
def test_a_query_sees_no_files(settings: Settings, statement: str) -> None:
    with pytest.raises(ConfigurationError, match="The query failed"):
        query.sql(settings, statement)


@pytest.mark.parametrize("statement", ["", "SELECT 1; SELECT 2", "SELEKT", "SELECT * FROM silver.nothing"])
def test_what_cannot_be_run_is_said_in_one_line(settings: Settings, statement: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        query.sql(settings, statement)
    assert "\n" not in str(raised.value)


def test_a_home_without_tables_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StopError, match="melpark up"):
        query.sql(Settings(home=tmp_path), "SELECT 1")


def test_rows_files_and_greatest_values_come_from_the_log(settings: Settings) -> None:
    path = settings.home / "lake" / "silver" / "polls"
    assert (lake.size(path).rows, lake.size(path).files) == (6, 2)
    assert lake.size(path).bytes > 0
    assert lake.newest(path, "poll_id") == 3
    assert lake.newest_poll_id_in_silver(Home(settings.home)) == 3


def test_a_table_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert lake.size(tmp_path / "nothing") == lake.Size(0, 0, 0)
    assert lake.newest(tmp_path / "nothing", "poll_id") is None
    assert lake.newest_poll_id_in_bronze(Home(tmp_path)) is None


def test_tables_that_a_statement_does_not_name_are_not_opened(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    add_view = query.add_view

    def watched(connection: duckdb.DuckDBPyConnection, name: str, *others: Any) -> None:
        opened.append(name)
        add_view(connection, name, *others)

    monkeypatch.setattr(query, "add_view", watched)
    query.sql(settings, "SELECT 1")
    assert opened == []
    query.sql(settings, "SELECT count(*) FROM silver.Polls")
    assert opened == ['"silver"."polls"']


def test_a_table_whose_name_is_wrong_is_answered_with_the_right_one(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match='Did you mean "polls"'):
        query.sql(settings, "SELECT * FROM silver.pols")
