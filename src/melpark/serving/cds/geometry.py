"""Where the kerb's spaces and zones lie: modelled, for the City's open data tell a point per bay and no more.

Everything here is in metres east and north of the city's middle, until it is written as GeoJSON.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import shapely
from shapely import STRtree, affinity
from shapely.geometry import Point, Polygon, box

from melpark.serving.cds.parameters import Box, Circle
from melpark.serving.geography import METRES_PER_DEGREE

# The City's data name no size: a parallel bay of the usual measures.
LENGTH_METRES = 6.0
WIDTH_METRES = 2.1
# Nearer neighbours along the street stand side by side: at an angle, or square to the kerb.
SIDE_BY_SIDE_METRES = 4.0
APART_METRES = 0.2
# The zone reaches beyond its spaces, so that rounding leaves them inside.
MARGIN_METRES = 0.05
SMOOTH_METRES = 0.01
ROUNDS = 40
# How far a zone may reach to the side to go around another's ground.
DETOURS_METRES = (0.0, 3.0, -3.0, 8.0, -8.0, 25.0, -25.0)
# And to all sides, where none of these leads around.
WIDEST_METRES = 20.0
# An area is a neighbourhood at most. Some parking zones have segments that are kilometres apart.
LARGEST_AREA_METRES = 1000.0
REORDERINGS = 4
# A millimetre: coordinates of places in the city have no more to say.
DIGITS = 8
MIDDLE = (144.96, -37.81)
WIDTH_OF_DEGREE = METRES_PER_DEGREE * math.cos(math.radians(MIDDLE[1]))


@dataclass(frozen=True)
class BayPoint:
    """A bay of a zone, in metres, and the bearing of its street in radians from east; None where not known."""

    kerbside_id: str
    zone: str
    x: float
    y: float
    bearing: float | None


@dataclass(frozen=True)
class Rectangle:
    """A modelled space: its middle in metres, its length along `angle` and its width across, in metres."""

    x: float
    y: float
    angle: float
    length: float = LENGTH_METRES
    width: float = WIDTH_METRES

    def polygon(self) -> Polygon:
        east, north = math.cos(self.angle), math.sin(self.angle)
        corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        sides = [(along * self.length / 2, across * self.width / 2) for along, across in corners]
        return Polygon(
            [
                (self.x + along * east - across * north, self.y + along * north + across * east)
                for along, across in sides
            ]
        )

    def shrunk(self, along: float, across: float) -> "Rectangle":
        return Rectangle(self.x, self.y, self.angle, self.length * along, self.width * across)


def to_metres(longitude: float, latitude: float) -> tuple[float, float]:
    """East and north of the city's middle."""
    return (longitude - MIDDLE[0]) * WIDTH_OF_DEGREE, (latitude - MIDDLE[1]) * METRES_PER_DEGREE


def to_degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude."""
    longitude, latitude = MIDDLE[0] + x / WIDTH_OF_DEGREE, MIDDLE[1] + y / METRES_PER_DEGREE
    return round(longitude, DIGITS), round(latitude, DIGITS)


def geojson(polygon: Polygon) -> dict[str, object]:
    """A GeoJSON Polygon: rings closed, the outer one counter-clockwise."""
    oriented = shapely.geometry.polygon.orient(polygon)
    rings = [oriented.exterior, *oriented.interiors]
    return {"type": "Polygon", "coordinates": [[to_degrees(x, y) for x, y in ring.coords] for ring in rings]}


def distance_metres(polygon: Polygon | Point, circle: Circle) -> float:
    """From the circle's middle to the nearest point of a polygon; 0 inside it."""
    return float(polygon.distance(Point(to_metres(circle.lng, circle.lat))))


def meets(polygon: Polygon | Point, asked: Box) -> bool:
    """True when they touch or overlap."""
    west, south = to_metres(asked.min_lng, asked.min_lat)
    east, north = to_metres(asked.max_lng, asked.max_lat)
    return bool(polygon.intersects(box(west, south, east, north)))


def is_near(shape: Polygon | Point, asked: Box | Circle) -> bool:
    """True when a shape meets the box, or lies within the circle at least in part."""
    if isinstance(asked, Box):
        return meets(shape, asked)
    return distance_metres(shape, asked) <= asked.metres


