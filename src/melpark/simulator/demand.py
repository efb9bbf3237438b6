"""How strongly the kerb draws cars: by hour of the local week, by bay, and around special events."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.city import Sensor
from melpark.simulator.deadlines import DAY, HOUR, local_hour
from melpark.simulator.randomness import Floats, stream
from melpark.simulator.streets import Point

# Cars an hour that would take a free bay which no other car is about to take, in hundredths, by local hour. With the
# stays of `behaviour` they make the shares of bays taken that docs/simulator.md gives.
_WEEKDAY = (1, 1, 2, 8, 13, 19, 43, 89, 117, 90, 48, 46, 38, 25, 13, 12, 23, 40, 29, 32, 43, 14, 4, 1)
_FRIDAY = (1, 1, 2, 8, 13, 19, 43, 89, 117, 90, 48, 46, 38, 25, 15, 23, 40, 64, 89, 163, 119, 26, 4, 2)
_SATURDAY = (1, 1, 4, 13, 12, 12, 19, 39, 66, 52, 35, 33, 25, 14, 15, 14, 23, 40, 40, 59, 55, 19, 8, 2)
_SUNDAY = (2, 2, 6, 13, 10, 8, 12, 25, 40, 35, 19, 19, 10, 4, 2, 2, 2, 3, 4, 12, 24, 8, 3, 3)
ARRIVALS = np.array((*((_WEEKDAY,) * 4), _FRIDAY, _SATURDAY, _SUNDAY, _SUNDAY)) / 100

# Match days: where, on which weekday and at which local hour the crowd comes, for how many hours.
STADIUMS: tuple[Point, ...] = ((144.9475, -37.8166), (144.9834, -37.8199))
MATCH_SHARE = 0.5
MATCH_HOURS = 3
MATCH_FACTOR = 6.0
MATCH_METRES = 900.0
NOWHERE = len(STADIUMS)


@dataclass(frozen=True)
class Match:
    """A special event: from `start` to before `end` (seconds since 1970) more cars come around the stadium."""

    stadium: int
    start: int
    end: int


class Demand:
    """Arrivals at any place and hour. Holds no state."""

    def __init__(self, seed: int, has_matches: bool = True) -> None:
        self.seed = seed
        self.has_matches = has_matches

    def matches(self, first: int, last: int) -> list[Match]:
        """The events that touch [first, last), in seconds since 1970."""
        weeks = range(first // (7 * DAY) - 1, last // (7 * DAY) + 1)
        return [
            match for week in weeks for match in self._week(week) if match.start < last and match.end > first
        ]

    def curve(self, number: int) -> tuple[Floats, Floats]:
        """Arrivals added up from day `number` on, and the instants at which they are so many, for np.interp.

        One curve a place (each stadium, and elsewhere) after the other, each `LIFT` above the one before.
        """
        start = number * DAY
        hours = 48
        rates = np.array([ARRIVALS[local_hour(start // HOUR + hour)] for hour in range(hours)])
        instants = np.append(start + HOUR * np.arange(hours + 1), start + 1_000 * DAY).astype(np.float64)
        by_place = np.tile(rates, (NOWHERE + 1, 1))
        for match in self.matches(start, start + hours * HOUR):
            first, last = (np.clip((at - start) // HOUR, 0, hours) for at in (match.start, match.end))
            by_place[match.stadium, first:last] *= MATCH_FACTOR
        sums = np.pad(np.cumsum(by_place, axis=1), ((0, 0), (1, 1)))
        sums[:, -1] = LIFT / 2
        lifted = sums + LIFT * np.arange(NOWHERE + 1)[:, None]
        return lifted.ravel(), np.tile(instants, NOWHERE + 1)

    def _week(self, week: int) -> list[Match]:
        if not self.has_matches:
            return []
        rng = stream(self.seed, "matches", week)
        found = []
        for stadium in range(NOWHERE):
            # 1970 began on a Thursday. 08:00 UTC is early evening in Melbourne.
            day = week * 7 + rng.choice((1, 2, 3))
            hour = rng.choice((3, 5, 7, 8))
            if rng.random() < MATCH_SHARE:
                start = day * DAY + hour * HOUR
                found.append(Match(stadium, start, start + MATCH_HOURS * HOUR))
        return found


# More than all arrivals of two days, and small enough for exact seconds.
LIFT = 1e7


def places_of(sensors: tuple[Sensor, ...]) -> NDArray[np.int64]:
    """For each sensor the stadium by which it stands, NOWHERE for most."""
    return np.array([_place((sensor.longitude, sensor.latitude)) for sensor in sensors])


def _place(point: Point) -> int:
    metres = [
        math.hypot((point[0] - place[0]) * 87_700, (point[1] - place[1]) * 111_000) for place in STADIUMS
    ]
    nearest = min(range(NOWHERE), key=metres.__getitem__)
    return nearest if metres[nearest] < MATCH_METRES else NOWHERE
