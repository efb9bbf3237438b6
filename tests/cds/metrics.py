"""Points 16 and 17 of the strict validator: sessions and aggregates as CSV."""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cds import law
from cds.served import Served

CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
ENDS = (
    "event_id_end",
    "event_location_end_latitude",
    "event_location_end_longitude",
    "event_time_end",
)
MELBOURNE = ZoneInfo("Australia/Melbourne")
HOUR = timedelta(hours=1)
Row = dict[str, str]


def rows(text: str) -> list[Row]:
    return [dict(row) for row in csv.DictReader(io.StringIO(text))]


def columns(served: Served) -> Iterator[str]:
    """The columns of both tables, and the form of their cells."""
    header = served.sessions.split("\r\n", 1)[0].split(",")
    for name in header:
        if name not in law.SESSION_COLUMNS:
            yield f"16: {name} is no column of sessions"
    if "session_type" not in header:
        yield "16: sessions have no session_type"
    for row in rows(served.sessions):
        for name in ("event_time_start", "event_time_end"):
            if row.get(name) and (not row[name].isdigit() or int(row[name]) < law.LEAST_TIME):
                yield f"16: {name} of session {row.get('event_session_id')} is {row[name]!r}"
    header = served.aggregates.split("\r\n", 1)[0].split(",")
    if tuple(header) != law.AGGREGATE_COLUMNS:
        yield f"17: columns of aggregates are {header}"
        return
    for row in rows(served.aggregates):
        yield from _words(row)


def sessions(served: Served) -> Iterator[str]:
    found = rows(served.sessions)
    events = {event["event_id"]: event for event in served.records("events")}
    for row in found:
        yield from _session(row, events)
    counted = Counter(row.get("event_id_start") for row in found)
    for begun_by, count in counted.items():
        if count > 1:
            yield f"16: {count} sessions begin with event {begun_by}"


def _session(row: Row, events: dict[str, dict[str, object]]) -> Iterator[str]:
    where = f"session {row.get('event_session_id')}"
    if row["session_type"] != "parking":
        yield f"16: {where} is of type {row['session_type']!r}"
    ends = [name for name in ENDS if row.get(name)]
    if ends and len(ends) < len(ENDS):
        yield f"16: {where} has half an end"
    if row.get("event_time_end") and int(row["event_time_end"]) < int(row["event_time_start"]):
        yield f"16: {where} ends before it starts"
    for half, kind in (("start", "park_start"), ("end", "park_end")):
        event = events.get(row.get(f"event_id_{half}") or "")
        if event is None:
            continue
        if not row.get(f"event_time_{half}"):
            continue
        same = (event["event_type"], event["event_time"], event.get("event_session_id"))
        if same != (kind, int(row[f"event_time_{half}"]), row["event_session_id"]):
            yield f"16: the {half} of {where} is not its event"
        if half == "start" and (event.get("curb_zone_id") or "") != row.get("curb_zone_id", ""):
            yield f"16: {where} is in another zone than its event"


def aggregates(served: Served) -> Iterator[str]:
    found = rows(served.aggregates)
    counted = Counter(
        (row["curb_place_id"], row["metric_type"], row["date"], int(row["hour"])) for row in found
    )
    for key, count in counted.items():
        if count > 1:
            yield f"17: {count} rows of {key}"
    yield from _hours(found)
    yield from _values(served, found)


def _words(row: Row) -> Iterator[str]:
    if row["curb_place_type"] not in ("area", "zone", "space"):
        yield f"17: curb_place_type is {row['curb_place_type']!r}"
    if not law.UUID.fullmatch(row["curb_place_id"]):
        yield f"17: curb_place_id is {row['curb_place_id']!r}"
    if row["metric_type"] not in law.METRIC_TYPES:
        yield f"17: metric_type is {row['metric_type']!r}"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]) or not re.fullmatch(r"\d\d?", row["hour"]):
        yield f"17: {row['date']!r} {row['hour']!r} is no hour"
    elif not NUMBER.fullmatch(row["value"]):
        yield f"17: value is {row['value']!r}"


