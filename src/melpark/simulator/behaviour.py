"""How drivers behave: how long they stay, when a free bay is taken again, and who stays too long.

Stays and vacancies are mixtures of exponentials: many short, some long. Where a limit holds, a set share of those who
come stays beyond it; everyone else leaves before.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.city import City
from melpark.simulator.deadlines import DAY, HOUR, NEVER, Calendar, Deadlines, local_hour
from melpark.simulator.demand import LIFT, Demand, places_of
from melpark.simulator.plates import Plate, choices
from melpark.simulator.randomness import Floats, Keys, stream, uniform

Indices = NDArray[np.int64]
Seconds = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SHORTEST_SECONDS = 20
# A stay is a short stop, an errand or a long one; means in minutes.
SHORT_SHARE, SHORT_MINUTES = 0.585, 3.4
ERRAND_SHARE_OF_OTHERS, ERRAND_MINUTES = 0.5, 86.0
LONG_MINUTES = 220.0
# How much longer errands and long stays are that begin at this local hour.
STAY_FACTOR = np.array((3.2,) * 6 + (1.3,) * 2 + (1.0,) * 9 + (1.6,) * 3 + (2.8,) * 4)
# Share of departures that make room for a car which waits or passes, and how many minutes it takes.
QUICK_SHARE = np.array((0.25,) * 7 + (0.45,) * 2 + (0.935,) * 10 + (0.4,) * 5)
QUICK_MINUTES = 3.6
# How bays differ: in what they draw, and in how long cars stay (of the logarithm).
SPREAD_OF_APPEAL = 0.5
# How much sooner a bay of more appeal is taken again: the power of its appeal by which cars wait for it.
RUSH_BY_APPEAL = 0.3
SPREAD_OF_STAYS = 0.35


@dataclass(frozen=True)
class Behaviour:
    """What may be set about drivers. `overstay_share` is of stays that begin under a limit."""

    overstay_share: float = 0.06
    overstay_minutes: float = 22.0
    has_matches: bool = True


@dataclass(frozen=True)
class DayOfDrivers:
    """The drivers of one day of the bays. Times are seconds since 1970; `bays` are numbers of sensors."""

    drivers: "Drivers"
    deadlines: Deadlines
    sums: Floats
    instants: Floats
    local_hours: Indices
    start: int

    @property
    def share_present_at_beginning(self) -> Floats | float:
        return 0.22

    def rest(self, bays: Indices, now: Seconds, present: Booleans, keys: Keys) -> Seconds:
        """When the stay or vacancy ends that one comes upon in the small hours: long ones are met more often."""
        long_stay = self._stay_mean(bays, now, np.full(len(bays), 1.0))
        leaves = now + _whole(-long_stay * np.log(uniform(keys, 1)))
        leaves = self._in_time(bays, now, leaves, uniform(keys, 2))
        return np.where(present, leaves, self._taken(bays, now, uniform(keys, 3)))

    def next(self, bays: Indices, now: Seconds, present: Booleans, keys: Keys, step: int) -> Seconds:
        """When what begins now ends: the departure where a car came, the next arrival where one left."""
        first, second = uniform(keys, step), uniform(keys, step + 1)
        ends = np.empty(len(bays), np.int64)
        came, left = np.flatnonzero(present), np.flatnonzero(~present)
        ends[came] = self._leaves(bays[came], now[came], first[came], second[came], keys[came], step)
        waits = (1 - QUICK_SHARE[self._local_hour(now[left])]) ** self.drivers.rushes[bays[left]]
        quick = first[left] > waits
        soon = now[left] + _whole(-QUICK_MINUTES * 60 * np.log(second[left]))
        ends[left] = np.where(quick, soon, self._taken(bays[left], now[left], second[left]))
        return ends

    def _leaves(
        self, bays: Indices, now: Seconds, first: Floats, second: Floats, keys: Keys, step: int
    ) -> Seconds:
        behaviour = self.drivers.behaviour
        third, fourth = uniform(keys, step + 2), uniform(keys, step + 3)
        wished = now + _whole(-self._stay_mean(bays, now, first) * np.log(second))
        breach, limit, end = self.deadlines.breach(self.drivers.signs[bays], now)
        over = breach + 60 + _whole(-behaviour.overstay_minutes * 60 * np.log(fourth))
        overstays = (limit > 0) & (third < behaviour.overstay_share) & (breach + 60 < end)
        # Nobody is over beyond the window; who would be leaves within it, and not all at its end.
        within = breach + 60 + ((end - breach - 60) * second).astype(np.int64)
        return np.where(
            overstays, np.where(over < end, over, within), self._before(now, wished, breach, fourth)
        )

    def _in_time(self, bays: Indices, now: Seconds, wished: Seconds, draw: Floats) -> Seconds:
        breach, _, _ = self.deadlines.breach(self.drivers.signs[bays], now)
        return self._before(now, wished, breach, draw)

    @staticmethod
    def _before(now: Seconds, wished: Seconds, breach: Seconds, draw: Floats) -> Seconds:
        """The wish, unless it goes beyond the limit: then some time before, for most of them shortly."""
        allowed = np.where(breach == NEVER, 0, breach - now)
        early = now + np.maximum(SHORTEST_SECONDS, (allowed * (0.5 + 0.5 * np.sqrt(draw))).astype(np.int64))
        return np.where(wished >= breach, early, wished)

    def _taken(self, bays: Indices, now: Seconds, draw: Floats) -> Seconds:
        """The next arrival at a free bay: as many cars come as the demand's curve and the bay's appeal say."""
        lift = LIFT * self.drivers.places[bays]
        hours = (now - self.start) // HOUR
        row = self.drivers.places[bays] * self.row_length + hours
        into = (now - self.instants[row]) / HOUR
        passed = self.sums[row] + into * (self.sums[row + 1] - self.sums[row])
        wanted = np.minimum(passed - np.log(draw) / self.drivers.appeals[bays], lift + LIFT / 2)
        at = np.interp(wanted, self.sums, self.instants)
        ends: Seconds = np.maximum(now + SHORTEST_SECONDS, at.astype(np.int64))
        return ends

    def _stay_mean(self, bays: Indices, now: Seconds, draw: Floats) -> Floats:
        """Mean seconds of the kind of stay that `draw` picks."""
        is_errand = draw < SHORT_SHARE + (1 - SHORT_SHARE) * ERRAND_SHARE_OF_OTHERS
        factor = STAY_FACTOR[self._local_hour(now)] * self.drivers.stay_factors[bays]
        longer = 60 * factor * np.where(is_errand, ERRAND_MINUTES, LONG_MINUTES)
        return np.where(draw < SHORT_SHARE, 60 * SHORT_MINUTES, longer)

    def _local_hour(self, at: Seconds) -> Indices:
        return self.local_hours[(at - self.start) // HOUR]

    @property
    def row_length(self) -> int:
        return len(self.local_hours) + 2


class Drivers:
    """The drivers of one city: what differs from bay to bay."""

    def __init__(self, city: City, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._demand = Demand(city.seed, behaviour.has_matches)
        sets: dict[tuple[Plate, ...], int] = {}
        signs, appeals, factors = [], [], []
        for sensor in city.sensors:
            rng = stream(city.seed, "habit", sensor.kerbside_id)
            signs.append(sets.setdefault(rng.choice(choices(sensor.zone.signs.plates)), len(sets)))
            appeals.append(rng.lognormvariate(0, SPREAD_OF_APPEAL))
            factors.append(sensor.zone.signs.stay_factor * rng.lognormvariate(0, SPREAD_OF_STAYS))
        self.sets = tuple(sets)
        self.signs = np.array(signs)
        self.appeals = np.array(appeals)
        self.rushes = self.appeals**RUSH_BY_APPEAL
        self.stay_factors = np.array(factors)
        self.places = places_of(city.sensors)
        self.calendar = Calendar(self.sets)
        self.day = lru_cache(maxsize=8)(self._make_day)

    def deadlines(self, bays: Indices, arrivals: Seconds) -> tuple[Seconds, Seconds, Seconds]:
        """For cars that come on one UTC day: the limit in force (seconds, 0 for none), when the car is over, and the
        end of the window in which it is then.
        """
        deadlines = self.calendar.deadlines(int(arrivals[0]) // DAY)
        signs = self.signs[bays]
        breach, _, _ = deadlines.breach(signs, arrivals)
        on_arrival = deadlines.limits[signs, np.searchsorted(deadlines.edges, arrivals, "right") - 1]
        at_breach = np.minimum(np.searchsorted(deadlines.edges, breach, "right"), len(deadlines.edges)) - 1
        return on_arrival, breach, deadlines.edges[deadlines.run_ends[signs, at_breach]]

    def _make_day(self, number: int) -> DayOfDrivers:
        start = number * DAY
        sums, instants = self._demand.curve(number)
        hours = np.array([local_hour(start // HOUR + hour)[1] for hour in range(48)])
        return DayOfDrivers(self, self.calendar.deadlines(number), sums, instants, hours, start)


def _whole(seconds: Floats) -> Seconds:
    return np.maximum(SHORTEST_SECONDS, seconds.astype(np.int64))
