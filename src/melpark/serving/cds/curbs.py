"""Curbs: zones, areas, spaces and policies as the answers show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from starlette.datastructures import QueryParams

from melpark.serving.cds import geometry
from melpark.serving.cds.kerb import Area, Kerb, Space, Zone
from melpark.serving.cds.lake_reader import Availability, Reader
from melpark.serving.cds.parameters import PLACE, Box, Circle, Query
from melpark.serving.cds.protocol import CdsError
from melpark.serving.cds.standard import Json, milliseconds

T = TypeVar("T", Zone, Area, Space)
V = TypeVar("V")


def zones(reader: Reader, given: QueryParams) -> Json:
    query = Query(given, ("area", *PLACE, "include_geometry", "time"))
    area, place, at = query.uuid("area"), query.place(), query.time("time")
    with_geometry = query.flag("include_geometry", default=True)
    query.done()
    kerb, available = reader.kerb(), reader.availability(at)
    found = [zone for zone in kerb.zones.values() if _is_valid(zone, at)]
    if area is not None:
        inside = kerb.areas[area].zone_ids if area in kerb.areas else ()
        found = [zone for zone in found if zone.id in inside]
    return {"zones": [_zone(zone, kerb, available, with_geometry) for zone in near(found, place)]}


def zone(reader: Reader, zone_id: str, given: QueryParams) -> Json:
    query = Query(given, ("time", "show_historic"))
    at = query.time("time")
    with_past = query.flag("show_historic", default=False)
    query.done()
    kerb = reader.kerb()
    found = _known(kerb.zones, zone_id, "zone")
    # With `time` a zone of the past is shown as it was then; without, when it is asked for.
    is_shown = _is_valid(found, at) or (at is None and with_past)
    if not is_shown:
        raise CdsError(
            404, f"Zone {zone_id} is not valid at that time.", ("show_historic=true shows old zones",)
        )
    return _zone(found, kerb, reader.availability(at), with_geometry=True)


def areas(reader: Reader, given: QueryParams) -> Json:
    query = Query(given, PLACE)
    place = query.place()
    query.done()
    return {"areas": [area.record for area in near(list(reader.kerb().areas.values()), place)]}


def area(reader: Reader, area_id: str, given: QueryParams) -> Json:
    Query(given, ()).done()
    return _known(reader.kerb().areas, area_id, "area").record


def spaces(reader: Reader, given: QueryParams) -> Json:
    query = Query(given, ("zone", *PLACE, "time"))
    zone_id, place, at = query.uuid("zone"), query.place(), query.time("time")
    query.done()
    available = reader.availability(at)
    found = [space for space in reader.kerb().spaces.values() if zone_id is None or space.zone_id == zone_id]
    return {"spaces": [_space(space, available) for space in near(found, place)]}


def space(reader: Reader, space_id: str, given: QueryParams) -> Json:
    query = Query(given, ("time",))
    at = query.time("time")
    query.done()
    return _space(_known(reader.kerb().spaces, space_id, "space"), reader.availability(at))


def policies(reader: Reader, given: QueryParams) -> Json:
    query = Query(given, ("ids",))
    ids = query.uuids("ids")
    query.done()
    known = reader.kerb().policies
    return {"policies": [record for name, record in known.items() if ids is None or name in ids]}


def policy(reader: Reader, policy_id: str, given: QueryParams) -> Json:
    Query(given, ()).done()
    return _known(reader.kerb().policies, policy_id, "policy")


def near(found: Sequence[T], place: Box | Circle | None) -> list[T]:
    """Those that meet the box; those within the circle, the nearest first."""
    if isinstance(place, Box):
        return [one for one in found if geometry.meets(one.polygon, place)]
    if isinstance(place, Circle):
        far = [(geometry.distance_metres(one.polygon, place), one.id, one) for one in found]
        return [one for metres, _, one in sorted(far, key=lambda item: item[:2]) if metres <= place.metres]
    return list(found)


def _known(things: Mapping[str, V], name: str, kind: str) -> V:
    """Raises CdsError (404) when there is none of this id."""
    found = things.get(name.lower())
    if found is None:
        raise CdsError(404, f"There is no {kind} {name}.")
    return found


def _is_valid(zone: Zone, at: datetime | None) -> bool:
    return zone.end_at is None if at is None else zone.is_valid(at)


def _zone(zone: Zone, kerb: Kerb, available: Availability, with_geometry: bool) -> Json:
    record = dict(zone.record)
    if not with_geometry:
        del record["geometry"]
    known = [name for name in zone.bays if name in available.is_free]
    if known and available.at:
        by_bay = {space.kerbside_id: space for space in kerb.spaces_of(zone.id)}
        free = [by_bay[name] for name in known if available.is_free[name] and name in by_bay]
        record["available_space_lengths"] = sorted(one.length for one in free)
        record["availability_time"] = milliseconds(available.at)
    return record


def _space(space: Space, available: Availability) -> Json:
    is_free = available.is_free.get(space.kerbside_id)
    # Of a silent sensor nothing is said: false would mean taken.
    if is_free is None or available.at is None:
        return space.record
    return {
        **space.record,
        "available": is_free,
        "availability_time": milliseconds(available.at),
    }
