"""Nightly care of the lake: small files are packed, files that no version needs are removed."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from melpark.places import Home
from melpark.processing.spark_session import connect, first_line
from melpark.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

log = logging.getLogger(__name__)


def _care_for(session: "SparkSession", table: Path) -> None:
    try:
        session.sql(f"OPTIMIZE delta.`{table}`").collect()
        session.sql(f"VACUUM delta.`{table}`").collect()
    except PySparkException as error:
        log.error("%s.%s was not cared for: %s", table.parent.name, table.name, first_line(error))
        return
    log.info("packed and vacuumed %s.%s", table.parent.name, table.name)


def run(settings: Settings) -> None:
    """OPTIMIZE and VACUUM every Delta table of the home; readers and streams go on meanwhile."""
    session = connect(settings, wait_seconds=30)
    try:
        for table in sorted(Home(settings.home.resolve()).lake.glob("*/*")):
            if (table / "_delta_log").is_dir():
                _care_for(session, table)
    finally:
        session.stop()
