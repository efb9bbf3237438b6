"""The kerb built from the lake's rows. Pure: the same rows give the same kerb.

What changes with every poll, such as availability, is not in it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shapely.geometry import Polygon

from melpark.parking.plates import Plate, problem
from melpark.serving.cds import geometry
from melpark.serving.cds.geometry import BayPoint, Rectangle
from melpark.serving.cds.kerb import Area, BayVersion, Kerb, KerbRows, Space, Zone
from melpark.serving.cds.policies import Policy, PolicySet, first_published, histories, plates_meet
from melpark.serving.cds.standard import (
    Json,
    milliseconds,
    segment_area_id,
    space_id,
    zone_area_id,
    zone_id,
)
from melpark.serving.streets import fit_line

T = TypeVar("T", Zone, Area, Space)


@dataclass(frozen=True)
class _Ground:
    """A location's life: its bays now, or those that it had last, and the instants that follow from them."""

    location_key: str
    zone_number: int
    segment_id: int
    start_at: datetime
    end_at: datetime | None
    changed_at: datetime
    bays: tuple[BayVersion, ...]

    @property
    def zone_id(self) -> str:
        return zone_id(self.location_key)

    @property
    def area_ids(self) -> tuple[str, str]:
        return segment_area_id(self.segment_id), zone_area_id(self.zone_number)


def build(rows: KerbRows, holidays_suspend: bool = True) -> Kerb:
    """The kerb of these rows. `holidays_suspend` is the setting of the rule calendar."""
    grounds = _grounds(rows)
    versions = _by_bay(rows.bays)
    if not grounds:
        return Kerb({}, {}, {}, {}, {}, versions, None)
    begins_at = min(ground.start_at for ground in grounds)
    sets, policies = histories(rows.plates, begins_at, holidays_suspend)
    policy_sets = {
        ground.location_key: _within(sets.get(ground.zone_number, []), ground) for ground in grounds
    }
    updated_at = _updated_at(grounds, policy_sets)
    bearings = _bearings(grounds, rows)
    rectangles = _rectangles(grounds, bearings)
    polygons = _polygons(grounds, rectangles, bearings)
    spaces = _spaces(grounds, rectangles, rows, updated_at)
    by_zone: dict[str, list[str]] = defaultdict(list)
    for space in sorted(spaces, key=lambda space: space.id):
        by_zone[space.zone_id].append(space.id)
    areas = _area_shapes(grounds, polygons)
    zones = [
        _zone(
            ground,
            polygons[ground.location_key],
            rows.descriptions.get(ground.location_key, ""),
            policy_sets[ground.location_key],
            by_zone[ground.zone_id],
            updated_at[ground.location_key],
            tuple(name for name in ground.area_ids if name in areas),
        )
        for ground in grounds
        if ground.location_key in polygons
    ]
    cited = {name for one in policy_sets.values() for those in one for name in those.policy_ids}
    return Kerb(
        zones=_sorted(zones),
        areas=_sorted(_areas(zones, grounds, rows, areas)),
        spaces=_sorted(spaces),
        space_ids=by_zone,
        policies=_published(policies, cited, rows, holidays_suspend),
        versions=versions,
        updated_at=max(updated_at.values()),
        left_out=_left_out(rows, spaces, zones, grounds),
    )


def _sorted(things: Iterable[T]) -> dict[str, T]:
    return {thing.id: thing for thing in sorted(things, key=lambda thing: thing.id)}


def _by_bay(bays: Iterable[BayVersion]) -> dict[str, list[BayVersion]]:
    found: dict[str, list[BayVersion]] = defaultdict(list)
    for bay in sorted(bays, key=lambda bay: (bay.kerbside_id, bay.valid_from_at)):
        found[bay.kerbside_id].append(bay)
    return dict(found)


