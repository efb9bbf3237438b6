"""Metrics: sessions and hourly aggregates as CSV, by the standard's formulas.

A request is answered day by day, so that a month needs no more memory than a day.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial

from starlette.datastructures import QueryParams

from melpark.parking.local_time import DAY, MELBOURNE, days_between, midnight
from melpark.serving.cds import geometry
from melpark.serving.cds.kerb import Kerb
from melpark.serving.cds.lake_reader import Reader
from melpark.serving.cds.parameters import PLACE, Box, Circle, Query
from melpark.serving.cds.places import Chosen, Place, Places
from melpark.serving.cds.protocol import CdsError
from melpark.serving.cds.standard import event_id, milliseconds, session_id, space_id, zone_id
from melpark.serving.lake import Versions

HOUR = timedelta(hours=1)
LONGEST = timedelta(days=31)
PLACE_TYPES = ("area", "zone", "space")
METRIC_TYPES = ("total_sessions", "turnover", "average_dwell_time", "occupancy_percent")
OFFLINE = -1
DIGITS = 6

SESSION_COLUMNS = (
    "session_type",
    "event_session_id",
    "event_id_start",
    "event_id_end",
    "event_location_start_latitude",
    "event_location_start_longitude",
    "event_location_end_latitude",
    "event_location_end_longitude",
    "event_time_start",
    "event_time_end",
    "curb_zone_id",
    "curb_area_ids",
    "curb_space_id",
)
AGGREGATE_COLUMNS = ("curb_place_type", "curb_place_id", "metric_type", "date", "hour", "value")

# Arrivals of a stretch of time, each with the departure that the next event of its bay shows, whenever that was.
SESSIONS = """
WITH events AS (
    SELECT kerbside_id, status, status_changed_at FROM silver.sensor_events
    WHERE status_changed_at >= ? AND status_changed_at < ?
    UNION ALL
    SELECT kerbside_id, arg_min(status, status_changed_at), min(status_changed_at) FROM silver.sensor_events
    WHERE status_changed_at >= ? GROUP BY kerbside_id
), followed AS (
    SELECT *, lead(status) OVER bay AS next_status, lead(status_changed_at) OVER bay AS next_changed_at
    FROM events WINDOW bay AS (PARTITION BY kerbside_id ORDER BY status_changed_at)
)
SELECT kerbside_id, status_changed_at, CASE WHEN next_status = 'Unoccupied' THEN next_changed_at END
FROM followed WHERE status = 'Present' AND status_changed_at < ?
ORDER BY status_changed_at, kerbside_id
"""
SESSION_TABLES = ("silver.sensor_events", "silver.polls")
AGGREGATE_TABLES = (*SESSION_TABLES, "silver.sensor_states", "gold.dim_bays", "gold.int_bay_times")
KNOWN = "SELECT min(start_at), max(end_at) FROM gold.int_bay_times"
# Bay-seconds by hour: those in which a bay was there to be heard, was heard, and was heard to be taken.
BAY_HOURS = """
WITH hours AS (
    SELECT unnest(CAST(? AS TIMESTAMPTZ[])) AS start_at, unnest(CAST(? AS TIMESTAMPTZ[])) AS end_at
), first_states AS (
    SELECT kerbside_id, min(valid_from_at) AS first_at FROM silver.sensor_states GROUP BY kerbside_id
), versions AS (
    SELECT bays.kerbside_id, bays.location_key, greatest(bays.valid_from_at, first_states.first_at) AS start_at,
        bays.valid_to_at AS end_at
    FROM gold.dim_bays AS bays INNER JOIN first_states USING (kerbside_id)
    WHERE NOT bays.is_retired AND bays.zone_number IS NOT NULL AND bays.segment_id IS NOT NULL
        AND (? IS NULL OR list_contains(?, bays.kerbside_id))
), monitored AS (
    SELECT versions.kerbside_id, versions.location_key, hours.start_at,
        sum(epoch_us(least(hours.end_at, versions.end_at)) - epoch_us(greatest(hours.start_at, versions.start_at)))
            AS micros
    FROM versions INNER JOIN hours
        ON versions.start_at < hours.end_at AND (versions.end_at IS NULL OR versions.end_at > hours.start_at)
    GROUP BY ALL
), heard AS (
    SELECT times.kerbside_id, times.location_key, hours.start_at,
        epoch_us(least(hours.end_at, times.end_at)) - epoch_us(greatest(hours.start_at, times.start_at)) AS micros,
        times.is_online, times.is_occupied
    FROM gold.int_bay_times AS times INNER JOIN hours
        ON times.start_at < hours.end_at AND times.end_at > hours.start_at
    WHERE times.local_date = ? AND (? IS NULL OR list_contains(?, times.kerbside_id))
), summed AS (
    SELECT kerbside_id, location_key, start_at,
        sum(CASE WHEN is_online THEN micros ELSE 0 END) AS online,
        sum(CASE WHEN is_occupied THEN micros ELSE 0 END) AS occupied
    FROM heard GROUP BY ALL
)
SELECT monitored.kerbside_id, monitored.location_key, monitored.start_at, CAST(monitored.micros AS BIGINT),
    CAST(coalesce(summed.online, 0) AS BIGINT), CAST(coalesce(summed.occupied, 0) AS BIGINT)
