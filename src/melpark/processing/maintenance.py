"""Nightly care: the lake's small files are packed, old versions removed; PostgreSQL drops months that silver holds."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from pyspark.errors import PySparkException

from melpark.contracts import POLLS, SENSORS
from melpark.errors import MelParkError, RetryableError
from melpark.ingestion import database
from melpark.ingestion.retention import drop_old_events, drop_old_rejects
from melpark.places import Home
from melpark.processing import lake, query
from melpark.processing.capture import gaps
from melpark.processing.spark_session import connect, first_line
from melpark.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

log = logging.getLogger(__name__)

# Fewer files in a table are read as quickly as one.
FEW_FILES = 4


def _care_for(session: "SparkSession", table: Path) -> None:
    files = lake.size(table).files
    if not files:
        return
    try:
        if files > FEW_FILES:
            session.sql(f"OPTIMIZE delta.`{table}`").collect()
        session.sql(f"VACUUM delta.`{table}`").collect()
    except PySparkException as error:
        log.error("%s.%s was not cared for: %s", table.parent.name, table.name, first_line(error))
        return
    log.info("packed and vacuumed %s.%s", table.parent.name, table.name)


def run(settings: Settings) -> None:
    """OPTIMIZE and VACUUM each Delta table of the home, then drop what is old in PostgreSQL; streams go on."""
    care_for_lake(settings)
    _drop_old_events(settings)
    _drop_old_rejects(settings)


def _drop_old_events(settings: Settings) -> None:
    try:
        if _may_lack_changes(settings):
            log.warning(
                "Old events stay until `melpark reconcile` finds that silver has all: see `melpark cdc status`"
            )
            return
        newest = query.sql(
            settings,
            f"SELECT max(observed_at) FROM silver.{POLLS.name} "
            f"WHERE dataset = '{SENSORS.dataset}' AND outcome = 'accepted'",
        )[1][0][0]
        # Now is source time: the newest poll of the sensors, seen from here.
        dropped = drop_old_events(settings, newest, newest) if newest is not None else []
    except MelParkError as error:
        log.error("Old events stay: %s", error)
        return
    if dropped:
        log.info("dropped %s, which silver holds", ", ".join(dropped))


def _may_lack_changes(settings: Settings) -> bool:
    try:
        with database.connect(settings, application_name="melpark maintenance") as session:
            return bool(gaps.unverified(session))
    except psycopg.Error as error:
        raise RetryableError("PostgreSQL does not answer", database.first_line(error), "") from None


def _drop_old_rejects(settings: Settings) -> None:
    try:
        dropped = drop_old_rejects(settings, datetime.now(UTC))
    except MelParkError as error:
        log.error("Old refused records stay: %s", error)
        return
    if dropped:
        log.info("dropped %d refused records", dropped)


def care_for_lake(settings: Settings) -> None:
    """OPTIMIZE and VACUUM each Delta table; a stream that is overtaken merges again, a reader keeps its version.

    VACUUM keeps what versions younger than `lake_retention_days` need.
    """
    session = connect(settings, wait_seconds=30)
    try:
        for table in sorted(Home(settings.home.resolve()).lake.glob("*/*")):
            if (table / "_delta_log").is_dir():
                _care_for(session, table)
    finally:
        session.stop()
