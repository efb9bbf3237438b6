"""The rule calendar follows the polls: written ahead by weeks, rewritten where plates changed, in their transaction.

It covers from some weeks before the first poll of the sensors to some weeks after now, which is their time (8 and 4
by the settings). Most polls only look whether that is so. `docs/rules.md` tells how plates become windows.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import cast

from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import SENSORS, SIGN_PLATES, Column
from melpark.ingestion import rule_sql, staging
from melpark.parking.local_time import local_day, midnight
from melpark.parking.plates import Plate, problem
from melpark.parking.rule_calendar import Clock, Version, windows
from melpark.parking.rules import Kind
from melpark.settings import Settings

# What is written beyond that, so that few polls have to write.
STEP_BACK = timedelta(weeks=4)
STEP_AHEAD = timedelta(weeks=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extent:
    """The polls of the sensors before this one, and the calendar; each None where there is nothing yet."""

    first_poll_at: datetime | None
    newest_poll_at: datetime | None
    start_at: datetime | None
    end_at: datetime | None


def keep(
    cursor: Cursor[TupleRow],
    dataset: str,
    observed_at: datetime,
    settings: Settings,
    is_refetched: bool = False,
) -> None:
    """Bring the calendar to where an accepted poll needs it; its own row is not yet in `polls`.

    Plates that are refetched make the whole calendar anew: codes or holidays may be read otherwise now.
    """
    calendar = _Calendar(cursor, observed_at, settings)
    if dataset == SENSORS.dataset:
        calendar.reach(observed_at)
    elif dataset == SIGN_PLATES.dataset:
        calendar.follow_plates()
        if is_refetched:
            rebuild(cursor, observed_at, settings)


def rebuild(cursor: Cursor[TupleRow], observed_at: datetime, settings: Settings) -> None:
    """Compute the whole calendar again and write what differs: after codes or holidays are read otherwise.

    The cursor must be in a transaction.
    """
    calendar = _Calendar(cursor, observed_at, settings)
    versions = calendar.versions()
    if versions:
        calendar.write(
            versions,
            min(version.start_at for version in versions),
            max(version.end_at for version in versions),
        )


class _Calendar:
    """The calendar in one transaction. `observed_at` is the poll's, and goes into the rows that it writes."""

    def __init__(self, cursor: Cursor[TupleRow], observed_at: datetime, settings: Settings) -> None:
        self._cursor = cursor
        self._observed_at = observed_at
        self._holidays_suspend_plates = settings.holidays_suspend_plates
        self._before_first_poll = timedelta(weeks=settings.rule_weeks_before)
        self._after_now = timedelta(weeks=settings.rule_weeks_after)

    def extent(self) -> Extent:
        row = self._cursor.execute(rule_sql.READ_EXTENT, {"dataset": SENSORS.dataset}).fetchone()
        return Extent(*cast(TupleRow, row))

    def reach(self, now: datetime) -> None:
        """Cover what a poll of the sensors at `now` needs."""
        extent = self.extent()
        first_needed_at = min(extent.first_poll_at or now, now) - self._before_first_poll
        if extent.start_at is None or extent.end_at is None:
            self._begin(
                _midnight_before(first_needed_at), _midnight_before(now + self._after_now + STEP_AHEAD)
            )
            return
        if extent.start_at > first_needed_at:
            self._grow_back(_midnight_before(first_needed_at - STEP_BACK), extent.start_at)
        if extent.end_at < now + self._after_now:
            self._grow_ahead(extent.end_at, _midnight_before(now + self._after_now + STEP_AHEAD))

    def follow_plates(self) -> None:
        """End the windows of plates that are gone, and begin those of new ones, at the poll's time."""
        extent = self.extent()
        if extent.newest_poll_at is None:
            # The first poll of the sensors says where the calendar begins.
            return
        if extent.start_at is None or extent.end_at is None:
            self.reach(extent.newest_poll_at)
            return
        known = {version.zone_number: version.plates for version in self.versions(is_current=True)}
        plates = self._plates()
        changed = sorted(zone for zone in known | plates if known.get(zone) != plates.get(zone))
        if not changed:
            return
        at = max(self._observed_at, extent.start_at)
        end_at = extent.end_at
        if end_at < at + self._after_now:
            end_at = _midnight_before(at + self._after_now + STEP_AHEAD)
            self._grow_ahead(extent.end_at, end_at)
        self._cursor.execute(rule_sql.END_VERSIONS, {"start_at": at, "zones": changed})
        added = [Version(zone, at, end_at, plates[zone]) for zone in changed if zone in plates]
        self._add_versions(added, is_current=True)
        _say_problems(added, frozenset().union(*known.values()))
        self.write(added, at, end_at, changed)

    def versions(self, is_current: bool = False) -> list[Version]:
        """The versions of each zone in order; with `is_current` only those that hold now."""
        rows = self._cursor.execute(rule_sql.READ_VERSIONS, {"is_current": is_current}).fetchall()
        return [
            Version(zone, start_at, end_at, frozenset(Plate(**plate) for plate in plates))
            for zone, start_at, end_at, plates in rows
        ]

    def write(
        self,
        versions: Sequence[Version],
        start_at: datetime,
        end_at: datetime,
        zones: Sequence[int] | None = None,
    ) -> None:
        """Make the windows of the zones in [start_at, end_at) those of the versions, writing only differences.

        `zones` are those of the versions, and others that have no plates there.
        """
        zones = sorted({version.zone_number for version in versions}) if zones is None else zones
        parameters = {
            "zones": list(zones),
            "start_at": start_at,
            "end_at": end_at,
            "observed_at": self._observed_at,
        }
        computed = windows(versions, self._clocks(parameters), self._holidays_suspend_plates)
        columns = attrgetter(*(column.name for column in rule_sql.COMPUTED_COLUMNS))
        self._stage(rule_sql.COMPUTED, rule_sql.COMPUTED_COLUMNS, map(columns, computed))
        for statement in (
            rule_sql.CUT_WINDOWS,
            rule_sql.EMPTY_WINDOWS,
            rule_sql.WRITE_WINDOWS,
            rule_sql.CARRY_CLOCKS,
        ):
            self._cursor.execute(statement, parameters)

    def _begin(self, start_at: datetime, end_at: datetime) -> None:
        """The first plates hold from the beginning: that is assumed."""
        versions = [Version(zone, start_at, end_at, plates) for zone, plates in self._plates().items()]
        self._add_versions(versions, is_current=True)
        _say_problems(versions, frozenset())
        self.write(versions, start_at, end_at)

    def _grow_ahead(self, old_end_at: datetime, end_at: datetime) -> None:
        self._cursor.execute(rule_sql.EXTEND_VERSIONS, {"end_at": end_at})
        grown = [replace(version, start_at=old_end_at) for version in self.versions(is_current=True)]
        self.write(grown, old_end_at, end_at)

    def _grow_back(self, start_at: datetime, old_start_at: datetime) -> None:
        grown = [
            replace(version, start_at=start_at, end_at=old_start_at)
            for version in self.versions()
            if version.start_at == old_start_at
        ]
        self._add_versions(grown, is_current=False)
        self.write(grown, start_at, old_start_at)

    def _add_versions(self, versions: Sequence[Version], is_current: bool) -> None:
        rows = (
            (
                version.zone_number,
                version.start_at,
                version.end_at,
                is_current,
                [asdict(plate) for plate in sorted(version.plates)],
                self._observed_at,
            )
            for version in versions
        )
        self._stage(rule_sql.ADDED, rule_sql.ADDED_COLUMNS, rows)
        self._cursor.execute(rule_sql.ADD_VERSIONS)

    def _stage(self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
        staging.create(self._cursor, name, columns)
        # A poll may stage twice in its transaction.
        self._cursor.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier(name)))
        staging.copy(self._cursor, sql.Identifier(name), columns, rows)

    def _plates(self) -> dict[int, frozenset[Plate]]:
        by_zone = defaultdict(set)
        for zone, *plate in self._cursor.execute(rule_sql.READ_PLATES).fetchall():
            by_zone[zone].add(Plate(*plate))
        return {zone: frozenset(plates) for zone, plates in by_zone.items()}

    def _clocks(self, parameters: Mapping[str, object]) -> dict[int, dict[Clock, datetime]]:
        running: dict[int, dict[Clock, datetime]] = defaultdict(dict)
        for zone, limit_minutes, kind, since in self._cursor.execute(
            rule_sql.READ_CLOCKS, parameters
        ).fetchall():
            running[zone][limit_minutes, Kind(kind)] = since
        return running


def _midnight_before(at: datetime) -> datetime:
    return midnight(local_day(at))


def _say_problems(versions: Iterable[Version], known: frozenset[Plate]) -> None:
    """Warn once of each thing that cannot be read, when it first appears; its windows have an unknown limit."""
    zones: dict[str, set[int]] = defaultdict(set)
    for version in versions:
        for plate in version.plates:
            if found := problem(plate):
                zones[found].add(version.zone_number)
    for found in sorted(zones.keys() - {problem(plate) for plate in known}):
        places = ", ".join(str(zone) for zone in sorted(zones[found]))
        log.warning("sign plates: %s (zones %s); its limit counts as unknown", found, places)
