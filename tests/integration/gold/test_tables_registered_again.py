"""The catalogue can be lost: every table on disk is registered again."""

import shutil
from collections.abc import Iterable

from integration.lake import engines
from integration.lake.conftest import Lake
from melpark.processing import catalogue
from melpark.processing import lake as reads
from melpark.processing.catalogue import on_disk
from melpark.processing.spark_session import connect


def test_a_deleted_catalogue_is_made_again_from_the_tables_on_disk(built: Lake) -> None:
    lake = built
    rows = {f"{database}.{path.name}": reads.rows(path) for database, path in on_disk(lake.home)}
    engines.stop(lake.spark)
    shutil.rmtree(lake.home.engine("spark") / "metastore")
    lake.start_spark()

    assert _counts(lake, rows) == rows
    assert {"gold.fact_parking_sessions", "silver.sensor_events", "bronze.change_events"} <= set(rows)


def _counts(lake: Lake, tables: Iterable[str]) -> dict[str, int]:
    session = connect(lake.settings)
    try:
        catalogue.register(session, lake.home)
        counts = (f"SELECT '{table}' AS name, count(*) AS rows FROM {table}" for table in sorted(tables))
        return {row["name"]: row["rows"] for row in session.sql(" UNION ALL ".join(counts)).collect()}
    finally:
        session.stop()