def _grounds(rows: KerbRows) -> list[_Ground]:
    """Every location that a sensor of the live feed was ever in, in the order of their keys."""
    by_location: dict[str, list[BayVersion]] = defaultdict(list)
    for bay in rows.bays:
        seen_at = rows.first_seen_at.get(bay.kerbside_id)
        is_placed = bay.zone is not None and bay.longitude is not None and bay.latitude is not None
        if is_placed and seen_at and (bay.valid_to_at is None or bay.valid_to_at > seen_at):
            by_location[bay.location_key].append(bay)
    return [_ground(by_location[key], rows) for key in sorted(by_location)]


def _ground(bays: Sequence[BayVersion], rows: KerbRows) -> _Ground:
    first = bays[0]
    assert first.zone_number is not None
    assert first.segment_id is not None
    starts = [max(bay.valid_from_at, rows.first_seen_at[bay.kerbside_id]) for bay in bays]
    ends = [bay.valid_to_at for bay in bays if bay.valid_to_at is not None]
    current = tuple(bay for bay in bays if bay.valid_to_at is None)
    start_at, end_at = min(starts), None if current else max(ends)
    corrected_at = rows.corrected_at.get(first.segment_id, start_at)
    return _Ground(
        location_key=first.location_key,
        zone_number=first.zone_number,
        segment_id=first.segment_id,
        start_at=start_at,
        end_at=end_at,
        changed_at=max([*starts, *ends, corrected_at]),
        bays=current or tuple(bay for bay in bays if bay.valid_to_at == end_at),
    )


def _within(sets: Sequence[PolicySet], ground: _Ground) -> list[PolicySet]:
    """Those that were in force while the zone was there, the last one first."""
    return [
        PolicySet(one.policy_ids, max(one.start_at, ground.start_at), one.end_at)
        for one in sets
        if (one.end_at is None or one.end_at > ground.start_at)
        and (ground.end_at is None or one.start_at < ground.end_at)
    ]


def _updated_at(
    grounds: Sequence[_Ground], policy_sets: Mapping[str, Sequence[PolicySet]]
) -> dict[str, datetime]:
    """When each location last changed: its shape keeps off its neighbours', so a street segment changes as a whole."""
    of_segment: dict[int, datetime] = {}
    for ground in grounds:
        of_segment[ground.segment_id] = max(
            ground.changed_at, of_segment.get(ground.segment_id, ground.changed_at)
        )
    return {
        ground.location_key: max(
            [of_segment[ground.segment_id], *(one.start_at for one in policy_sets[ground.location_key])]
        )
        for ground in grounds
    }


def _bearings(grounds: Sequence[_Ground], rows: KerbRows) -> dict[int, float]:
    """Radians from east of each street segment whose bays lie along a line."""
    found = {}
    for segment_id in sorted({ground.segment_id for ground in grounds}):
        of_zones = [
            _degrees(bay) for ground in grounds if ground.segment_id == segment_id for bay in ground.bays
        ]
        line = fit_line(str(segment_id), rows.kerb_bays.get(segment_id, [])) or fit_line(
            str(segment_id), of_zones
        )
        if line:
            (x, y), (to_x, to_y) = geometry.to_metres(*line.start), geometry.to_metres(*line.end)
            found[segment_id] = math.atan2(to_y - y, to_x - x)
    return found


def _rectangles(grounds: Sequence[_Ground], bearings: Mapping[int, float]) -> dict[str, Rectangle]:
    """Of each bay that is in a zone now."""
    points = [
        BayPoint(bay.kerbside_id, ground.location_key, *_metres(bay), bearings.get(ground.segment_id))
        for ground in grounds
        if ground.end_at is None
        for bay in ground.bays
    ]
    return geometry.spaces(points)


def _degrees(bay: BayVersion) -> tuple[float, float]:
    assert bay.longitude is not None
    assert bay.latitude is not None
    return bay.longitude, bay.latitude


def _metres(bay: BayVersion) -> tuple[float, float]:
    return geometry.to_metres(*_degrees(bay))


