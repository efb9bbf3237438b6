"""Bays that change zone or place in the feed for some weeks, and then change back."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.city import City
from melpark.simulator.deadlines import DAY
from melpark.simulator.outages import FOUR_WEEKS, REFRESH_SECONDS
from melpark.simulator.randomness import stream

WEEK = 7 * DAY
# A zone that the feed leaves away.
NO_ZONE = -1


@dataclass(frozen=True)
class Shift:
    """From the refresh `start` to before `end` a bay is shown in another zone, or elsewhere."""

    bay: int
    start: int
    end: int
    zone_number: int | None = None
    place: tuple[float, float] | None = None


@dataclass(frozen=True)
class Places:
    """Zone (NO_ZONE for none) and place of every bay as one refresh shows them."""

    zone_numbers: NDArray[np.int64]
    longitudes: NDArray[np.float64]
    latitudes: NDArray[np.float64]


class Drift:
    """Zones and places of one city at any time. Holds no state."""

    def __init__(self, city: City) -> None:
        self.city = city
        sensors = city.sensors
        self._week = lru_cache(maxsize=64)(lambda week: tuple(self._draw(week)))
        self._zones = np.array([NO_ZONE if one.zone_number is None else one.zone_number for one in sensors])
        self._longitudes = np.array([one.longitude for one in sensors])
        self._latitudes = np.array([one.latitude for one in sensors])

    def shifts(self, first: int, last: int) -> list[Shift]:
        """Those that touch [first, last), seconds since 1970, oldest first."""
        weeks = range((first - FOUR_WEEKS) // WEEK - 1, last // WEEK + 1)
        found = [
            shift for week in weeks for shift in self._week(week) if shift.start < last and shift.end > first
        ]
        return sorted(found, key=lambda shift: (shift.start, shift.bay))

    def places(self, tick: int) -> Places:
        """As the refresh shows them; of two shifts of one bay the later counts."""
        places = Places(self._zones.copy(), self._longitudes.copy(), self._latitudes.copy())
        for shift in self.shifts(tick, tick + 1):
            if shift.zone_number is not None:
                places.zone_numbers[shift.bay] = shift.zone_number
            if shift.place is not None:
                places.longitudes[shift.bay], places.latitudes[shift.bay] = shift.place
        return places

    def _draw(self, week: int) -> Iterator[Shift]:
        city, dirt = self.city, self.city.dirt
        rng = stream(city.seed, "drift", week)
        for number in range(dirt.zone_changes_a_week + dirt.place_changes_a_week):
            bay = rng.randrange(len(city.sensors))
            start = week * WEEK + rng.randrange(0, WEEK, REFRESH_SECONDS)
            sensor = city.sensors[bay]
            if number < dirt.zone_changes_a_week:
                zone = sensor.zone.zone_number + rng.choice((-1, 1))
                yield Shift(bay, start, start + FOUR_WEEKS, zone_number=zone)
            else:
                place = (
                    sensor.longitude + rng.uniform(-1e-4, 1e-4),
                    sensor.latitude + rng.uniform(-1e-4, 1e-4),
                )
                yield Shift(bay, start, start + FOUR_WEEKS, place=place)
