"""Events: vehicles that came and left, sensors that fell silent and spoke again, and every sensor's status."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from melpark.serving.cds.lake_reader import Reader
from melpark.serving.cds.parameters import Query, within_calendar
from melpark.serving.cds.places import Chosen, Place, Places
from melpark.serving.cds.protocol import author
from melpark.serving.cds.standard import (
    DATA_SOURCE_TYPE,
    EPOCH,
    Json,
    device_id,
    event_id,
    identity,
    milliseconds,
    session_id,
)
from melpark.settings import Settings

FILTERS = ("curb_area_id", "curb_zone_id", "curb_space_id")
PAGE_SIZE = 1000
LARGEST_PAGE = 5000
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)

# A sensor's first state is no change when it is online. Who is lost was last heard offline_after before; who has left
# the feed was there until the poll without it. Of an Unoccupied before which none was Present nothing is told.
PAGE = """
WITH changes AS (
    SELECT kerbside_id, status_changed_at AS happened_at, status AS kind, 1 AS rank, observed_at
    FROM silver.sensor_events
), states AS (
    SELECT *, is_online AND NOT is_retired AS is_heard FROM silver.sensor_states
), turns AS (
    SELECT *, lag(is_heard, 1, true) OVER (PARTITION BY kerbside_id ORDER BY valid_from_at) AS was_heard
    FROM states
), comms AS (
    SELECT
        kerbside_id,
        CASE WHEN is_heard OR is_retired THEN valid_from_at
            ELSE valid_from_at - to_microseconds(CAST(? AS BIGINT)) END AS happened_at,
        CASE WHEN is_heard THEN 'comms_restored' ELSE 'comms_lost' END AS kind,
        CASE WHEN is_heard THEN 0 ELSE 2 END AS rank,
        observed_at
    FROM turns WHERE is_heard <> was_heard
), page AS (
    SELECT * FROM (SELECT * FROM changes UNION ALL SELECT * FROM comms)
    WHERE happened_at >= ? AND happened_at < ? AND (happened_at, kerbside_id, rank) < (?, ?, ?)
        AND (? IS NULL OR list_contains(?, kerbside_id))
    ORDER BY happened_at DESC, kerbside_id DESC, rank DESC
    LIMIT ?
), before AS (
    SELECT page.kerbside_id, page.happened_at, max_by(events.status, events.status_changed_at) AS status,
        max(events.status_changed_at) AS status_changed_at
    FROM page INNER JOIN silver.sensor_events AS events
        ON page.kerbside_id = events.kerbside_id AND events.status_changed_at < page.happened_at
    WHERE page.kind = 'Unoccupied'
    GROUP BY page.kerbside_id, page.happened_at
)
SELECT page.kerbside_id, page.happened_at, page.kind, page.rank, page.observed_at,
    CASE WHEN before.status = 'Present' THEN before.status_changed_at END
FROM page LEFT JOIN before
    ON page.kind = 'Unoccupied' AND page.kerbside_id = before.kerbside_id AND page.happened_at = before.happened_at
ORDER BY page.happened_at DESC, page.kerbside_id DESC, page.rank DESC
"""
STATUS = """
    SELECT kerbside_id, is_online FROM silver.sensor_states
    WHERE valid_to_at IS NULL AND NOT is_retired ORDER BY kerbside_id