FROM monitored LEFT JOIN summed USING (kerbside_id, location_key, start_at)
"""


@dataclass(frozen=True)
class Asked:
    """What a request of Metrics asks for; `place` may be of one type only, with its id."""

    place_type: str | None
    place_id: str | None
    near: Box | Circle | None
    start_at: datetime
    end_at: datetime
    metric_type: str | None = None


@dataclass(frozen=True)
class Session:
    """An arrival, and the departure that was seen."""

    kerbside_id: str
    start_at: datetime
    end_at: datetime | None


@dataclass(frozen=True)
class Hour:
    """An hour of the local clock: the repeated one of April lasts two."""

    local_date: date
    hour: int
    start_at: datetime
    end_at: datetime


@dataclass
class Sums:
    """Of a place and an hour: bay-microseconds, and its sessions by the hour in which they began."""

    monitored: int = 0
    online: int = 0
    occupied: int = 0
    sessions: int = 0
    closed: int = 0
    dwell: timedelta = timedelta(0)


def sessions(reader: Reader, given: QueryParams) -> Iterator[str]:
    """Lines of CSV: each parking session that began in the time asked for; its end is empty where none was seen."""
    query = Query(given, ("curb_place_type", "curb_place_id", *PLACE, "start_time", "end_time"))
    asked = _asked(query, reader.last_updated())
    versions = reader.lake.versions(*SESSION_TABLES)
    chosen, kerb = _chosen(asked), reader.kerb()
    bays = chosen.bays(kerb)
    yield _lines([SESSION_COLUMNS])
    for start_at, end_at in _days(asked.start_at, asked.end_at):
        found = _read_sessions(reader, start_at, end_at, versions)
        if bays is not None:
            wanted = set(bays)
            found = [session for session in found if session.kerbside_id in wanted]
        places = Places(reader, {session.kerbside_id for session in found})
        yield _lines(_session_rows(found, places, chosen, asked.near))


def _session_rows(
    found: Iterable[Session], places: Places, chosen: Chosen, near: Box | Circle | None
) -> Iterator[Sequence[object]]:
    for session in found:
        start = places.at(session.kerbside_id, session.start_at)
        if start is None or not chosen.holds(start) or not _is_near(start, near):
            continue
        end_at = session.end_at
        end = places.at(session.kerbside_id, end_at) if end_at else None
        yield (
            "parking",
            session_id(session.kerbside_id, session.start_at),
            event_id(session.kerbside_id, "park_start", session.start_at),
            event_id(session.kerbside_id, "park_end", end_at) if end_at else None,
            start.latitude,
            start.longitude,
            end.latitude if end else None,
            end.longitude if end else None,
            milliseconds(session.start_at),
            milliseconds(end_at) if end_at else None,
            start.zone_id,
            ";".join(start.area_ids),
            start.space_id,
        )


def aggregates(reader: Reader, given: QueryParams) -> Iterator[str]:
    """Lines of CSV: each place, metric and whole local hour of the time asked for."""
    names = ("curb_place_type", "curb_place_id", *PLACE, "start_time", "end_time", "metric_type")
    query = Query(given, names)
    metric_type = query.one("metric_type", _one_of(METRIC_TYPES))
    versions = reader.lake.versions(*AGGREGATE_TABLES)
    from_at, until_at = reader.lake.rows(KNOWN, versions=versions).rows[0]
    now = until_at or reader.last_updated()
    asked = _asked(query, now.replace(minute=0, second=0, microsecond=0))
    kerb = reader.kerb()
    wanted = _wanted_places(kerb, asked)
    bays = _chosen(asked).bays(kerb)
    yield _lines([AGGREGATE_COLUMNS])
    if until_at is None:
        return
    # Of an hour that is not over, or in which the first poll was, the figures would change.
    start_at, end_at = max(asked.start_at, from_at), min(asked.end_at, until_at)
    for day in days_between(start_at, end_at):
        hours = [hour for hour in local_hours(day) if start_at <= hour.start_at and hour.end_at <= end_at]
        if hours:
            sums = _sums(reader, day, hours, versions, bays, partial(_places, kerb, wanted))
            yield _lines(_aggregate_rows(sums, hours, metric_type))


def _sums(
    reader: Reader,
    day: date,
    hours: Sequence[Hour],
    versions: Versions,
    bays: list[str] | None,
    places_of: Callable[[str, str], list[tuple[str, str]]],
) -> dict[tuple[str, str], dict[datetime, Sums]]:
    """By place (type and id) and hour, of these bays only if any are given. `places_of` takes bay and location."""
    found: dict[tuple[str, str], dict[datetime, Sums]] = defaultdict(lambda: defaultdict(Sums))
    places, kerb = cache(places_of), reader.kerb()
    bounds = [hour.start_at for hour in hours], [hour.end_at for hour in hours]
    for name, location, start_at, monitored, online, occupied in reader.lake.rows(
        BAY_HOURS, [*bounds, bays, bays, day, bays, bays], versions
    ).rows:
        for place in places(name, location):
            sums = found[place][start_at]
            sums.monitored += monitored
            sums.online += online
            sums.occupied += occupied
    for session in _read_sessions(reader, hours[0].start_at, hours[-1].end_at, versions):
        version = kerb.version_at(session.kerbside_id, session.start_at)
        if version is None or version.zone is None:
            continue
        start_at = next(hour.start_at for hour in reversed(hours) if hour.start_at <= session.start_at)
        for place in places(session.kerbside_id, version.zone):
            if start_at in found[place]:
                sums = found[place][start_at]
                sums.sessions += 1
                if session.end_at:
                    sums.closed += 1
                    sums.dwell += session.end_at - session.start_at
    return found


def _places(
    kerb: Kerb, wanted: set[tuple[str, str]] | None, kerbside_id: str, location_key: str
) -> list[tuple[str, str]]:
    """The places of which a bay in a location is a part, of those that are wanted."""
    zone = kerb.zones.get(zone_id(location_key))
    if zone is None:
        return []
    found = [("zone", zone.id), *(("area", area_id) for area_id in zone.area_ids)]
    space = kerb.spaces.get(space_id(kerbside_id))
    if space and space.zone_id == zone.id:
        found.append(("space", space.id))
    return [place for place in found if wanted is None or place in wanted]


def _aggregate_rows(
    found: dict[tuple[str, str], dict[datetime, Sums]], hours: Sequence[Hour], metric_type: str | None
) -> Iterator[Sequence[object]]:
    for place_type, place_id in sorted(found):
        by_hour = found[place_type, place_id]
        for hour in hours:
            if hour.start_at not in by_hour:
                continue
            for name, value in figures(by_hour[hour.start_at], (hour.end_at - hour.start_at) / HOUR).items():
                if value is not None and metric_type in (None, name):
                    yield place_type, place_id, name, hour.local_date.isoformat(), hour.hour, value


def figures(sums: Sums, hours: float) -> dict[str, float | None]:
    """The standard's metrics of one place and a bucket of so many hours; None where there is nothing to tell.

    All of them are -1 when the sensors were silent for more than half of their time. Occupancy is a share of 0 to 1.
    """
    if sums.monitored - sums.online > sums.monitored / 2:
        return dict.fromkeys(METRIC_TYPES, OFFLINE)
    return {
        "total_sessions": sums.sessions,
        "turnover": _plain(sums.sessions / hours),
        "average_dwell_time": _plain(sums.dwell / timedelta(minutes=1) / sums.closed)
        if sums.closed
        else None,
        "occupancy_percent": _plain(sums.occupied / sums.online) if sums.online else None,
    }


def local_hours(day: date) -> list[Hour]:
    """The clock's hours of a local day: 24, of which one lasts two hours in April, or 23 in October."""
    at, end_at = midnight(day), midnight(day + DAY)
    found: list[Hour] = []
    while at < end_at:
        hour = at.astimezone(MELBOURNE).hour
        if found and found[-1].hour == hour:
            found[-1] = Hour(day, hour, found[-1].start_at, at + HOUR)
        else:
            found.append(Hour(day, hour, at, at + HOUR))
        at += HOUR
    return found


