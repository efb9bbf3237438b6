"""Which sensors report nothing new, since when and until when.

A dead sensor keeps its last status and its old `lastupdated`; a stuck one goes on reporting the status at which it
stuck. Some have been so since before July 2025 and stay so; others revive after hours or days.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.city import City
from melpark.simulator.deadlines import DAY, NEVER
from melpark.simulator.outages import FOUR_WEEKS, REFRESH_SECONDS, tick_at
from melpark.simulator.randomness import mixed, root, stream, uniform

Indices = NDArray[np.int64]

FIRST_FAULT = datetime(2023, 10, 24, tzinfo=UTC)
LAST_FAULT = datetime(2025, 7, 1, tzinfo=UTC)
# Sensors fell silent, or stuck, in so many groups, each at one refresh.
SILENCES = 28
STICKINGS = 12
SHARE_DEAD_OF_PASSING = 0.7
MEAN_PASSING = DAY


@dataclass(frozen=True)
class Faults:
    """Faults ordered by bay and beginning: nothing new from the refresh after `since` to before `until`."""

    bay: Indices
    since: Indices
    until: Indices
    is_dead: NDArray[np.bool_]

    def where(self, mask: NDArray[np.bool_]) -> "Faults":
        return Faults(self.bay[mask], self.since[mask], self.until[mask], self.is_dead[mask])

    def at(self, tick: int) -> "Faults":
        """Those that hold at the refresh, at most one a bay."""
        return self.where((self.since < tick) & (tick < self.until))


class Faultiness:
    """The faults of one city at any time. Holds no state."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._keys = mixed(root(city.seed, "faults"), np.array([one.kerbside_id for one in city.sensors]))
        self.lasting = self._lasting()
        self._sound = np.setdiff1d(np.arange(len(city.sensors)), self.lasting.bay)

    def within(self, first: int, last: int) -> Faults:
        """Those that touch [first, last), seconds since 1970."""
        periods = range(first // FOUR_WEEKS, (last - 1) // FOUR_WEEKS + 1)
        parts = [self.lasting, *(self._passing(period) for period in periods)]
        bay, since, until, is_dead = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("bay", "since", "until", "is_dead")
        )
        order = np.lexsort((since, bay))
        faults = Faults(bay[order], since[order], until[order], is_dead[order])
        return faults.where((faults.since < last) & (faults.until > first))

    def _lasting(self) -> Faults:
        city, dirt = self.city, self.city.dirt
        rng = stream(city.seed, "faults")
        span = int((LAST_FAULT - FIRST_FAULT) / timedelta(seconds=1))
        start = tick_at(int(FIRST_FAULT.timestamp()))
        begins = [
            np.array([start + rng.randrange(0, span, REFRESH_SECONDS) for _ in range(count)], np.int64)
            for count in (SILENCES, STICKINGS)
        ]
        keys = self._keys
        is_dead = uniform(keys, 0) < dirt.share_dead
        is_stuck = ~is_dead & (uniform(keys, 1) < dirt.share_stuck)
        group = uniform(keys, 2)
        since = np.where(
            is_dead, begins[0][(group * SILENCES).astype(int)], begins[1][(group * STICKINGS).astype(int)]
        )
        bay = np.flatnonzero(is_dead | is_stuck)
        return Faults(bay, since[bay], np.full(len(bay), NEVER), is_dead[bay])

    def _passing(self, period: int) -> Faults:
        keys = mixed(self._keys[self._sound], period)
        hit = uniform(keys, 0) < self.city.dirt.passing_faults_in_four_weeks
        keys, bay = keys[hit], self._sound[hit]
        drawn = period * FOUR_WEEKS + REFRESH_SECONDS + uniform(keys, 1) * (FOUR_WEEKS - 10 * REFRESH_SECONDS)
        since = drawn.astype(np.int64) // REFRESH_SECONDS * REFRESH_SECONDS
        lasts = 2 + (-MEAN_PASSING * np.log(uniform(keys, 2))).astype(np.int64) // REFRESH_SECONDS
        until = np.minimum(since + lasts * REFRESH_SECONDS, (period + 1) * FOUR_WEEKS)
        return Faults(bay, since, until, uniform(keys, 3) < SHARE_DEAD_OF_PASSING)
