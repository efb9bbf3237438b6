"""Street lines fitted to the bays that lie along them: no open dataset holds the streets' geometry."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

LEAST_BAYS = 2
LEAST_METRES = 8.0
# Farther than this to the side, on average, the bays do not lie along one straight line.
MOST_SPREAD_METRES = 35.0
METRES_PER_DEGREE = 111_320.0

Point = tuple[float, float]


@dataclass(frozen=True)
class StreetLine:
    """A straight piece of street; ends as (longitude, latitude) in degrees."""

    name: str
    start: Point
    end: Point


def street_name(description: str) -> str:
    """The street in "Lonsdale Street between Swanston Street and Russell Street"."""
    return description.partition(" between ")[0].strip()


def fit_streets(bays: Iterable[tuple[str, float, float]]) -> list[StreetLine]:
    """One line for each segment that has bays enough, from (segment description, longitude, latitude)."""
    segments: dict[str, list[Point]] = defaultdict(list)
    for description, longitude, latitude in bays:
        segments[description].append((longitude, latitude))
    lines = (_fit(street_name(description), points) for description, points in sorted(segments.items()))
    return [line for line in lines if line]


def _fit(name: str, points: list[Point]) -> StreetLine | None:
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
        name,
        (longitude + first * east / width, latitude + first * north / METRES_PER_DEGREE),
        (longitude + last * east / width, latitude + last * north / METRES_PER_DEGREE),
    )


def geojson(lines: Iterable[StreetLine], attribution: str) -> dict[str, object]:
    """The lines as a GeoJSON FeatureCollection, each marked approximate."""
    return {
        "type": "FeatureCollection",
        "attribution": attribution,
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": [_rounded(line.start), _rounded(line.end)]},
                "properties": {"name": line.name, "is_approximate": True},
            }
            for line in lines
        ],
    }


def _rounded(point: Point) -> list[float]:
    return [round(point[0], 6), round(point[1], 6)]
