"""A report is one query to two engines."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from pyspark.sql.connect.session import SparkSession

from integration.lake.conftest import Lake
from melpark.processing import catalogue, query, reports
from melpark.processing.spark_session import connect

DESCRIBED = {
    model["name"]: model for model in yaml.safe_load((reports.FOLDER / "_reports.yml").read_text())["models"]
}


@pytest.fixture(scope="module")
def spark(built: Lake) -> Iterator[SparkSession]:
    session = connect(built.settings)
    catalogue.register(session, built.home)
    # To compile these few queries would cost more than to run them.
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    yield session
    session.stop()


def _comparable(row: Iterable[Any]) -> tuple[Any, ...]:
    # Spark gives times of this machine's clock, without its zone.
    return tuple(str(value.astimezone(UTC)) if isinstance(value, datetime) else value for value in row)


@pytest.mark.parametrize("report", DESCRIBED)
def test_spark_and_duckdb_read_the_same_in_a_report(report: str, spark: SparkSession, built: Lake) -> None:
    told = DESCRIBED[report]
    key = ", ".join(told["config"]["meta"]["key"])
    frame = spark.sql(f"SELECT * FROM ({reports.queries()[report]}) ORDER BY {key}")
    found = [_comparable(row) for row in frame.collect()]

    assert [(column["name"], column["data_type"]) for column in told["columns"]] == frame.dtypes
    assert len(found) > 0
    expected = query.sql(built.settings, f"SELECT * FROM gold.{report} ORDER BY {key}")[1]
    assert found == [pytest.approx(_comparable(row)) for row in expected]