def point(longitude: float, latitude: float) -> Point:
    return Point(to_metres(longitude, latitude))


def hull(polygons: Iterable[Polygon], margin_metres: float = 0.0) -> Polygon:
    """The smallest convex polygon around all of them, and a margin around it."""
    return shapely.union_all(list(polygons)).convex_hull.buffer(margin_metres, join_style="mitre")


def spaces(bays: Sequence[BayPoint]) -> dict[str, Rectangle]:
    """A rectangle for each bay, none of which touches another.

    Where bays lie nearer to each other than the nominal measures allow, both give way. A bay at the very place of
    another has no rectangle: the one whose id sorts first has.
    """
    kept = _apart(bays)
    rectangles = _placed(kept)
    for _ in range(ROUNDS):
        close = _closer_than(rectangles, APART_METRES - 0.01)
        if not close:
            break
        rectangles = _shrunk(rectangles, close)
    touching = {other for _, other in _closer_than(rectangles, 0.0)}
    return {
        bay.kerbside_id: rectangle
        for number, (bay, rectangle) in enumerate(zip(kept, rectangles, strict=True))
        if number not in touching
    }


def _apart(bays: Sequence[BayPoint]) -> list[BayPoint]:
    """Those that do not stand at the place of one before them."""
    ordered = sorted(bays, key=lambda bay: bay.kerbside_id)
    if not ordered:
        return []
    points = shapely.points([(bay.x, bay.y) for bay in ordered])
    pairs = STRtree(points).query(points, predicate="dwithin", distance=2 * APART_METRES)
    later = {max(one, other) for one, other in zip(*pairs.tolist(), strict=True) if one != other}
    return [bay for number, bay in enumerate(ordered) if number not in later]


def _placed(bays: Sequence[BayPoint]) -> list[Rectangle]:
    """Along the street, or square to it where the neighbours along the street are near."""
    if not bays:
        return []
    points = shapely.points([(bay.x, bay.y) for bay in bays])
    pairs = STRtree(points).query(points, predicate="dwithin", distance=SIDE_BY_SIDE_METRES)
    sideways = set()
    for one, other in zip(*pairs.tolist(), strict=True):
        if one != other:
            bearing = bays[one].bearing or 0.0
            along, across = _offset(bays[one].x, bays[one].y, bays[other].x, bays[other].y, bearing)
            if along < SIDE_BY_SIDE_METRES and across < WIDTH_METRES:
                sideways.add(one)
    return [
        Rectangle(bay.x, bay.y, (bay.bearing or 0.0) + (math.pi / 2 if number in sideways else 0.0))
        for number, bay in enumerate(bays)
    ]


def _closer_than(rectangles: Sequence[Rectangle], metres: float) -> list[tuple[int, int]]:
    polygons = [rectangle.polygon() for rectangle in rectangles]
    if not polygons:
        return []
    pairs = STRtree(polygons).query(polygons, predicate="dwithin", distance=metres)
    return [(one, other) for one, other in zip(*pairs.tolist(), strict=True) if one < other]


def _shrunk(rectangles: Sequence[Rectangle], close: Iterable[tuple[int, int]]) -> list[Rectangle]:
    """Each as small as the nearest of its neighbours demands."""
    along, across = [1.0] * len(rectangles), [1.0] * len(rectangles)
    for pair in close:
        shares = _give_way(*(rectangles[number] for number in pair))
        for number in pair:
            along[number] = min(along[number], shares[0])
            across[number] = min(across[number], shares[1])
    return [rectangle.shrunk(*shares) for rectangle, *shares in zip(rectangles, along, across, strict=True)]


def _give_way(one: Rectangle, other: Rectangle) -> tuple[float, float]:
    """What is left of both along and across, where the least has to go; in both where they stand askew."""
    if abs(math.sin(one.angle - other.angle)) > 0.02:
        return 0.93, 0.93
    along, across = _offset(one.x, one.y, other.x, other.y, one.angle)
    length = 2 * (along - APART_METRES) / (one.length + other.length)
    width = 2 * (across - APART_METRES) / (one.width + other.width)
    share = min(max(length, width, 0.5), 1.0)
    return (share, 1.0) if length >= width else (1.0, share)


