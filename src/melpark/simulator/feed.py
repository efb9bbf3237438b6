"""What the sensors of the simulated city report, with the flaws of the real feed: late, and partly wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.city import City
from melpark.simulator.deadlines import DAY
from melpark.simulator.drift import NO_ZONE, Drift, Places
from melpark.simulator.dynamics import Truth, status_name
from melpark.simulator.faults import Faultiness, Faults
from melpark.simulator.outages import REFRESH_SECONDS, FeedTime, tick_at
from melpark.simulator.randomness import root, uniform
from melpark.simulator.records import Record

__all__ = ["NOBODY", "REFRESH_SECONDS", "Feed", "Snapshot", "tick_of"]

Seconds = NDArray[np.int64]
NOBODY = -1


@dataclass(frozen=True)
class Snapshot:
    """One refresh, in the order of the city's sensors; times are seconds since 1970."""

    updated_at: int
    changed_at: Seconds
    is_present: NDArray[np.bool_]
    heard_at: Seconds
    places: Places


def tick_of(at: datetime) -> int:
    """The refresh at or before `at`, in seconds since 1970."""
    return tick_at(int(at.timestamp()))


class Feed:
    """The live feed of one city at any refresh. Holds no state but a cache."""

    def __init__(self, city: City, truth: Truth) -> None:
        self.city = city
        self.truth = truth
        self.time = FeedTime(city.seed, city.dirt)
        self.faultiness = Faultiness(city)
        self.drift = Drift(city)
        self._zero_times = root(city.seed, "epoch zero")
        self._frozen = lru_cache(maxsize=1_024)(self._make_frozen)

    def known_until(self, tick: int) -> int:
        """Seconds since 1970 of the newest change that the refresh `tick` can hold."""
        return int(self.time.known_until(np.array([tick]))[0])

    def updated(self, tick: int) -> int:
        """The feed's own time at the refresh `tick`."""
        return int(self.time.updated(np.array([tick]))[0])

    def snapshot(self, tick: int) -> Snapshot:
        """The refresh `tick` as it would be with a right time in every row."""
        updated_at = self.updated(tick)
        changed_at, is_present = self.truth.statuses(self.known_until(tick))
        heard_at = np.full(len(self.city.sensors), updated_at)
        faults = self.faultiness.within(updated_at, updated_at + 1).at(updated_at)
        changed_at[faults.bay], is_present[faults.bay] = self.frozen(faults)
        dead = faults.where(faults.is_dead)
        heard_at[dead.bay] = self.time.updated(dead.since)
        return Snapshot(updated_at, changed_at, is_present, heard_at, self.drift.places(updated_at))

    def frozen(self, faults: Faults) -> tuple[Seconds, NDArray[np.bool_]]:
        """What each faulty sensor goes on reporting: when its status changed, and whether a car came then."""
        changed_at, is_present = np.zeros(len(faults.bay), np.int64), np.zeros(len(faults.bay), np.bool_)
        for since in np.unique(faults.since):
            mine = faults.since == since
            changed_at[mine], is_present[mine] = self._frozen(int(since), tuple(faults.bay[mine].tolist()))
        return changed_at, is_present

    def timeless(self, ticks: Seconds) -> Seconds:
        """The sensor whose status time is 1970 at each refresh, NOBODY where there is none.

        It is one that has been dead or stuck for long, of which nothing else happens about then: so a poll that
        refuses its row misses nothing, and the history need not know of it.
        """
        number = 2 * (ticks // REFRESH_SECONDS)
        happens = uniform(self._zero_times, number) < self.city.dirt.epoch_zero_times
        lasting = self.faultiness.lasting
        order = np.argsort(lasting.since, kind="stable")
        candidates = np.searchsorted(lasting.since[order], ticks - DAY)
        chosen = (uniform(self._zero_times, number + 1) * candidates).astype(np.int64)
        bay = np.append(lasting.bay[order], NOBODY)[chosen]
        happens &= (candidates > 0) & self._is_calm(ticks)
        for shift in self.drift.shifts(int(ticks.min()) - DAY, int(ticks.max()) + DAY):
            happens &= (bay != shift.bay) | (shift.start >= ticks + DAY) | (shift.end <= ticks - DAY)
        return np.where(happens, bay, NOBODY)

    def _is_calm(self, ticks: Seconds) -> NDArray[np.bool_]:
        """Where the refresh itself and those beside it are answered and new."""
        calm = np.ones(len(ticks), np.bool_)
        for around in (ticks - REFRESH_SECONDS, ticks, ticks + REFRESH_SECONDS):
            calm &= self.time.answered(around) & (self.time.updated(around) == around)
        return calm

    def records(self, tick: int) -> list[Record]:
        """`on-street-parking-bay-sensors` in the portal's shape, one record per sensor."""
        now = self.snapshot(tick)
        changed_at = now.changed_at.copy()
        timeless = self.timeless(np.array([tick]))
        changed_at[timeless[timeless != NOBODY]] = 0
        places = now.places
        rows = zip(
            self.city.sensors,
            *(column.tolist() for column in (now.heard_at, changed_at, now.is_present)),
            *(column.tolist() for column in (places.zone_numbers, places.longitudes, places.latitudes)),
            strict=True,
        )
        return [
            {
                "lastupdated": _iso(heard),
                "status_timestamp": _iso(changed),
                "zone_number": None if zone == NO_ZONE else zone,
                "status_description": status_name(present),
                "kerbsideid": sensor.kerbside_id,
                "location": {"lon": longitude, "lat": latitude},
            }
            for sensor, heard, changed, present, zone, longitude, latitude in rows
        ]

    def _make_frozen(self, since: int, bays: tuple[int, ...]) -> tuple[Seconds, NDArray[np.bool_]]:
        return self.truth.statuses(self.known_until(since), np.array(bays))


@lru_cache(maxsize=16_384)
def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
