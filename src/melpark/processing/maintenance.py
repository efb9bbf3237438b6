"""Nightly care of the lake: small files are packed, files that no version needs are removed."""

import logging

from melpark.places import Home
from melpark.processing.spark_session import connect
from melpark.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """OPTIMIZE and VACUUM every Delta table of the home; readers and streams go on meanwhile."""
    session = connect(settings, wait_seconds=30)
    try:
        for table in sorted(Home(settings.home.resolve()).lake.glob("*/*")):
            if (table / "_delta_log").is_dir():
                session.sql(f"OPTIMIZE delta.`{table}`").collect()
                session.sql(f"VACUUM delta.`{table}`").collect()
                log.info("packed and vacuumed %s.%s", table.parent.name, table.name)
    finally:
        session.stop()
