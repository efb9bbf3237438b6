"""Distances on the ground."""

import math

EARTH_RADIUS_METRES = 6_371_008.8
# Of latitude; of longitude so much times the cosine of the latitude.
METRES_PER_DEGREE = math.radians(EARTH_RADIUS_METRES)

Place = tuple[float, float]


def metres(one: Place, other: Place) -> float:
    """The great circle between two places, each (longitude, latitude) in degrees."""
    (west, south), (east, north) = one, other
    across, along = math.radians(east - west), math.radians(north - south)
    half = math.sin(along / 2) ** 2 + math.cos(math.radians(south)) * math.cos(math.radians(north)) * (
        math.sin(across / 2) ** 2
    )
    return 2 * EARTH_RADIUS_METRES * math.asin(min(1.0, math.sqrt(half)))
