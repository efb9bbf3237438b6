"""A table of the lake as one file."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from melpark.errors import ConfigurationError, StopError
from melpark.places import Home
from melpark.processing import export
from melpark.settings import CITY_ATTRIBUTION, SIMULATED_ATTRIBUTION, Settings

AT = datetime(2025, 8, 5, 2, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home", source="portal", portal_url="http://127.0.0.1:1")
    rows = {
        "location_key": pa.array(["1-2", "O'Connell"]),
        "starts_at": pa.array([AT, None], pa.timestamp("us", "UTC")),
        "local_date": pa.array([AT.date(), AT.date()]),
    }
    write_deltalake(Home(settings.home).gold / "fact_occupancy", pa.table(rows), partition_by="local_date")
    return settings


def test_a_csv_holds_every_row_with_times_in_utc_and_names_who_is_owed(
    settings: Settings, tmp_path: Path
) -> None:
    path = export.run(settings, "gold.fact_occupancy", "csv", tmp_path / "it's.csv")

    with path.open(newline="") as file:
        found = sorted(csv.reader(file))
    assert found == [
        ["1-2", "2025-08-05T02:30:00.000000Z", "2025-08-05"],
        ["O'Connell", "", "2025-08-05"],
        ["location_key", "starts_at", "local_date"],
    ]
    assert (tmp_path / "it's.csv.attribution.txt").read_text() == f"{CITY_ATTRIBUTION}\n"


def test_a_parquet_file_holds_the_types_and_the_attribution(settings: Settings, tmp_path: Path) -> None:
    simulated = settings.model_copy(update={"source": "simulator"})
    path = export.run(simulated, "gold.fact_occupancy", "parquet", tmp_path / "out.parquet")

    table = pq.read_table(path)
    assert sorted(row["location_key"] for row in table.to_pylist()) == ["1-2", "O'Connell"]
    assert table.schema.field("local_date").type == pa.date32()
    assert table.schema.metadata[b"attribution"].decode() == SIMULATED_ATTRIBUTION


def test_a_table_that_is_not_there_is_named_with_the_one_that_is(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no table fact_occupancy: did you mean gold\.fact_occupancy"
    ):
        export.run(settings, "fact_occupancy", "csv", tmp_path / "out.csv")


def test_a_file_that_cannot_be_written_leaves_what_was_there(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        export.run(settings, "gold.fact_occupancy", "csv", tmp_path / "none" / "out.csv")
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(StopError, match="was not written"):
        export.run(settings, "gold.fact_occupancy", "csv", tmp_path / "out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out.csv"]
