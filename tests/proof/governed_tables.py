"""The code of the Databricks notebooks runs as it is, on the local server; only the widgets are ours.

The catalogue is Spark's own, and a prefix keeps its schemas apart from those of the lake, whose silver, merged by
delta-rs, is the oracle of the one that Spark merges.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql.connect.session import SparkSession

from integration.lake.conftest import Lake, lake
from integration.lake.notebooks import land, run
from integration.lake.test_bronze import messages_by_topic
from melpark.processing import governed
from melpark.processing.spark_session import connect
from melpark.processing.tables import BRONZE, QUARANTINE, SCHEMA_CHANGES, SILVER, LakeTable
from melpark.processing.unity import Catalog

__all__ = ["lake"]

# What says when and how a row came here, which is another time and another id of the topic.
OF_THE_WAY = {"arrived_at", "topic_id"}


@pytest.fixture
def session(lake: Lake) -> Iterator[SparkSession]:
    session = connect(lake.settings)
    yield session
    session.stop()


def secret(scope: str, key: str) -> str:
    return {("vault", "kafka-options"): '{"fetch.max.wait.ms": "50"}'}[scope, key]


class OnSchemas:
    """Runs notebooks on schemas of their own."""

    def __init__(self, session: SparkSession, prefix: str, folder: Path) -> None:
        self.session, self.catalog = session, Catalog("spark_catalog", prefix)
        self.place = {"catalog": "spark_catalog", "schema_prefix": prefix, "checkpoints": str(folder)}

    def run(self, notebook: str, **given: str) -> None:
        run(notebook, self.session, self.place | given, secret)

    def held(self, table: LakeTable) -> pa.Table:
        detail = self.session.sql(f"DESCRIBE DETAIL {self.catalog.table(table)}").first()
        assert detail is not None
        return DeltaTable(detail.location.removeprefix("file:")).to_pyarrow_table()


def content(table: pa.Table) -> list[str]:
    """The rows as texts, in an order of their own, whatever the order of the columns."""
    names = sorted(set(table.column_names) - OF_THE_WAY)
    return sorted(repr([row[name] for name in names]) for row in table.select(names).to_pylist())


def test_silver_merged_by_spark_is_the_silver_that_delta_rs_merges(
    lake: Lake, session: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.run()
    notebooks = OnSchemas(session, "cloud_", tmp_path)
    servers = f"127.0.0.1:{lake.settings.kafka_port}"
    for _ in range(2):
        notebooks.run("Bronze", kafka_servers=servers, secret_scope="vault")
    notebooks.run("Silver")
    # Bronze and quarantine only, for each table costs seconds.
    monkeypatch.setattr(governed, "SILVER", ())
    notebooks.run("Maintenance")

    by_topic = notebooks.held(BRONZE)["topic"].value_counts().to_pylist()
    assert {row["values"]: row["counts"] for row in by_topic} == messages_by_topic(lake) == lake.messages
    for table in (*(table.lake for table in SILVER), QUARANTINE, SCHEMA_CHANGES):
        expected = DeltaTable(lake.home.silver(table.name)).to_pyarrow_table()
        assert content(notebooks.held(table)) == content(expected), table.name


def test_bronze_takes_each_file_once(lake: Lake, session: SparkSession, tmp_path: Path) -> None:
    notebooks = OnSchemas(session, "files_", tmp_path / "checkpoints")
    folder = tmp_path / "files"
    for number in range(2):
        land(lake, folder, number)
        notebooks.run("Bronze", source="json", folder=str(folder))
    notebooks.run("Bronze", source="json", folder=str(folder))

    assert sorted(notebooks.held(BRONZE)["offset"].to_pylist()) == [0, 1]
