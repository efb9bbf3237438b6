"""Street lines fitted to the bays that lie along them: no open dataset holds the streets' geometry."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from melpark.serving.geography import METRES_PER_DEGREE

LEAST_BAYS = 2
LEAST_METRES = 8.0
# Farther than this to the side, on average, the bays do not lie along one straight line.
MOST_SPREAD_METRES = 35.0
# Ends of one street's segments are joined over a crossing, not over a park; and only straight on, roughly.
WIDEST_CROSSING_METRES = 130.0
STRAIGHT_ON = math.cos(math.radians(50))

Point = tuple[float, float]


@dataclass(frozen=True)
class StreetLine:
    """A straight piece of street; ends as (longitude, latitude) in degrees."""

    name: str
    start: Point
    end: Point
    # The segment that it was fitted to; None where it joins two over a crossing.
    description: str | None = None


def street_name(description: str) -> str:
    """The street in "Lonsdale Street between Swanston Street and Russell Street"."""
    return description.partition(" between ")[0].strip()


def fit_streets(bays: Iterable[tuple[str, float, float]]) -> list[StreetLine]:
    """One line for each segment that has bays enough, from (segment description, longitude, latitude)."""
    segments: dict[str, list[Point]] = defaultdict(list)
    for description, longitude, latitude in bays:
        segments[description].append((longitude, latitude))
    fits = (fit_line(description, points) for description, points in sorted(segments.items()))
    lines = [line for line in fits if line]
    by_street: dict[str, list[StreetLine]] = defaultdict(list)
    for line in lines:
        by_street[line.name].append(line)
    return lines + [joint for pieces in by_street.values() for joint in _joints(pieces)]


def fit_line(description: str, points: list[Point]) -> StreetLine | None:
    """The principal axis of the points, cut to their extent; None when they are too few or no line."""
    if len(points) < LEAST_BAYS:
        return None
    longitude = sum(point[0] for point in points) / len(points)
    latitude = sum(point[1] for point in points) / len(points)
    # Metres east and north of the middle: a degree of longitude is shorter than one of latitude.
    width = METRES_PER_DEGREE * math.cos(math.radians(latitude))
    local = [((x - longitude) * width, (y - latitude) * METRES_PER_DEGREE) for x, y in points]
    xx = sum(x * x for x, _ in local)
    yy = sum(y * y for _, y in local)
    xy = sum(x * y for x, y in local)
    angle = math.atan2(2 * xy, xx - yy) / 2
    east, north = math.cos(angle), math.sin(angle)
    along = [x * east + y * north for x, y in local]
    spread = math.sqrt(sum((y * east - x * north) ** 2 for x, y in local) / len(local))
    first, last = min(along), max(along)
    if last - first < LEAST_METRES or spread > MOST_SPREAD_METRES or spread > (last - first) / 2:
        return None
    return StreetLine(
        street_name(description),
        (longitude + first * east / width, latitude + first * north / METRES_PER_DEGREE),
        (longitude + last * east / width, latitude + last * north / METRES_PER_DEGREE),
        description,
    )


def _joints(pieces: list[StreetLine]) -> list[StreetLine]:
    """Lines that join the pieces of one street over its crossings, the shortest first, each end once."""
    ends = [
        (number, here, there)
        for number, piece in enumerate(pieces)
        for here, there in ((piece.start, piece.end), (piece.end, piece.start))
    ]
    gaps = sorted(
        (math.hypot(*_metres(one[1], other[1])), first, second)
        for second, other in enumerate(ends)
        for first, one in enumerate(ends[:second])
        if one[0] != other[0] and _leads_to(one, other[1]) and _leads_to(other, one[1])
    )
    joined: set[int] = set()
    joints = []
    for gap, first, second in gaps:
        if gap > WIDEST_CROSSING_METRES:
            break
        if first not in joined and second not in joined:
            joined |= {first, second}
            joints.append(StreetLine(pieces[0].name, ends[first][1], ends[second][1]))
    return joints


def _leads_to(end: tuple[int, Point, Point], place: Point) -> bool:
    """True when a piece, followed beyond its end, goes roughly towards the place."""
    _, here, there = end
    outward, joint = _metres(there, here), _metres(here, place)
    along = outward[0] * joint[0] + outward[1] * joint[1]
    return along >= STRAIGHT_ON * math.hypot(*outward) * math.hypot(*joint)


def _metres(one: Point, other: Point) -> tuple[float, float]:
    """East and north from one point to another."""
    width = METRES_PER_DEGREE * math.cos(math.radians(one[1]))
    return (other[0] - one[0]) * width, (other[1] - one[1]) * METRES_PER_DEGREE


def geojson(lines: Iterable[StreetLine], attribution: str) -> dict[str, object]:
    """The lines as a GeoJSON FeatureCollection, each marked approximate."""
    return {
        "type": "FeatureCollection",
        "attribution": attribution,
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": [_rounded(line.start), _rounded(line.end)]},
                "properties": {
                    "name": line.name,
                    "description": line.description,
                    "is_approximate": True,
                },
            }
            for line in lines
        ],
    }


def _rounded(point: Point) -> list[float]:
    return [round(point[0], 6), round(point[1], 6)]