def _offset(x: float, y: float, to_x: float, to_y: float, angle: float) -> tuple[float, float]:
    """Metres along and across the angle between two places, without sign."""
    east, north = to_x - x, to_y - y
    return (
        abs(east * math.cos(angle) + north * math.sin(angle)),
        abs(north * math.cos(angle) - east * math.sin(angle)),
    )


def zones(rectangles: Mapping[str, Sequence[Rectangle]], bearings: Mapping[str, float]) -> dict[str, Polygon]:
    """The ground of each zone: around its own spaces, and not over another's where a way around is found.

    Small zones take their ground first, then, in another attempt, those that found none before the others.
    """
    claims = {zone: _claim(of_zone) for zone, of_zone in rectangles.items() if of_zone}
    order = sorted(claims, key=lambda zone: (claims[zone].convex_hull.area, zone))
    best: dict[str, Polygon] = {}
    for _ in range(REORDERINGS):
        found = _grounds(order, claims, bearings)
        lacking = [zone for zone in order if zone not in found]
        if len(found) > len(best):
            best = found
        if not lacking:
            break
        order = [*lacking, *(zone for zone in order if zone in found)]
    return {zone: best.get(zone, claims[zone].convex_hull) for zone in claims}


def _claim(of_zone: Sequence[Rectangle]) -> Polygon:
    grown = [
        rectangle.polygon().buffer(MARGIN_METRES, join_style="mitre", cap_style="flat")
        for rectangle in of_zone
    ]
    return shapely.union_all(grown)


def _grounds(
    order: Sequence[str], claims: Mapping[str, Polygon], bearings: Mapping[str, float]
) -> dict[str, Polygon]:
    hulls = [claims[zone].convex_hull.buffer(max(DETOURS_METRES) + 1) for zone in order]
    tree = STRtree(hulls)
    found: dict[str, Polygon] = {}
    for zone in order:
        near = [order[number] for number in tree.query(claims[zone].convex_hull).tolist()]
        taken = [found.get(other, claims[other]) for other in near if other != zone]
        blocked = shapely.union_all(taken).buffer(MARGIN_METRES, join_style="mitre")
        ground = _ground(claims[zone], blocked, bearings.get(zone, 0.0))
        if ground is not None:
            found[zone] = ground
    return found


def _ground(claim: Polygon, blocked: Polygon, bearing: float) -> Polygon | None:
    """A polygon around the claim that keeps off what is blocked; None when no detour leads around it."""
    for reach in _reaches(claim, bearing):
        if not reach.intersects(blocked):
            return reach
        free = _smoothed(reach.difference(blocked))
        for part in getattr(free, "geoms", [free]):
            if part.geom_type == "Polygon" and part.buffer(SMOOTH_METRES).contains(claim):
                return part
    return None


def _smoothed(shape: Polygon) -> Polygon:
    """Without slits and spikes so narrow that rounded coordinates would cross."""
    for metres in (-SMOOTH_METRES, 2 * SMOOTH_METRES, -SMOOTH_METRES):
        shape = shape.buffer(metres, join_style="mitre")
    return shape


def _reaches(claim: Polygon, bearing: float) -> Iterator[Polygon]:
    """Ever more ground around the claim."""
    for detour in DETOURS_METRES:
        aside = affinity.translate(claim, -math.sin(bearing) * detour, math.cos(bearing) * detour)
        yield claim.union(aside).convex_hull
    yield claim.convex_hull.buffer(WIDEST_METRES, join_style="mitre")


def is_neighbourhood(polygon: Polygon) -> bool:
    """True when it is small enough to be an area."""
    west, south, east, north = polygon.bounds
    return bool(max(east - west, north - south) <= LARGEST_AREA_METRES)


def overlapping(polygons: Sequence[Polygon]) -> int:
    """How many of them cover ground of another, by more than the rounding of coordinates."""
    if not polygons:
        return 0
    pairs = STRtree(polygons).query(polygons, predicate="intersects")
    return len(
        {
            one
            for one, other in zip(*pairs.tolist(), strict=True)
            if one != other and polygons[one].intersection(polygons[other]).area > MARGIN_METRES**2
        }
    )
