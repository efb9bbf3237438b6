"""What the cars of the simulated city really do: the known truth, at any moment by itself.

The time of each bay is cut into days with a beginning of its own; a day's arrivals and departures come from a
random stream of (seed, bay, day), so that no moment depends on how one came to it.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from melpark.simulator.city import City, Sensor
from melpark.simulator.randomness import stream

Status = Literal["Present", "Unoccupied"]

MELBOURNE = ZoneInfo("Australia/Melbourne")
DAY = 86_400
HOUR = 3_600
HOURS_A_WEEK = 168
# A bay that shows no change in so many days is taken to have changed at the beginning of the first of them.
DAYS_BACK = 60
SHORTEST_SECONDS = 20
PATIENCE = HOUR
# Spread of the logarithm of stays and vacancies: most are short, some last for days.
SPREAD = 1.5
STAY_MINUTES = 75.0

# How strongly each local hour from midnight draws cars, in percent. Stays outlast their hour, so these swing wider
# than the share of bays taken that they bring about: 23 % before a weekday's dawn, 68 % at noon, 71 % on Friday
# evening.
_WEEKDAY = (9, 11, 11, 14, 20, 31, 37, 50, 58, 60, 61, 57, 58, 58, 54, 52, 54, 55, 56, 44, 26, 17, 10, 8)
_FRIDAY = (10, 11, 11, 13, 18, 30, 41, 49, 57, 60, 59, 61, 59, 55, 58, 53, 56, 65, 67, 66, 48, 26, 18, 16)
_SATURDAY = (16, 13, 10, 12, 17, 17, 21, 29, 40, 52, 55, 53, 53, 54, 55, 55, 55, 56, 62, 61, 44, 28, 24, 17)
_SUNDAY = (16, 14, 11, 13, 14, 16, 19, 24, 29, 36, 41, 46, 46, 44, 38, 31, 32, 36, 32, 27, 23, 16, 13, 9)
DEMAND = tuple(percent / 100 for percent in _WEEKDAY * 4 + _FRIDAY + _SATURDAY + _SUNDAY)
# How much longer than STAY_MINUTES a stay is that begins at this local hour.
STAY_FACTOR = (2.6,) * 6 + (1.3,) * 2 + (1.0,) * 9 + (1.5,) * 3 + (2.2,) * 4


@dataclass(frozen=True)
class Event:
    """A bay took a new status. `changed_at` is in UTC, whole seconds."""

    kerbside_id: int
    changed_at: datetime
    status: Status


@dataclass(frozen=True)
class Habit:
    """How one bay differs: `phase` seconds into the day at which its days begin, appeal (log odds), stays."""

    phase: int
    appeal: float
    stay_factor: float


@dataclass(frozen=True)
class Day:
    """One day of a bay: `times` (seconds since 1970) of its changes, the first being its beginning.

    The status alternates, `begins_present` being the first.
    """

    times: tuple[int, ...]
    begins_present: bool

    def is_present(self, index: int) -> bool:
        return self.begins_present ^ bool(index & 1)

    @property
    def ends_present(self) -> bool:
        return self.is_present(len(self.times) - 1)


class Truth:
    """The known truth of one city. Holds no state but a cache."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._sensors = {sensor.kerbside_id: sensor for sensor in city.sensors}
        self._habits = {sensor.kerbside_id: _habit(city.seed, sensor) for sensor in city.sensors}
        self._day = lru_cache(maxsize=20_000)(self._make_day)

    def true_status(self, kerbside_id: int, at: datetime) -> Event:
        """The bay's newest event at or before `at`. Raises KeyError for an id that is no sensor's."""
        changed_at, is_present = self.status_at(kerbside_id, math.floor(at.timestamp()))
        return _event(kerbside_id, changed_at, is_present)

    def true_events(self, kerbside_id: int, start: datetime, end: datetime) -> list[Event]:
        """The bay's events in [start, end), in order. Raises KeyError for an id that is no sensor's."""
        first, last = math.ceil(start.timestamp()), math.ceil(end.timestamp())
        return [
            _event(kerbside_id, changed_at, is_present)
            for changed_at, is_present in self._changes(kerbside_id, first, last)
            if first <= changed_at < last
        ]

    def status_at(self, kerbside_id: int, seconds: int) -> tuple[int, bool]:
        """Seconds since 1970 of the newest change at or before `seconds`, and whether a car came then."""
        number = (seconds - self._habits[kerbside_id].phase) // DAY
        day = self._day(kerbside_id, number)
        index = bisect_right(day.times, seconds) - 1
        is_present = day.is_present(index)
        # A day that begins as the one before ended goes on with that one's status.
        for back in range(1, DAYS_BACK):
            if index > 0:
                break
            before = self._day(kerbside_id, number - back)
            if before.ends_present != is_present:
                break
            day, index = before, len(before.times) - 1
        return day.times[index], is_present

    def _changes(self, kerbside_id: int, first: int, last: int) -> Iterator[tuple[int, bool]]:
        phase = self._habits[kerbside_id].phase
        for number in range((first - phase) // DAY, (last - phase) // DAY + 1):
            day = self._day(kerbside_id, number)
            goes_on = self._day(kerbside_id, number - 1).ends_present == day.begins_present
            for index in range(1 if goes_on else 0, len(day.times)):
                yield day.times[index], day.is_present(index)

    def _make_day(self, kerbside_id: int, number: int) -> Day:
        habit = self._habits[kerbside_id]
        rng = stream(self.city.seed, "day", kerbside_id, number)
        start = habit.phase + number * DAY
        since_monday = _seconds_since_local_monday(start)
        begins_present = rng.random() < _demand(since_monday, habit)
        times = [start]
        is_present = begins_present
        wait = _rest(rng, _mean_seconds(is_present, since_monday, habit))
        now = start
        while now < start + DAY:
            if not is_present and wait > PATIENCE:
                # A vacancy is drawn anew with the hour, or the night's would outlast the morning.
                now += PATIENCE
            else:
                now += wait
                times.append(now)
                is_present = not is_present
            wait = _whole(rng, _mean_seconds(is_present, since_monday + now - start, habit))
        times = [time for time in times if time < start + DAY]
        return Day(tuple(times), begins_present)


def _habit(seed: int, sensor: Sensor) -> Habit:
    rng = stream(seed, "habit", sensor.kerbside_id)
    stay_factor = sensor.zone.signs.stay_factor * rng.lognormvariate(0, 0.3)
    return Habit(rng.randrange(DAY), rng.gauss(0, 0.5), stay_factor)


def _demand(since_monday: int, habit: Habit) -> float:
    """How strongly the bay draws cars at this moment of the local week, between 0 and 1."""
    usual = DEMAND[since_monday // HOUR % HOURS_A_WEEK]
    odds = usual / (1 - usual) * math.exp(habit.appeal)
    return odds / (1 + odds)


def _mean_seconds(is_present: bool, since_monday: int, habit: Habit) -> float:
    """Mean length of a stay, or of a vacancy, that begins now."""
    stay = STAY_MINUTES * 60 * habit.stay_factor * STAY_FACTOR[since_monday // HOUR % 24]
    if is_present:
        return stay
    demand = _demand(since_monday, habit)
    return stay * (1 - demand) / demand


def _whole(rng: random.Random, mean: float) -> int:
    return max(SHORTEST_SECONDS, int(rng.lognormvariate(math.log(mean) - SPREAD**2 / 2, SPREAD)))


def _rest(rng: random.Random, mean: float) -> int:
    """What is left of a stay that one comes upon: long ones are met more often."""
    met = rng.lognormvariate(math.log(mean) + SPREAD**2 / 2, SPREAD)
    return max(SHORTEST_SECONDS, int(rng.random() * met))


def _seconds_since_local_monday(seconds: int) -> int:
    local = datetime.fromtimestamp(seconds, MELBOURNE)
    return local.weekday() * DAY + local.hour * HOUR + local.minute * 60 + local.second


def _event(kerbside_id: int, changed_at: int, is_present: bool) -> Event:
    return Event(kerbside_id, datetime.fromtimestamp(changed_at, UTC), status_name(is_present))


def status_name(is_present: bool) -> Status:
    """The feed's word for it."""
    return "Present" if is_present else "Unoccupied"