"""

# An event's place in the order: instant, sensor, rank. A sensor that was heard once only is restored, then lost, at one
# instant.
Key = tuple[datetime, str, int]
NEWEST: Key = (datetime(9999, 1, 1, tzinfo=UTC), "", 0)


@dataclass(frozen=True)
class Happening:
    """One row of the page. `began_at` is the arrival that a departure ends."""

    kerbside_id: str
    at: datetime
    kind: str
    rank: int
    observed_at: datetime
    began_at: datetime | None

    @property
    def key(self) -> Key:
        return self.at, self.kerbside_id, self.rank

    @property
    def event_type(self) -> str | None:
        """None where nothing is told: a bay became free of a vehicle that nobody saw."""
        if self.kind == "Present":
            return "park_start"
        if self.kind == "Unoccupied":
            return "park_end" if self.began_at else None
        return self.kind


@dataclass(frozen=True)
class EventsPage:
    data: Json
    links: Json
    newest_publication: datetime | None


def events(reader: Reader, given: QueryParams, path: str) -> EventsPage:
    """A page of the events of the last `cds_event_days`, newest first.

    It holds at most `page[size]` of them; the next page begins after the last one by time, sensor and rank, so
    that events which arrive meanwhile neither repeat nor hide another.
    """
    query = Query(given, (*FILTERS, "event_time", "page[size]", "page[cursor]"))
    chosen = _chosen(query)
    size = query.one("page[size]", _size) or PAGE_SIZE
    after = query.one("page[cursor]", read_cursor) or NEWEST
    hour = query.one("event_time", _hour)
    query.done()
    kept_from = reader.last_updated() - timedelta(days=reader.settings.cds_event_days)
    from_at = max(hour, kept_from) if hour else kept_from
    until_at = hour + HOUR if hour else NEWEST[0]
    bays = chosen.bays(reader.kerb())
    silence = round(reader.settings.offline_after_seconds * 1_000_000)
    parameters: list[Any] = [silence, from_at, until_at, *after, bays, bays, size + 1]
    rows = [Happening(*row) for row in reader.lake.rows(PAGE, parameters).rows]
    shown = rows[:size]
    places = Places(reader, {row.kerbside_id for row in shown})
    told = [(row, places.at(row.kerbside_id, row.at)) for row in shown if row.event_type]
    kept = [(row, place) for row, place in told if place is not None and chosen.holds(place)]
    next_cursor = write_cursor(shown[-1].key) if len(rows) > size else None
    return EventsPage(
        {"events": [_event(row, place, reader.settings) for row, place in kept]},
        _links(given, path, next_cursor),
        max((_published_at(row) for row, _ in kept), default=None),
    )


def status(reader: Reader, given: QueryParams) -> Json:
    """Every sensor that is in the feed: online as the last of its comms events says."""
    query = Query(given, FILTERS)
    chosen = _chosen(query)
    query.done()
    kerb, now = reader.kerb(), reader.last_updated()
    bays = chosen.bays(kerb)
    rows = reader.lake.rows(STATUS).rows
    chosen_bays = None if bays is None else set(bays)
    wanted = {name for name, _ in rows if chosen_bays is None or name in chosen_bays}
    places = Places(reader, wanted)
    here = {name for name in wanted if bays is None or _holds(chosen, places.at(name, now))}
    operator_id = _operator(reader.settings)["data_source_operator_id"]
    return {
        "status": [
            {
                "data_source_device_id": device_id(name),
                "data_source_type": DATA_SOURCE_TYPE,
                "data_source_operator_id": operator_id,
                "sensor_status_is_commissioned": True,
                "sensor_status_is_online": is_online,
            }
            for name, is_online in rows
            if name in here
        ]
    }


def _holds(chosen: Chosen, place: Place | None) -> bool:
    return place is not None and chosen.holds(place)


def _chosen(query: Query) -> Chosen:
    area, zone, space = (query.uuid(name) for name in FILTERS)
    return Chosen(zone_id=zone, area_id=area, space_id=space)


def _event(row: Happening, place: Place, settings: Settings) -> Json:
    kind = row.event_type
    assert kind is not None
    is_parking = kind.startswith("park_")
    known = place.known()
    if not is_parking:
        known = {name: value for name, value in known.items() if name == "curb_zone_id"}
    began_at = row.at if kind == "park_start" else row.began_at
    return {
        "event_id": event_id(row.kerbside_id, kind, row.at),
        "event_type": kind,
        "event_location": _feature(row.at, place),
        "event_time": milliseconds(row.at),
        "event_publication_time": milliseconds(_published_at(row)),
        **({"event_session_id": session_id(row.kerbside_id, began_at)} if is_parking and began_at else {}),
        **known,
        "data_source_type": DATA_SOURCE_TYPE,
        **_operator(settings),
        "data_source_device_id": device_id(row.kerbside_id),
        "data_source_device_name": row.kerbside_id,
        **({} if is_parking else {"sensor_status_is_online": kind == "comms_restored"}),
    }


def _feature(at: datetime, place: Place) -> Json:
    return {
        "type": "Feature",
        "properties": {"timestamp": milliseconds(at)},
        "geometry": {"type": "Point", "coordinates": [place.longitude, place.latitude]},
    }


def _published_at(row: Happening) -> datetime:
    """The poll that brought it; by the source's clock, as every time here, so that a replay is like the real thing."""
    return max(row.observed_at, row.at)


def _operator(settings: Settings) -> Json:
    name = author(settings)["author"]
    return {"data_source_operator_id": identity("operator", name), "data_source_operator_name": name}


def _size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_PAGE:
        raise ValueError(f"is not a number of 1 to {LARGEST_PAGE}")
    return int(text)


def _hour(text: str) -> datetime:
    try:
        at = datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("is not an hour of UTC, such as 2025-08-07T01") from None
    return within_calendar(at)


def write_cursor(key: Key) -> str:
    """The end of a page as a text for its address."""
    at, kerbside_id, rank = key
    text = f"{(at - EPOCH) // MICROSECOND}:{rank}:{kerbside_id}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Key:
    """The other way round. Raises ValueError when it is no cursor of ours."""
    try:
        plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        micros, rank, kerbside_id = plain.split(":", 2)
        return EPOCH + int(micros) * MICROSECOND, kerbside_id, int(rank)
    except (ValueError, OverflowError, binascii.Error):
        raise ValueError("is not one that a page of this server gave") from None


def _links(given: QueryParams, path: str, next_cursor: str | None) -> Json:
    def address(**changed: str) -> str:
        kept = [(name, value) for name, value in given.multi_items() if name != "page[cursor]"]
        asked = urlencode([*kept, *(("page[cursor]", value) for value in changed.values())])
        return f"{path}?{asked}" if asked else path

    return {"first": address(), "next": address(cursor=next_cursor) if next_cursor else None}