def _read_sessions(reader: Reader, start_at: datetime, end_at: datetime, versions: Versions) -> list[Session]:
    rows = reader.lake.rows(SESSIONS, [start_at, end_at, end_at, end_at], versions).rows
    return [Session(*row) for row in rows]


def _asked(query: Query, now: datetime) -> Asked:
    """What is asked for; without times, the day before `now`."""
    query.together(("curb_place_type", "curb_place_id"))
    place_type = query.one("curb_place_type", _one_of(PLACE_TYPES))
    place_id, near = query.uuid("curb_place_id"), query.place()
    start_at, end_at = query.time("start_time"), query.time("end_time")
    query.done()
    end_at = end_at or (start_at + DAY if start_at else now)
    start_at = start_at or end_at - DAY
    if start_at >= end_at:
        raise CdsError(400, "The query cannot be read.", ("start_time must be before end_time",))
    if end_at - start_at > LONGEST:
        raise CdsError(
            400, "The query asks for too much.", (f"One request covers {LONGEST.days} days at most",)
        )
    return Asked(place_type, place_id, near, start_at, end_at)


def _chosen(asked: Asked) -> Chosen:
    return Chosen(**({f"{asked.place_type}_id": asked.place_id} if asked.place_type else {}))


def _is_near(place: Place, near: Box | Circle | None) -> bool:
    if near is None:
        return True
    return geometry.is_near(geometry.point(place.longitude, place.latitude), near)


def _wanted_places(kerb: Kerb, asked: Asked) -> set[tuple[str, str]] | None:
    """Types and ids; None for all."""
    if asked.near is None:
        return {(asked.place_type, asked.place_id)} if asked.place_type and asked.place_id else None
    polygons = [
        *(("area", name, area.polygon) for name, area in kerb.areas.items()),
        *(("zone", name, zone.polygon) for name, zone in kerb.zones.items()),
        *(("space", name, space.polygon) for name, space in kerb.spaces.items()),
    ]
    return {
        (kind, name)
        for kind, name, polygon in polygons
        if geometry.is_near(polygon, asked.near)
        and (asked.place_type is None or (kind, name) == (asked.place_type, asked.place_id))
    }


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"is none of {', '.join(words)}")
        return text

    return read


def _days(start_at: datetime, end_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start_at < end_at:
        yield start_at, min(start_at + DAY, end_at)
        start_at += DAY


def _plain(value: float) -> float:
    rounded = round(value, DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded


def _lines(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