def buckets(date: str) -> dict[int, float]:
    """The hours of a local day by its clock, and how many hours each lasts: 24, or 23 in October."""
    at = datetime.fromisoformat(date).replace(tzinfo=MELBOURNE).astimezone(UTC)
    found: dict[int, float] = defaultdict(float)
    while at.astimezone(MELBOURNE).date().isoformat() == date:
        found[at.astimezone(MELBOURNE).hour] += 1
        at += HOUR
    return found


def _hours(found: list[Row]) -> Iterator[str]:
    """Hours exist on the clock, and between the first and the last of all none is missing."""
    by_place: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    for row in found:
        if row["metric_type"] != "average_dwell_time":
            by_place[row["curb_place_id"], row["metric_type"]].add((row["date"], int(row["hour"])))
    every = sorted(set().union(*by_place.values()))
    if not every:
        return
    known = {date: buckets(date) for date in {date for date, _ in every}}
    for date, hour in every:
        if hour not in known[date]:
            yield f"17: {date} has no hour {hour}"
    expected = {
        (date, hour) for date in known for hour in known[date] if every[0] <= (date, hour) <= every[-1]
    }
    for key, hours in by_place.items():
        first = min(hours)
        missing = {one for one in expected if one >= first and one <= max(hours)} - hours
        if missing:
            yield f"17: {key} lacks {sorted(missing)[0]}"


def _values(served: Served, found: list[Row]) -> Iterator[str]:
    starts: dict[tuple[str, str, int], list[float | None]] = defaultdict(list)
    for row in rows(served.sessions):
        at = datetime.fromtimestamp(int(row["event_time_start"]) / 1000, MELBOURNE)
        end = row.get("event_time_end")
        dwell = (int(end) - int(row["event_time_start"])) / 60_000 if end else None
        for place in (row["curb_zone_id"], *row["curb_area_ids"].split(";"), row["curb_space_id"]):
            starts[place, at.date().isoformat(), at.hour].append(dwell)
    unknown: dict[tuple[str, str, int], set[bool]] = defaultdict(set)
    for row in found:
        key = row["curb_place_id"], row["date"], int(row["hour"])
        where = (row["curb_place_type"], *key)
        value = float(row["value"])
        unknown[key].add(value == -1)
        if value == -1:
            if served.offline is not None and served.offline.get(where, 0) <= 0.5:
                yield f"17: {row['metric_type']} of {key} is -1 though most was heard"
            continue
        if served.offline is not None and served.offline.get(where, 0) > 0.5:
            yield f"17: {row['metric_type']} of {key} is told though most was silent"
        expected = _expected(row["metric_type"], starts[key], buckets(row["date"])[key[2]])
        if expected is not None and abs(expected - value) > 1e-5:
            yield f"17: {row['metric_type']} of {key} is {value}, from the sessions {expected}"
        if row["metric_type"] == "occupancy_percent":
            if not 0 <= value <= 1:
                yield f"17: occupancy of {key} is {value}"
            if served.occupied is not None and abs(served.occupied.get(where, -1) - value) > 1e-5:
                yield f"17: occupancy of {key} is {value}, not {served.occupied.get(where)}"
        if row["metric_type"] == "average_dwell_time" and expected is None:
            yield f"17: {key} has a dwell time without a session that ended"
    for key, both in unknown.items():
        if len(both) > 1:
            yield f"17: of {key} some metrics are -1 and others are not"


def _expected(metric_type: str, dwells: list[float | None], hours: float) -> float | None:
    if metric_type == "total_sessions":
        return len(dwells)
    if metric_type == "turnover":
        return len(dwells) / hours
    closed = [dwell for dwell in dwells if dwell is not None]
    return sum(closed) / len(closed) if metric_type == "average_dwell_time" and closed else None
