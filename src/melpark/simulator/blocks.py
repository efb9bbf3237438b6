"""Blocks: where streets cross, and the kerb between two crossings."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from melpark.simulator.streets import Point, Street

METRES_PER_DEGREE_NORTH = 110_990.0
METRES_PER_DEGREE_EAST = METRES_PER_DEGREE_NORTH * math.cos(math.radians(37.815))
BAY_LENGTH = 6.4
# No bays so close to a corner, in metres.
CORNER = 14.0
SHORTEST_BLOCK = 45.0

Side = Literal[-1, 1]


@dataclass(frozen=True)
class Block:
    """A street between two crossings: `start` and `finish` are metres along the street's line."""

    street: Street
    street_from: str
    street_to: str
    start: float
    finish: float

    def bay_count(self) -> int:
        """How many bays fit on one side."""
        return max(0, int((self.finish - self.start - 2 * CORNER) / BAY_LENGTH))

    def bay(self, side: float, index: int) -> Point:
        """Longitude and latitude of a bay's middle; `side` 1 is the left kerb in the line's direction, 0 the middle."""
        along = self.start + CORNER + (index + 0.5) * BAY_LENGTH
        x, y = _metres(self.street.start, self.street.end)
        length = math.hypot(x, y)
        across = side * self.street.half_width
        east = (x * along - y * across) / length
        north = (y * along + x * across) / length
        longitude, latitude = self.street.start
        return longitude + east / METRES_PER_DEGREE_EAST, latitude + north / METRES_PER_DEGREE_NORTH


def blocks(streets: Sequence[Street]) -> Iterator[Block]:
    """Every stretch of a street between two neighbouring crossings, street by street."""
    for street in streets:
        for (start, street_from), (finish, street_to) in pairwise(_crossings(street, streets)):
            if finish - start >= SHORTEST_BLOCK:
                yield Block(street, street_from, street_to, start, finish)


def _crossings(street: Street, streets: Sequence[Street]) -> list[tuple[float, str]]:
    """Metres along the street of each crossing, with the other street's name, in order."""
    found = []
    for other in streets:
        if other.name != street.name and (along := _crossing(street, other)) is not None:
            found.append((along, other.name))
    return sorted(found)


def _crossing(street: Street, other: Street) -> float | None:
    """Metres along `street` where `other` crosses it; ends that miss by a few metres still cross."""
    x1, y1 = _metres(street.start, street.end)
    x2, y2 = _metres(other.start, other.end)
    x0, y0 = _metres(street.start, other.start)
    determinant = x1 * y2 - y1 * x2
    length, other_length = math.hypot(x1, y1), math.hypot(x2, y2)
    if abs(determinant) < 0.2 * length * other_length:
        return None
    along = (x0 * y2 - y0 * x2) / determinant
    along_other = (x0 * y1 - y0 * x1) / determinant
    slack = 25.0
    if not -slack <= along * length <= length + slack:
        return None
    if not -slack <= along_other * other_length <= other_length + slack:
        return None
    return along * length


def _metres(origin: Point, point: Point) -> tuple[float, float]:
    east = (point[0] - origin[0]) * METRES_PER_DEGREE_EAST
    north = (point[1] - origin[1]) * METRES_PER_DEGREE_NORTH
    return east, north
