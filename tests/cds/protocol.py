"""Points 1, 3 and 13 of the strict validator: what is asked of the server itself."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from shapely.geometry import Point, shape

from cds.forms import form_of
from cds.served import CSV_TYPE, JSON_TYPE, KINDS, LISTS, Answer, Ask, Served

OPEN = ("/curbs/zones", "/curbs/areas", "/curbs/spaces", "/curbs/policies")
GUARDED = ("/events/events", "/events/status", "/metrics/sessions", "/metrics/aggregates")
NOT_ACCEPTED = (
    "application/json",
    "text/html",
    "application/vnd.cds+json",
    "application/vnd.cds+json;version=1.1",
    "application/vnd.cds+json;version=1.0.1",
    "application/vnd.cds+json;version=",
    "application/vnd.mds+json;version=1.0",
)
ACCEPTED = ("*/*", "application/*", "application/json;q=0.5, */*;q=0.1")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
BOX = ("min_lat", "min_lng", "max_lat", "max_lng")
CIRCLE = ("lat", "lng", "radius")
# Its last second: a day later there is no calendar.
YEAR_9999 = 253_402_300_799_000
METRE = 1 / 111_320


def breaches(ask: Ask, served: Served, token: str) -> list[str]:
    """`served` is what the same server serves whole."""
    return list(lines(ask, served, token))


def lines(ask: Ask, served: Served, token: str) -> Iterator[str]:
    """One after the other."""
    yield from media_types(ask)
    yield from tokens(ask, token)
    yield from errors(ask)
    yield from queries(ask, served)


def _type_of(path: str) -> str:
    return CSV_TYPE if path.startswith("/metrics") else JSON_TYPE


def media_types(ask: Ask) -> Iterator[str]:
    for path in (*OPEN, *GUARDED):
        of_path = _type_of(path)
        for accept in (None, of_path, f"text/html, {of_path}", *ACCEPTED):
            answer = ask(path, headers={"accept": accept} if accept else None)
            if answer.status != 200 or answer.headers.get("content-type") != of_path:
                yield f"1: {path} answers {answer.status} {answer.headers.get('content-type')} to {accept}"
        other = CSV_TYPE if of_path == JSON_TYPE else JSON_TYPE
        for accept in (*NOT_ACCEPTED, other, f"{of_path};q=0, */*"):
            answer = ask(path, headers={"accept": accept})
            if answer.status != 406:
                yield f"1: {path} answers {answer.status} to {accept}"


def tokens(ask: Ask, token: str) -> Iterator[str]:
    for path in OPEN:
        if ask(path, headers={"authorization": ""}).status != 200:
            yield f"1: {path} asks for a token"
    for path in GUARDED:
        for given in ("", "Bearer wrong", f"Basic {token}", token):
            answer = ask(path, headers={"authorization": given})
            if answer.status != 401:
                yield f"1: {path} answers {answer.status} to the authorization {given[:6]!r}"
            yield from _is_error(answer, path)


def _is_error(answer: Answer, where: str) -> Iterator[str]:
    """An error body has its three fields."""
    body = answer.body
    fits = (
        isinstance(body, dict)
        and isinstance(body.get("error"), str)
        and isinstance(body.get("error_description"), str)
        and isinstance(body.get("error_details"), list)
        and answer.headers.get("content-type") == JSON_TYPE
    )
    if not fits:
        yield f"1: the error of {where} has another body: {answer.text[:100]}"


def errors(ask: Ask) -> Iterator[str]:
    for path, status in (
        ("/curbs/objects", 501),
        ("/curbs/nothing", 404),
        (f"/curbs/zones/{UNKNOWN}", 404),
        (f"/curbs/areas/{UNKNOWN}", 404),
        (f"/curbs/spaces/{UNKNOWN}", 404),
        (f"/curbs/policies/{UNKNOWN}", 404),
        ("/curbs/zones/7001", 400),
    ):
        answer = ask(path)
        if answer.status != status:
            yield f"13: {path} answers {answer.status} instead of {status}"
        yield from _is_error(answer, path)


def checked(ask: Ask) -> Ask:
    """The same, which fails on an answer of another form than the standard's, whatever was asked."""

    def asked(
        path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        answer = ask(path, query, headers)
        of_standard = path.split("/")[1] in ("curbs", "events", "metrics")
        found = list(_form(path, answer)) if of_standard else []
        if (query or {}).get("include_geometry") == "false":
            found = [line for line in found if not line.endswith(".geometry is missing")]
        assert found == [], (path, query)
        return answer

    return asked


def _form(path: str, answer: Answer) -> Iterator[str]:
    if answer.status != 200:
        yield from _is_error(answer, path)
    elif answer.headers.get("content-type") != _type_of(path):
        yield f"1: {path} answers as {answer.headers.get('content-type')}"
    elif answer.body is not None:
        yield from form_of(path, answer.body)


def queries(ask: Ask, served: Served) -> Iterator[str]:
    yield from _halves(ask)
    yield from _filters(ask, served)
    for path in ("/curbs/zones", "/curbs/areas", "/curbs/spaces"):
        yield from _boxes(ask, path, served)
        yield from _circles(ask, path, served)
    yield from _times(ask, served)
    yield from _old_zones(ask, served)


def _halves(ask: Ask) -> Iterator[str]:
    box = {"min_lat": -38, "min_lng": 144, "max_lat": -37, "max_lng": 146}
    circle = {"lat": -37.81, "lng": 144.96, "radius": 100}
    wrong: list[tuple[str, Mapping[str, object]]] = []
    for path in ("/curbs/zones", "/curbs/areas", "/curbs/spaces", "/metrics/sessions", "/metrics/aggregates"):
        for whole in (box, circle):
            wrong += [(path, {key: whole[key] for key in whole if key != name}) for name in whole]
        wrong += [
            (path, {**box, **circle}),
            (path, {**box, "min_lat": "south"}),
            (path, {**box, "max_lat": -39}),
            (path, {**circle, "radius": -1}),
            (path, {"unknown": 1}),
        ]
    wrong += [
        ("/curbs/zones", {"time": "2025-08-07"}),
        ("/curbs/zones", {"area": "7001"}),
        ("/curbs/zones", {"include_geometry": "maybe"}),
        ("/curbs/spaces", {"zone": "7001"}),
        ("/curbs/policies", {"ids": f"{UNKNOWN},7001"}),
        ("/events/events", {"curb_zone_id": "7001"}),
        ("/events/events", {"page[size]": 0}),
        ("/events/events", {"page[cursor]": "nothing"}),
        ("/events/events", {"event_time": "2025-08-07"}),
        ("/events/events", {"event_time": "9999-12-31T23"}),
        ("/curbs/zones", {"time": YEAR_9999}),
        ("/metrics/sessions", {"start_time": YEAR_9999}),
        ("/metrics/aggregates", {"start_time": YEAR_9999 - 1, "end_time": YEAR_9999}),
        ("/metrics/sessions", {"curb_place_type": "zone"}),
        ("/metrics/sessions", {"start_time": 1_754_300_000_000, "end_time": 1_754_200_000_000}),
        ("/metrics/aggregates", {"curb_place_id": UNKNOWN}),
        ("/metrics/aggregates", {"metric_type": "revenue"}),
    ]
    for path, query in wrong:
        answer = ask(path, query)
        if answer.status != 400:
            yield f"13: {path} answers {answer.status} to {dict(query)}"
        yield from _is_error(answer, path)


def _filters(ask: Ask, served: Served) -> Iterator[str]:
    asked = (
        ("/curbs/zones", "area", "curb_area_ids", served.records("areas"), "curb_area_id"),
        ("/curbs/spaces", "zone", "curb_zone_id", served.records("zones"), "curb_zone_id"),
        ("/events/events", "curb_zone_id", "curb_zone_id", served.records("zones"), "curb_zone_id"),
        ("/events/events", "curb_area_id", "curb_area_ids", served.records("areas"), "curb_area_id"),
        ("/events/events", "curb_space_id", "curb_space_id", served.records("spaces"), "curb_space_id"),
    )
    for path, name, field, things, key in asked:
        for wanted in [*(thing[key] for thing in things[:2]), UNKNOWN]:
            expected = [
                record for record in served.records(LISTS[path]) if wanted in _values(record.get(field))
            ]
            yield from _same(ask, path, {name: wanted}, expected)
    policies = served.records("policies")
    ids = ",".join([*(policy["curb_policy_id"] for policy in policies[:2]), UNKNOWN])
    yield from _same(ask, "/curbs/policies", {"ids": ids}, policies[:2])
    yield from _same(ask, "/curbs/policies", {"ids": UNKNOWN}, [])
    without = ask("/curbs/zones", {"include_geometry": "false"}).body
    if without and any("geometry" in zone for zone in without["data"]["zones"]):
        yield "13: include_geometry=false shows a geometry"
    if without and len(without["data"]["zones"]) != len(served.records("zones")):
        yield "13: include_geometry=false shows other zones"


def _values(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _same(ask: Ask, path: str, query: Mapping[str, object], expected: list[Any]) -> Iterator[str]:
    """The same records; of events those of vehicles, for the others need not name area and space."""
    name = LISTS[path]
    key = KINDS[name][1]
    answer = ask(path, query)
    records = answer.body["data"][name] if answer.status == 200 else None
    found = None if records is None else [record[key] for record in records if _is_compared(record)]
    wanted = [record[key] for record in expected if _is_compared(record)]
    # The newest page may be all that is asked for: it is compared as far as it goes.
    if name == "events" and found is not None and answer.body["links"]["next"]:
        wanted = wanted[: len(found)]
    if found != wanted and (name == "events" or sorted(found or ["?"]) != sorted(wanted)):
        yield f"13: {path} with {dict(query)} holds others than it should"


def _is_compared(record: Any) -> bool:
    return not str(record.get("event_type", "")).startswith("comms_")


def _boxes(ask: Ask, path: str, served: Served) -> Iterator[str]:
    """Around one of them; the corner of its own box touches it."""
    name = LISTS[path]
    for record in served.records(name)[:2]:
        west, south, east, north = shape(record["geometry"]).bounds
        box = dict(zip(BOX, (south, west, north, east), strict=True))
        answer = ask(path, box)
        found = {one[KINDS[name][1]] for one in answer.body["data"][name]} if answer.status == 200 else set()
        rectangle = shape({"type": "Polygon", "coordinates": [_ring(west, south, east, north)]})
        expected = {
            one[KINDS[name][1]]
            for one in served.records(name)
            if shape(one["geometry"]).distance(rectangle) < METRE / 1000
        }
        if found != expected:
            yield f"13: {path} with the box {box} holds others than meet it"
    far = dict(zip(BOX, (10, 10, 11, 11), strict=True))
    yield from _same(ask, path, far, [])


def _ring(west: float, south: float, east: float, north: float) -> list[tuple[float, float]]:
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def _circles(ask: Ask, path: str, served: Served) -> Iterator[str]:
    """Centimetres, and the nearest first."""
    name = LISTS[path]
    for record in served.records(name)[:1]:
        middle = shape(record["geometry"]).centroid
        for metres in (5, 60):
            query = dict(zip(CIRCLE, (middle.y, middle.x, 100 * metres), strict=True))
            answer = ask(path, query)
            rows = answer.body["data"][name] if answer.status == 200 else []
            far = [_metres(one["geometry"], middle) for one in rows]
            if any(later < earlier - 0.1 for earlier, later in pairwise(far)):
                yield f"13: {path} within {metres} m is not sorted by distance"
            found = {one[KINDS[name][1]] for one in rows}
            for one in served.records(name):
                away = _metres(one["geometry"], middle)
                is_found = one[KINDS[name][1]] in found
                # At the very edge the projections may differ.
                if abs(away - metres) > 0.5 and is_found != (away < metres):
                    yield f"13: {path} within {metres} m: {one[KINDS[name][1]]} is {away:.1f} m away"


def _metres(geometry: Any, middle: Point) -> float:
    """On a plane that is true near Melbourne."""
    flat = {
        "type": "Polygon",
        "coordinates": [
            [((x - middle.x) * 0.79 / METRE, (y - middle.y) / METRE) for x, y in ring]
            for ring in geometry["coordinates"]
        ],
    }
    return float(shape(flat).distance(Point(0, 0)))


def _times(ask: Ask, served: Served) -> Iterator[str]:
    zones = served.records("zones")
    if not zones:
        return
    first = min(zone["start_date"] for zone in zones)
    yield from _same(ask, "/curbs/zones", {"time": first - 1}, [])
    zone = next(zone for zone in zones if zone["start_date"] == first)
    path = f"/curbs/zones/{zone['curb_zone_id']}"
    if ask(path, {"time": first - 1}).status != 404 or ask(path, {"time": first}).status != 200:
        yield f"13: {path} ignores the time"


def _old_zones(ask: Ask, served: Served) -> Iterator[str]:
    """The zone of an event is there, be it over."""
    known = {zone["curb_zone_id"] for zone in served.records("zones")}
    for name in {event.get("curb_zone_id") for event in served.records("events")} - known - {None}:
        path = f"/curbs/zones/{name}"
        if ask(path).status != 404 or ask(path, {"show_historic": "true"}).status != 200:
            yield f"13: zone {name}, which is over, is not shown with show_historic alone"
