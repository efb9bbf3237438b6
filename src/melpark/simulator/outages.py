"""When the portal or the whole feed fails: stale answers, frozen statuses, and requests that bring no answer."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.deadlines import DAY
from melpark.simulator.dirt import Dirt
from melpark.simulator.randomness import root, stream, uniform

Ticks = NDArray[np.int64]

REFRESH_SECONDS = 120
FOUR_WEEKS = 28 * DAY
# The feed holds nothing of its last seconds. A spread of no more than one refresh keeps it from running back.
LEAST_LAG_SECONDS = 42
MOST_LAG_SECONDS = 162


class Failure(StrEnum):
    """What fails: the feed as a whole, its statuses, or the answers to requests."""

    STALE = "stale"
    FROZEN = "frozen"
    SERVER_ERROR = "server_error"
    QUOTA = "quota"
    CUT_BODY = "cut_body"


# Shortest and longest duration in minutes.
DURATIONS = {
    Failure.STALE: (10, 240),
    Failure.FROZEN: (60, 6_200),
    Failure.SERVER_ERROR: (2, 40),
    Failure.QUOTA: (10, 120),
    Failure.CUT_BODY: (2, 10),
}
OF_REQUESTS = (Failure.SERVER_ERROR, Failure.QUOTA, Failure.CUT_BODY)


@dataclass(frozen=True)
class Outage:
    """From the refresh after `start` to before `end` (seconds since 1970, refreshes) something fails."""

    failure: Failure
    start: int
    end: int

    def holds(self, ticks: Ticks) -> NDArray[np.bool_]:
        return (ticks > self.start) & (ticks < self.end)


class FeedTime:
    """What each refresh of the feed knows, and whether it can be had. Holds no state but a cache."""

    def __init__(self, seed: int, dirt: Dirt) -> None:
        self.seed = seed
        self.dirt = dirt
        self._lags = root(seed, "lag")
        self._outages = lru_cache(maxsize=1_024)(self._draw)

    def outages(self, first: int, last: int) -> list[Outage]:
        """Those that touch [first, last), seconds since 1970, in order. No two touch each other."""
        periods = range(first // FOUR_WEEKS, (last - 1) // FOUR_WEEKS + 1)
        return [
            one for period in periods for one in self._outages(period) if one.start < last and one.end > first
        ]

    def updated(self, ticks: Ticks) -> Ticks:
        """The feed's own time at each refresh: the refresh, or the last one before the feed went stale."""
        return self._held(ticks, Failure.STALE)

    def known_until(self, ticks: Ticks) -> Ticks:
        """Seconds since 1970 of the newest change that the refresh can hold."""
        held = self._held(self.updated(ticks), Failure.FROZEN)
        if not self.dirt.is_late:
            return held
        span = MOST_LAG_SECONDS - LEAST_LAG_SECONDS + 1
        return held - LEAST_LAG_SECONDS - (uniform(self._lags, held) * span).astype(np.int64)

    def failure(self, tick: int) -> Failure | None:
        """Why a request brings no answer at this refresh, None when it does."""
        outage = self.outage_of_requests(tick)
        return outage.failure if outage else None

    def outage_of_requests(self, tick: int) -> Outage | None:
        """The outage in which a request at this refresh brings no answer."""
        for outage in self.outages(tick, tick + 1):
            if outage.failure in OF_REQUESTS and outage.start < tick < outage.end:
                return outage
        return None

    def answered(self, ticks: Ticks) -> NDArray[np.bool_]:
        """At which refreshes a request brings an answer."""
        answered = np.ones(len(ticks), np.bool_)
        for outage in self._touching(ticks):
            if outage.failure in OF_REQUESTS:
                answered &= ~outage.holds(ticks)
        return answered

    def _held(self, ticks: Ticks, failure: Failure) -> Ticks:
        for outage in self._touching(ticks):
            if outage.failure is failure:
                ticks = np.where(outage.holds(ticks), outage.start, ticks)
        return ticks

    def _touching(self, ticks: Ticks) -> list[Outage]:
        return self.outages(int(ticks.min()), int(ticks.max()) + 1) if len(ticks) else []

    def _draw(self, period: int) -> tuple[Outage, ...]:
        rng = stream(self.seed, "outages", period)
        dirt = self.dirt
        rates = (
            dirt.stale_feeds, dirt.frozen_feeds, dirt.server_errors, dirt.exceeded_quotas, dirt.cut_bodies,
        )  # fmt: skip
        found: list[Outage] = []
        for failure, rate in zip(Failure, rates, strict=True):
            shortest, longest = DURATIONS[failure]
            count = int(rate) + (rng.random() < rate % 1)
            for _ in range(count):
                refreshes = int(shortest * (longest / shortest) ** rng.random()) * 60 // REFRESH_SECONDS + 1
                room = FOUR_WEEKS // REFRESH_SECONDS - refreshes - 2
                start = period * FOUR_WEEKS + rng.randrange(1, room) * REFRESH_SECONDS
                outage = Outage(failure, start, start + refreshes * REFRESH_SECONDS)
                if all(outage.end < one.start or outage.start > one.end for one in found):
                    found.append(outage)
        return tuple(sorted(found, key=lambda one: one.start))


def tick_at(seconds: int) -> int:
    """The refresh at or before an instant in seconds since 1970."""
    return seconds // REFRESH_SECONDS * REFRESH_SECONDS
