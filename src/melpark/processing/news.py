"""What silver has learned since gold was built: from which instant on, and from which day, gold is made anew.

Delta's log tells which files came and which went between two versions of a table; the rows that stand in only one of
the two sets are the news, so a table that was merely packed has none. Nothing is asked of Spark, and what is read
grows with the news.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from melpark.contracts import POLLS, SENSORS
from melpark.contracts import REFERENCES as REFERENCE_TABLES
from melpark.errors import RetryableError
from melpark.parking.local_time import local_day
from melpark.places import Home
from melpark.processing.query import add_view


@dataclass(frozen=True)
class Version:
    """A version of a Delta table; a table that was made anew has another id."""

    table_id: str
    version: int


Versions = Mapping[str, Version]


@dataclass(frozen=True)
class Source:
    """A silver table that the facts are made of: its key, and the column from whose instant on a row changes them.

    Where a row is only cut or extended (`until`), they change from the earlier of its two ends on.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    since: str
    until: str | None = None


BEGINNING = "TIMESTAMPTZ '1970-01-01 00:00:00+00'"
SENSOR_EVENTS = Source(
    "sensor_events",
    ("kerbside_id", "status_changed_at"),
    ("status", "heard_at", "previous_heard_at", "origin"),
    "status_changed_at",
)
STATES = Source(
    "sensor_states",
    ("kerbside_id", "valid_from_at"),
    ("is_online", "zone_number", "longitude", "latitude", "is_retired"),
    "valid_from_at",
)
SOURCES = (
    SENSOR_EVENTS,
    STATES,
    Source("feed_outages", ("start_at",), ("end_at",), "start_at"),
    Source(
        "rule_windows",
        ("zone_number", "start_at", "code"),
        ("end_at", "limit_minutes", "kind", "is_metered", "clock_start_at"),
        "start_at",
    ),
    Source("rule_versions", ("zone_number", "start_at"), ("end_at",), "start_at", until="end_at"),
    Source(
        "bays",
        ("bay_key", "observed_at"),
        ("kerbside_id", "road_segment_id", "longitude", "latitude", "is_retired", "is_assumed"),
        f"if(is_assumed AND kerbside_id IS NOT NULL, {BEGINNING}, observed_at)",
    ),
    Source(
        "zone_segments",
        ("zone_number", "segment_id", "observed_at"),
        ("street", "is_retired", "is_assumed"),
        f"if(is_assumed, {BEGINNING}, observed_at)",
    ),
    # Gold holds a stay's meter as it is now.
    Source(
        "meters",
        ("meter_id", "observed_at"),
        (
            "accepts_credit_card",
            "accepts_tap_and_go",
            "location_description",
            "longitude",
            "latitude",
            "is_retired",
        ),
        BEGINNING,
    ),
    # The first one is where occupancy begins.
    Source(
        "polls",
        ("poll_id",),
        ("dataset", "outcome", "feed_updated_at"),
        f"if(dataset = '{SENSORS.dataset}' AND outcome = 'accepted', feed_updated_at, NULL)",
    ),
)
# What bays, locations, plates and meters are made of, beside the places of the sensors.
REFERENCES = {table.name: table.column_names for table in REFERENCE_TABLES}
HISTORY = "historical_stays"
TABLES = (*dict.fromkeys((*(source.table for source in SOURCES), *REFERENCES, HISTORY)),)