def _polygons(
    grounds: Sequence[_Ground], rectangles: Mapping[str, Rectangle], bearings: Mapping[int, float]
) -> dict[str, Polygon]:
    """Of each location. Those of the past need not keep off those of today."""
    of_today = {
        ground.location_key: [
            rectangles[bay.kerbside_id] for bay in ground.bays if bay.kerbside_id in rectangles
        ]
        for ground in grounds
        if ground.end_at is None
    }
    by_location = {ground.location_key: bearings.get(ground.segment_id, 0.0) for ground in grounds}
    polygons = geometry.zones(of_today, by_location)
    for ground in grounds:
        if ground.end_at is not None:
            angle = by_location[ground.location_key]
            once = [Rectangle(*_metres(bay), angle).polygon() for bay in ground.bays]
            polygons[ground.location_key] = geometry.hull(once)
    return polygons


def _spaces(
    grounds: Sequence[_Ground],
    rectangles: Mapping[str, Rectangle],
    rows: KerbRows,
    updated_at: Mapping[str, datetime],
) -> list[Space]:
    return [
        _space(bay, ground, rectangles[bay.kerbside_id], rows, updated_at[ground.location_key])
        for ground in grounds
        if ground.end_at is None
        for bay in ground.bays
        if bay.kerbside_id in rectangles
    ]


def _space(
    bay: BayVersion, ground: _Ground, rectangle: Rectangle, rows: KerbRows, updated_at: datetime
) -> Space:
    polygon = rectangle.polygon()
    length = round(100 * rectangle.length)
    record: Json = {
        "curb_space_id": space_id(bay.kerbside_id),
        "geometry": geometry.geojson(polygon),
        "name": bay.kerbside_id,
        "published_date": milliseconds(rows.first_seen_at[bay.kerbside_id]),
        "last_updated_date": milliseconds(updated_at),
        "curb_zone_id": ground.zone_id,
        "length": length,
        "width": round(100 * rectangle.width),
    }
    return Space(space_id(bay.kerbside_id), bay.kerbside_id, ground.zone_id, polygon, length, record)


def _zone(
    ground: _Ground,
    polygon: Polygon,
    description: str,
    policy_sets: Sequence[PolicySet],
    space_ids: Sequence[str],
    updated_at: datetime,
    area_ids: tuple[str, ...],
) -> Zone:
    present, *earlier = policy_sets or [PolicySet((), ground.start_at, None)]
    is_today = ground.end_at is None
    record: Json = {
        "curb_zone_id": ground.zone_id,
        "geometry": geometry.geojson(polygon),
        "curb_policy_ids": list(present.policy_ids),
        **({"prev_policies": [_previous(one) for one in earlier]} if earlier else {}),
        "published_date": milliseconds(ground.start_at),
        "last_updated_date": milliseconds(updated_at),
        "start_date": milliseconds(ground.start_at),
        **({} if ground.end_at is None else {"end_date": milliseconds(ground.end_at)}),
        **_named(ground.zone_number, description),
        # Areas and spaces are those of today: a zone of the past need not lie in them.
        **({"curb_area_ids": list(area_ids)} if is_today else {}),
        **({"curb_space_ids": list(space_ids)} if is_today else {}),
    }
    return Zone(
        id=ground.zone_id,
        location_key=ground.location_key,
        polygon=polygon,
        start_at=ground.start_at,
        end_at=ground.end_at,
        area_ids=area_ids if is_today else (),
        bays=tuple(bay.kerbside_id for bay in ground.bays) if is_today else (),
        record=record,
    )


def _previous(one: PolicySet) -> Json:
    assert one.end_at is not None
    return {
        "curb_policy_ids": list(one.policy_ids),
        "start_date": milliseconds(one.start_at),
        "end_date": milliseconds(one.end_at),
    }


def _named(zone_number: int, description: str) -> Json:
    """Names from "Lonsdale Street between Swanston Street and Russell Street"."""
    street, _, crossings = description.partition(" between ")
    start, _, end = crossings.rpartition(" and ")
    if not street or street == "Unknown":
        return {"name": f"Parking zone {zone_number}"}
    names: Json = {"name": f"Parking zone {zone_number}, {description}", "street_name": street}
    if start and end:
        names |= {"cross_street_start_name": start, "cross_street_end_name": end}
    return names


