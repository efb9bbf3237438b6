"""What the cars of the simulated city really do: the known truth, at any moment by itself.

The time of each bay is cut into days that begin in the small hours, each bay's at its own second. A day's changes
come from random numbers of (seed, bay, day) alone, so that no moment depends on how one came to it; a day that
begins as the one before ended goes on with that one's stay or vacancy. Every bay changes at least once a day.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.behaviour import Behaviour, Drivers
from melpark.simulator.city import City
from melpark.simulator.deadlines import DAY, HOUR
from melpark.simulator.randomness import mixed, root, uniform

Status = Literal["Present", "Unoccupied"]
Indices = NDArray[np.int64]
Seconds = NDArray[np.int64]
Booleans = NDArray[np.bool_]

# Days begin between these hours UTC, which is from 02:00 to 06:00 in Melbourne, summer or winter: no plate holds.
FIRST_BEGINNING = 16 * HOUR
LAST_BEGINNING = 19 * HOUR
DAYS_HELD = 16
# More than any second since 1970, so that a bay and a second are one number.
BAY_STEP = 1 << 40


@dataclass(frozen=True)
class Event:
    """A bay took a new status. `changed_at` is in UTC, whole seconds."""

    kerbside_id: int
    changed_at: datetime
    status: Status


@dataclass(frozen=True)
class Changes:
    """Changes of many bays, ordered by bay and time. `bay` counts in the order of the city's sensors."""

    bay: Indices
    at: Seconds
    is_present: Booleans

    def where(self, mask: Booleans | Indices) -> "Changes":
        return Changes(self.bay[mask], self.at[mask], self.is_present[mask])

    def of(self, bays: Indices) -> "Changes":
        """Those of some bays, given in ascending order."""
        first = np.searchsorted(self.bay, bays, "left")
        counts = np.searchsorted(self.bay, bays, "right") - first
        skipped = np.repeat(first - np.append(0, np.cumsum(counts)[:-1]), counts)
        return self.where(skipped + np.arange(counts.sum()))

    @property
    def is_last(self) -> Booleans:
        """The last change of its bay here."""
        return np.append(self.bay[1:] != self.bay[:-1], True)[: len(self.bay)]


Part = tuple[Indices, Seconds, Booleans]