@dataclass(frozen=True)
class Built:
    """What gold was built from, up to which instant of the source, and by which models (a digest of them)."""

    versions: Versions
    until_at: datetime | None
    models: str

    def text(self) -> str:
        return json.dumps(
            {
                "versions": {name: asdict(version) for name, version in self.versions.items()},
                "until_at": self.until_at.isoformat() if self.until_at else None,
                "models": self.models,
            },
            indent=1,
        )

    @classmethod
    def of(cls, held: dict[str, Any]) -> "Built":
        """What a text of `text` holds. Raises KeyError, TypeError, ValueError or AttributeError when it is another."""
        return cls(
            {name: Version(**version) for name, version in held["versions"].items()},
            datetime.fromisoformat(held["until_at"]) if held["until_at"] else None,
            held["models"],
        )

    @classmethod
    def read(cls, path: Path) -> "Built | None":
        """What the file says; None when there is none that can be read."""
        try:
            return cls.of(json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class News:
    """From when on silver is another than gold was built from.

    `news_from_at`: no event before it is new. `stays_from_on`: stays that ended on earlier local days are as they were.
    `occupancy_from_on`: so is occupancy of earlier local days. `are_references_new`: bays, locations, plates or meters
    may be others. `is_history_new`: so may the stays of historical files.
    """

    news_from_at: datetime
    stays_from_on: date
    occupancy_from_on: date
    are_references_new: bool = False
    is_history_new: bool = False

    def __or__(self, other: "News | None") -> "News":
        """What is new by any of the two."""
        if other is None:
            return self
        return News(
            min(self.news_from_at, other.news_from_at),
            min(self.stays_from_on, other.stays_from_on),
            min(self.occupancy_from_on, other.occupancy_from_on),
            self.are_references_new or other.are_references_new,
            self.is_history_new or other.is_history_new,
        )

    def text(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, path: Path) -> "News | None":
        """What the file says; None when there is none."""
        if not path.exists():
            return None
        held = json.loads(path.read_text())
        return cls(
            datetime.fromisoformat(held["news_from_at"]),
            date.fromisoformat(held["stays_from_on"]),
            date.fromisoformat(held["occupancy_from_on"]),
            held["are_references_new"],
            held["is_history_new"],
        )


class EverythingIsNewError(Exception):
    """Gold must be made anew from the beginning; says why."""


def now(home: Home, models: str) -> Built:
    """The present versions of silver, of which models with this digest are to be built."""
    tables = {name: table for name in TABLES if (table := _table(home.silver(name))) is not None}
    versions = {name: Version(str(table.metadata().id), table.version()) for name, table in tables.items()}
    polls = tables.get(POLLS.name)
    return Built(versions, None if polls is None else _feed_updated_at(polls), models)


def since(home: Home, built: Built, present: Built, feed_lag: timedelta) -> News | None:
    """What is new; None when nothing is.

    Raises EverythingIsNewError when that cannot be told, or it is everything.
    """
    if built.models != present.models:
        raise EverythingIsNewError("the models or their settings have changed")
    if built.versions == present.versions:
        return None
    if built.until_at is None:
        raise EverythingIsNewError("no poll of the sensors had come")
    if present.until_at is None or present.until_at < built.until_at:
        raise RetryableError(
            "Gold stays as it is",
            "silver ends before it: it is being made anew",
            "Build again when that is done",
        )
    instants: list[datetime] = []
    reaches_back: list[datetime] = []
    are_references_new = _are_references_new(home, built.versions, present.versions)
    for source in SOURCES:
        columns = (*source.key, *source.columns)
        changed = _changed(home, source.table, columns, built.versions, present.versions)
        if changed is None:
            continue
        found = _earliest(source, changed)
        instants += found
        if source is SENSOR_EVENTS and found:
            reaches_back += _hidden_since(home, changed, local_day(found[0]), feed_lag)
        are_references_new |= source in (SENSOR_EVENTS, STATES) and _are_bays_others(home, source, changed)
    is_history_new = _is_history_new(home, built.versions, present.versions)
    if not instants and not are_references_new and not is_history_new:
        return None
    # Who was there at the last build has stayed on since.
    instants.append(built.until_at)
    return News(
        news_from_at=min(instants),
        stays_from_on=local_day(min(instants)),
        occupancy_from_on=local_day(min(instants + reaches_back)),
        are_references_new=are_references_new,
        is_history_new=is_history_new,
    )


def _are_references_new(home: Home, before: Versions, after: Versions) -> bool:
    for name, columns in REFERENCES.items():
        changed = _changed(home, name, columns, before, after)
        if changed is not None and _instants(f"SELECT {BEGINNING} FROM ({changed}) LIMIT 1"):
            return True
    return False


def _is_history_new(home: Home, before: Versions, after: Versions) -> bool:
    """Whether files were loaded: a loaded row never changes, so the number of rows tells."""
    old, new = before.get(HISTORY), after.get(HISTORY)
    if old == new:
        return False
    if old is None or new is None or old.table_id != new.table_id:
        return True
    try:
        counts = {DeltaTable(home.silver(HISTORY), version=of.version).count() for of in (old, new)}
    except (DeltaError, OSError) as error:
        raise EverythingIsNewError(f"version {old.version} of silver.{HISTORY} is gone") from error
    return len(counts) > 1


def _are_bays_others(home: Home, source: Source, changed: str) -> bool:
    """Whether gold lacks a bay of these rows or, of states, has another place for it at that instant."""
    bays = _table(home.gold / "dim_bays")
    if bays is None:
        return True
    same_place = (
        """
        AND changed.valid_from_at >= bays.valid_from_at
        AND coalesce(changed.valid_from_at < bays.valid_to_at, true)
        AND (changed.zone_number, changed.longitude, changed.latitude, changed.is_retired)
            IS NOT DISTINCT FROM (bays.zone_number, bays.longitude, bays.latitude, bays.is_retired)
        """
        if source is STATES
        else ""
    )
    return bool(
        _instants(
            f"""
            SELECT {BEGINNING} FROM ({changed}) AS changed
            ANTI JOIN named AS bays ON changed.kerbside_id = bays.kerbside_id {same_place}
            LIMIT 1
            """,
            bays,
        )
    )


def _changed(home: Home, table: str, columns: Sequence[str], before: Versions, after: Versions) -> str | None:
    """SQL of the rows that only one of the two versions has; None when no file came or went."""
    old, new = before.get(table), after.get(table)
    if old == new:
        return None
    if old is None or new is None or old.table_id != new.table_id:
        raise EverythingIsNewError(f"silver.{table} was made anew")
    path = home.silver(table)
    try:
        old_files = set(DeltaTable(path, version=old.version).file_uris())
        new_files = set(DeltaTable(path, version=new.version).file_uris())
    except (DeltaError, OSError) as error:
        raise EverythingIsNewError(f"version {old.version} of silver.{table} is gone") from error
    came, went = sorted(new_files - old_files), sorted(old_files - new_files)
    if not came and not went:
        return None
    added = _select(columns, came or went, bool(came))
    removed = _select(columns, went or came, bool(went))
    return f"(({added}) EXCEPT ALL ({removed})) UNION ALL (({removed}) EXCEPT ALL ({added}))"


def _select(columns: Sequence[str], files: Sequence[str], holds: bool) -> str:
    names = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"SELECT {', '.join(columns)} FROM read_parquet([{names}], union_by_name => true) WHERE {holds}"


def _earliest(source: Source, changed: str) -> list[datetime]:
    # A row of which one end was moved counts from the earlier of the two.
    instant = f"min({source.since})"
    if source.until:
        instant = f"if(count(*) > 1, min({source.until}), {instant})"
    return _instants(
        f"SELECT min(instant) FROM (SELECT {instant} AS instant FROM ({changed}) GROUP BY {', '.join(source.key)})"
    )


def _hidden_since(home: Home, changed: str, since_on: date, feed_lag: timedelta) -> list[datetime]:
    """From when on the new events may hide changes, and those after them hid some until now.

    Gold's spells tell what came before each; none that ended before `since_on` did. An event that is not its bay's last
    changes what the one after it hides, at most back to the one before.
    """
    spells = _table(home.gold / "int_bay_spells")
    if spells is None:
        raise EverythingIsNewError("gold was never built")
    lag = f"to_microseconds({feed_lag // timedelta(microseconds=1)})"
    return _instants(
        f"""
        SELECT min(
            CASE
                WHEN spells.next_changed_at IS NULL
                    AND events.status_changed_at >= events.previous_heard_at - {lag}
                THEN greatest(spells.status_changed_at, events.previous_heard_at - {lag})
                ELSE spells.status_changed_at
            END
        )
        FROM ({changed}) AS events
        JOIN named AS spells
            ON spells.kerbside_id = events.kerbside_id
            AND spells.status_changed_at < events.status_changed_at
            AND coalesce(spells.next_changed_at >= events.status_changed_at, true)
        WHERE spells.ended_on >= DATE '{since_on}'
        """,
        spells,
    )


def _feed_updated_at(polls: DeltaTable) -> datetime | None:
    """The feed's own time at the newest accepted poll."""
    found = _instants(
        f"SELECT max(feed_updated_at) FROM named WHERE dataset = '{SENSORS.dataset}' AND outcome = 'accepted'",
        polls,
    )
    return found[0] if found else None


def _instants(query: str, table: DeltaTable | None = None) -> list[datetime]:
    """The one instant of a query, or none. It may call the table `named`."""
    with duckdb.connect(config={"threads": 1}) as session:
        session.execute("SET TimeZone = 'UTC'")
        try:
            if table is not None:
                add_view(session, "named", table)
            row = session.execute(f"SELECT epoch_us(instant) FROM ({query}) AS found(instant)").fetchone()
        except duckdb.IOException as error:
            # Files that went are deleted a week later.
            raise EverythingIsNewError("files of a version of silver are gone") from error
        except duckdb.BinderException as error:
            raise EverythingIsNewError("files of silver lack a column that has come") from error
    if row is None or row[0] is None:
        return []
    return [datetime.fromtimestamp(0, UTC) + timedelta(microseconds=row[0])]


def _table(path: Path) -> DeltaTable | None:
    try:
        return DeltaTable(path)
    except TableNotFoundError:
        return None