def _area_shapes(grounds: Sequence[_Ground], polygons: Mapping[str, Polygon]) -> dict[str, Polygon]:
    """Of street segments, and of parking zones over all their segments; none that is larger than a neighbourhood."""
    members: dict[str, list[Polygon]] = defaultdict(list)
    for ground in grounds:
        if ground.end_at is None and ground.location_key in polygons:
            for area_id in ground.area_ids:
                members[area_id].append(polygons[ground.location_key])
    shapes = {area_id: geometry.hull(inside, geometry.MARGIN_METRES) for area_id, inside in members.items()}
    return {area_id: shape for area_id, shape in shapes.items() if geometry.is_neighbourhood(shape)}


def _areas(
    zones: Sequence[Zone], grounds: Sequence[_Ground], rows: KerbRows, shapes: Mapping[str, Polygon]
) -> list[Area]:
    names: dict[str, str] = {}
    for ground in grounds:
        segment, number = ground.area_ids
        names[number] = f"Parking zone {ground.zone_number}"
        names[segment] = rows.descriptions.get(ground.location_key) or f"Street segment {ground.segment_id}"
    members: dict[str, list[Zone]] = defaultdict(list)
    for zone in zones:
        for area_id in zone.area_ids:
            members[area_id].append(zone)
    return [_area(area_id, names[area_id], shapes[area_id], inside) for area_id, inside in members.items()]


def _area(area_id: str, name: str, polygon: Polygon, inside: Sequence[Zone]) -> Area:
    zone_ids = tuple(sorted(zone.id for zone in inside))
    record: Json = {
        "curb_area_id": area_id,
        "geometry": geometry.geojson(polygon),
        "name": name,
        "published_date": min(_date(zone, "published_date") for zone in inside),
        "last_updated_date": max(_date(zone, "last_updated_date") for zone in inside),
        "curb_zone_ids": list(zone_ids),
    }
    return Area(area_id, polygon, zone_ids, record)


def _date(zone: Zone, name: str) -> int:
    value = zone.record[name]
    assert isinstance(value, int)
    return value


def _published(
    policies: Mapping[str, Policy], cited: set[str], rows: KerbRows, holidays_suspend: bool
) -> dict[str, Json]:
    """Every policy that a zone names, today or before."""
    published_at = first_published(rows.plates, holidays_suspend)
    return {name: policies[name].record(published_at[name]) for name in sorted(cited)}


def _left_out(
    rows: KerbRows, spaces: Sequence[Space], zones: Sequence[Zone], grounds: Sequence[_Ground]
) -> dict[str, int]:
    """What there is on the street and cannot be told in the standard's words, in counts."""
    sensors = {bay.kerbside_id for bay in rows.bays if bay.valid_to_at is None and not bay.is_retired}
    in_zones = {name for zone in zones for name in zone.bays}
    by_zone: dict[int, list[Plate]] = defaultdict(list)
    for version in rows.plates:
        if version.valid_to_at is None and not version.is_retired:
            by_zone[version.zone_number].append(version.plate)
    today = [ground.zone_number for ground in grounds if ground.end_at is None]
    grounds_of_zones = [zone.polygon for zone in zones if zone.end_at is None]
    return {
        "sensors_in_no_zone": len(sensors - in_zones),
        "bays_without_a_space": len(in_zones) - len(spaces),
        "zones_with_overlapping_plates": sum(plates_meet(by_zone[number]) for number in today),
        "plates_that_cannot_be_read": sum(
            problem(plate) is not None for plates in by_zone.values() for plate in plates
        ),
        "groups_too_wide_for_an_area": len(
            {name for zone in grounds if zone.end_at is None for name in zone.area_ids}
        )
        - len({name for zone in zones for name in zone.area_ids}),
        "zones_that_overlap": geometry.overlapping(grounds_of_zones),
    }