class Truth:
    """The known truth of one city. Holds no state but a cache."""

    def __init__(self, city: City, behaviour: Behaviour | None = None) -> None:
        self.city = city
        self.behaviour = behaviour or Behaviour()
        self._drivers = Drivers(city, self.behaviour)
        self._bay = {sensor.kerbside_id: number for number, sensor in enumerate(city.sensors)}
        keys = mixed(root(city.seed, "bays"), np.array(list(self._bay), np.int64))
        self._keys = mixed(keys, 0)
        span = LAST_BEGINNING - FIRST_BEGINNING
        self._beginnings = FIRST_BEGINNING + (uniform(keys, 1) * span).astype(np.int64)
        self._all = np.arange(len(city.sensors))
        self._made: dict[int, Changes] = {}

    def true_status(self, kerbside_id: int, at: datetime) -> Event:
        """The bay's newest event at or before `at`. Raises KeyError for an id that is no sensor's."""
        day = timedelta(days=1)
        # Every bay changes at least once a day, and a day's first change may be in the day before.
        return [
            event for event in self.true_events(kerbside_id, at - 2 * day, at + day) if event.changed_at <= at
        ][-1]

    def true_events(self, kerbside_id: int, start: datetime, end: datetime) -> list[Event]:
        """The bay's events in [start, end), in order. Raises KeyError for an id that is no sensor's."""
        bay = self._bay[kerbside_id]
        first, last = math.ceil(start.timestamp()), math.ceil(end.timestamp())
        found: list[tuple[int, bool]] = []
        ended = None
        for number in range(first // DAY - 2, last // DAY + 1):
            day = self._day(number)
            mine = slice(*np.searchsorted(day.bay, (bay, bay + 1)))
            at, is_present = day.at[mine].tolist(), day.is_present[mine].tolist()
            begin = int(is_present[0] == ended)
            found += zip(at[begin:], is_present[begin:], strict=True)
            ended = is_present[-1]
        return [_event(kerbside_id, at, is_present) for at, is_present in found if first <= at < last]

    def changes(self, first: int, last: int) -> Changes:
        """Every change of every bay in [first, last), seconds since 1970."""
        found = [
            changes.where((changes.at >= first) & (changes.at < last))
            for changes in self._days(first // DAY - 1, last // DAY)
        ]
        bay, at = (np.concatenate([getattr(part, name) for part in found]) for name in ("bay", "at"))
        return _ordered(bay, at, np.concatenate([part.is_present for part in found]))

    def statuses(self, seconds: int, bays: Indices | None = None) -> tuple[Seconds, Booleans]:
        """For each bay (all by default): when its newest change at or before `seconds` was, and if a car came then."""
        bays = self._all if bays is None else bays
        changed_at = np.zeros(len(bays), np.int64)
        is_present = np.zeros(len(bays), np.bool_)
        numbers = (seconds - self._beginnings[bays]) // DAY
        for number in np.unique(numbers):
            mine = numbers == number
            changed_at[mine], is_present[mine] = self._newest(bays[mine], int(number), seconds)
        return changed_at, is_present

    def deadlines(
        self, bays: Indices, arrivals: Seconds, departures: Seconds
    ) -> tuple[Seconds, Seconds, Seconds]:
        """For stays: the limit in force on arrival (seconds, 0 for none), when it is over (NEVER: not within days),
        and for how many seconds it overstays.
        """
        limit, breach, over = (np.zeros(len(bays), np.int64) for _ in range(3))
        for number in np.unique(arrivals // DAY):
            mine = arrivals // DAY == number
            limits, breaches, ends = self._drivers.deadlines(bays[mine], arrivals[mine])
            limit[mine], breach[mine] = limits, breaches
            over[mine] = np.maximum(0, np.minimum(departures[mine], ends) - breaches)
        return limit, breach, over

    def _newest(self, bays: Indices, number: int, seconds: int) -> tuple[Seconds, Booleans]:
        """The newest change within a day of the bays, or in the one before that it goes on from."""
        days = [self._days_of(bays, number - back) for back in (1, 0)]
        before, today = days[0], days[1].where(days[1].at <= seconds)
        last, before_last = np.flatnonzero(today.is_last), np.flatnonzero(before.is_last)
        goes_on = before.is_present[before_last] == today.is_present[last]
        goes_on &= today.at[last] == self._beginnings[bays] + number * DAY
        return np.where(goes_on, before.at[before_last], today.at[last]), today.is_present[last]

    def _days(self, first: int, last: int) -> Iterator[Changes]:
        """The changes of the days from `first` to `last`, without beginnings that only go on."""
        ended = None
        for number in range(first - 1, last + 1):
            day = self._day(number)
            if ended is not None:
                is_beginning = np.append(True, day.bay[1:] != day.bay[:-1])
                yield day.where(~is_beginning | (day.is_present != ended[day.bay]))
            ended = day.is_present[day.is_last]

    def _days_of(self, bays: Indices, number: int) -> Changes:
        if len(bays) * 4 < len(self._all) and number not in self._made:
            return self._make_day(bays, number)
        day = self._day(number)
        return day if len(bays) == len(self._all) else day.of(bays)

    def _day(self, number: int) -> Changes:
        """The whole day of all bays; the last DAYS_HELD that were asked for are held."""
        day = self._made.pop(number, None) or self._make_day(self._all, number)
        self._made[number] = day
        if len(self._made) > DAYS_HELD:
            self._made.pop(next(iter(self._made)))
        return day

    def _make_day(self, bays: Indices, number: int) -> Changes:
        """The bays' whole day, which begins with a change that may be none."""
        starts = self._beginnings[bays] + number * DAY
        ends = starts + DAY
        keys = mixed(self._keys[bays], number)
        day = self._drivers.day(number)
        present = uniform(keys, 0) < day.share_present_at_beginning
        found: list[Part] = [(bays, starts, present)]
        running = np.arange(len(bays))
        now = day.rest(bays, starts, present, keys)
        status = ~present
        step = 8
        while True:
            inside = now < ends[running]
            running, now, status = running[inside], now[inside], status[inside]
            if len(running) == 0:
                break
            found.append((bays[running], now, status))
            now = day.next(bays[running], now, status, keys[running], step)
            status = ~status
            step += 4
        found += _forced(bays, ends, present, keys, found)
        return _ordered(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _forced(
    bays: Indices,
    ends: Seconds,
    present: Booleans,
    keys: NDArray[np.uint64],
    found: list[Part],
) -> list[Part]:
    """A short change near the end of the day, for bays that had none."""
    still = np.ones(len(bays), np.bool_) if len(found) < 2 else ~np.isin(bays, found[1][0])
    at = ends[still] - (1_500 + uniform(keys[still], 7) * 1_800).astype(np.int64)
    return [(bays[still], at, ~present[still]), (bays[still], at + 600, present[still])]


def _ordered(bay: Indices, at: Seconds, is_present: Booleans) -> Changes:
    # One key of both, for what comes is long stretches in order, which a stable sort of one key makes use of.
    order = np.argsort(bay * BAY_STEP + at, kind="stable")
    return Changes(bay[order], at[order], is_present[order].astype(np.bool_))


def _event(kerbside_id: int, changed_at: int, is_present: bool) -> Event:
    return Event(kerbside_id, datetime.fromtimestamp(changed_at, UTC), status_name(is_present))


def status_name(is_present: bool) -> Status:
    """The feed's word for it."""
    return "Present" if is_present else "Unoccupied"
