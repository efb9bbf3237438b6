"""Nightly care: the lake is packed and compared with PostgreSQL, which then drops the months that silver holds."""

import logging
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from melpark.contracts import POLLS, SENSORS
from melpark.errors import MelParkError, RetryableError, StopError
from melpark.ingestion import database
from melpark.ingestion.retention import drop_old_events, drop_old_rejects
from melpark.places import Home
from melpark.processing import catalogue, lake, merging, query, silver
from melpark.processing.capture import gaps
from melpark.processing.job_runs import recorded
from melpark.processing.reconcile import compare, repair, report
from melpark.processing.spark_session import first_line
from melpark.settings import Settings

log = logging.getLogger(__name__)

# Fewer files in a table are read as quickly as one.
FEW_FILES = 4


def care_for_lake(settings: Settings) -> bool:
    """Pack and vacuum each Delta table; a stream that is overtaken merges again, a reader keeps its version.

    VACUUM keeps what versions younger than `lake_retention_days` need. False when a table, which is named in the
    log, could not be cared for.
    """
    home = Home(settings.home.resolve())
    is_done = True
    for layer in sorted(folder.name for folder in home.lake.glob("*")):
        for table in catalogue.in_database(home, layer):
            is_done &= _care_for(table, silver.tables_stay(home) if layer == "silver" else nullcontext())
    return is_done


def _care_for(path: Path, held: AbstractContextManager[None]) -> bool:
    name = f"{path.parent.name}.{path.name}"
    try:
        with held:
            _pack_and_vacuum(path)
    except TableNotFoundError:
        # Silver is being made anew.
        return True
    except (MelParkError, DeltaError, OSError) as error:
        log.error("%s was not cared for: %s", name, first_line(error))
        return False
    log.info("packed and vacuumed %s", name)
    return True


def _pack_and_vacuum(path: Path) -> None:
    # Read anew each time: a stream may have committed in between.
    if lake.size(path).files > FEW_FILES:
        merging.pack(path)
    DeltaTable(path).vacuum(dry_run=False, full=True, post_commithook_properties=merging.NO_HOOK)


def run(settings: Settings) -> None:
    """Pack and vacuum each Delta table, compare silver with PostgreSQL, drop what is old there; streams go on.

    Each part is tried, whatever became of the one before. Raises StopError that names those that failed.
    """
    with recorded(Home(settings.home.resolve()), "maintenance"):
        is_done = {"packing the lake": care_for_lake(settings)}
        is_done["comparing silver with PostgreSQL"] = is_whole = silver_lacks_nothing(settings)
        is_done["dropping old events"] = not is_whole or _drop_old_events(settings)
        is_done["dropping refused records"] = _drop_old_rejects(settings)
        if failed := [part for part, is_well in is_done.items() if not is_well]:
            raise StopError(
                "Not all of the nightly care was done",
                ", ".join(failed),
                "The log of the scheduler says why; the next night tries again",
            )


def silver_lacks_nothing(settings: Settings) -> bool:
    """Compare silver with PostgreSQL and tell what differs; when nothing does, gaps of capture are closed.

    True when silver holds whatever PostgreSQL does.
    """
    began_at = datetime.now(UTC)
    try:
        found = compare.compare(settings)
        if found.is_whole:
            repair.verified(settings, began_at)
    except (MelParkError, psycopg.Error, duckdb.Error, DeltaError, OSError) as error:
        log.error("Silver was not compared with PostgreSQL, where old events stay: %s", first_line(error))
        return False
    for span in found.differing:
        log.error("silver.%s differs from PostgreSQL in %s: %s", span.table, span.name, span.counts)
    log.log(logging.INFO if found.is_whole else logging.ERROR, "%s", report.verdict(found, False))
    return not any(span.can_be_repaired for span in found.spans)


def _drop_old_events(settings: Settings) -> bool:
    try:
        if _may_lack_changes(settings):
            log.warning(
                "Old events stay until `melpark reconcile` finds that silver has all: see `melpark cdc status`"
            )
            return True
        newest = query.sql(
            settings,
            f"SELECT max(observed_at) FROM silver.{POLLS.name} "
            f"WHERE dataset = '{SENSORS.dataset}' AND outcome = 'accepted'",
        )[1][0][0]
        # Now is source time: the newest poll of the sensors, seen from here.
        dropped = drop_old_events(settings, newest, newest) if newest is not None else []
    except MelParkError as error:
        log.error("Old events stay: %s", error)
        return False
    if dropped:
        log.info("dropped %s, which silver holds", ", ".join(dropped))
    return True


def _may_lack_changes(settings: Settings) -> bool:
    try:
        with database.connect(settings, application_name="melpark maintenance") as session:
            return bool(gaps.unverified(session))
    except psycopg.Error as error:
        raise RetryableError("PostgreSQL does not answer", database.first_line(error), "") from None


def _drop_old_rejects(settings: Settings) -> bool:
    try:
        dropped = drop_old_rejects(settings, datetime.now(UTC))
    except MelParkError as error:
        log.error("Old refused records stay: %s", error)
        return False
    if dropped:
        log.info("dropped %d refused records", dropped)
    return True
