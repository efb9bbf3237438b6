"""Points 6 and 7 of the strict validator: polygons, and what lies in what."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from shapely import STRtree
from shapely.geometry import Polygon, shape

MELBOURNE = (144.88, -37.88, 145.05, -37.76)
# Square degrees: a hand's breadth. Whoever shares an edge shares no ground.
SAME_GROUND = 1e-13


def polygon_breaches(geometry: Any, where: str) -> Iterator[str]:
    """Polygon, closed, four positions, counter-clockwise, simple, in Melbourne."""
    if not isinstance(geometry, dict) or geometry.get("type") != "Polygon":
        yield f"6: {where} is no Polygon"
        return
    rings = geometry.get("coordinates")
    if not isinstance(rings, list) or not rings:
        yield f"6: {where} has no ring"
        return
    for number, ring in enumerate(rings):
        if len(ring) < 4 or ring[0] != ring[-1]:
            yield f"6: ring {number} of {where} is not closed or has fewer than four positions"
            return
        if (signed_area(ring) > 0) != (number == 0):
            yield f"6: ring {number} of {where} runs the wrong way"
    west, south, east, north = MELBOURNE
    if not all(west < x < east and south < y < north for ring in rings for x, y in ring):
        yield f"6: {where} is not in Melbourne"
    if not shape(geometry).is_valid:
        yield f"6: {where} crosses itself"


def signed_area(ring: list[list[float]]) -> float:
    """Positive when it runs counter-clockwise."""
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairwise(ring)) / 2


def contains(outer: Any, inner: Any) -> bool:
    return bool(shape(outer).covers(shape(inner)))


def overlaps(geometries: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs that share ground."""
    names = sorted(geometries)
    polygons: list[Polygon] = [shape(geometries[name]) for name in names]
    if not polygons:
        return
    for one, other in zip(*STRtree(polygons).query(polygons, predicate="intersects").tolist(), strict=True):
        if one < other and polygons[one].intersection(polygons[other]).area > SAME_GROUND:
            yield names[one], names[other]
