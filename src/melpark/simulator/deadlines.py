"""By when a car must leave: the plates of each set of signs on the City's wall clock.

Plates that abut with one limit are one window, time counts from the later of arrival and the window's start, and
on a public holiday of Victoria only plates of all seven days hold. Clock and holidays are those of
`melpark.parking`; how plates are read and joined is not, for the truth that comes of it is what checks the calendar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from melpark.parking.local_time import MELBOURNE, is_public_holiday
from melpark.simulator.plates import Plate, limit_minutes

Seconds = NDArray[np.int64]

DAY = 86_400
HOUR = 3_600
HOLIDAY = 7
EVERY_DAY = "Mon-Sun"
NEVER = np.int64(2**62)
DAYS_AHEAD = 3
_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Deadlines:
    """The limits of every set of signs from `start` (seconds since 1970) on, for three days.

    `edges` are the instants at which any set's limit changes; `limits` (seconds, 0 for none), `run_ends` (index of
    the edge that ends the window) and `fresh` (when a car that comes at the edge is over) are sets by edges.
    """

    edges: Seconds
    limits: Seconds
    run_ends: Seconds
    fresh: Seconds

    def breach(self, signs: Seconds, arrival: Seconds) -> tuple[Seconds, Seconds, Seconds]:
        """For cars that come at `arrival` under sets `signs`: when each is over (NEVER: not within days), the limit
        in force on arrival that leads to it (seconds, 0 for none), and the end of that window.
        """
        edge = np.searchsorted(self.edges, arrival, "right") - 1
        limit, end = self.limits[signs, edge], self.run_ends[signs, edge]
        end_at = self.edges[end]
        bites = (limit > 0) & (arrival + limit < end_at)
        return np.where(bites, arrival + limit, self.fresh[signs, end]), np.where(bites, limit, 0), end_at


class Calendar:
    """The deadlines of `sets` of plates at any day. Holds no state but a cache."""

    def __init__(self, sets: Sequence[tuple[Plate, ...]]) -> None:
        self._minutes = np.stack([_by_day_type(plates) for plates in sets])
        self.deadlines = lru_cache(maxsize=8)(self._make)

    def _make(self, number: int) -> Deadlines:
        """Deadlines from 00:00 UTC of the day that is `number` days after 1970-01-01."""
        start = number * DAY
        day_types, minutes = _local_minutes(start)
        limits = self._minutes[:, day_types, minutes]
        turns = np.flatnonzero((limits[:, 1:] != limits[:, :-1]).any(axis=0)) + 1
        begins = np.concatenate(([0], turns))
        edges = np.concatenate((begins, [limits.shape[1]])).astype(np.int64) * 60 + start
        at = np.pad(limits[:, begins].astype(np.int64) * 60, ((0, 0), (0, 1)))
        last = len(edges) - 1
        run_ends = np.full(at.shape, last, np.int64)
        fresh = np.full(at.shape, NEVER, np.int64)
        rows = np.arange(len(at))
        for edge in range(last - 1, -1, -1):
            if edge + 1 < last:
                same = at[:, edge] == at[:, edge + 1]
                run_ends[:, edge] = np.where(same, run_ends[:, edge + 1], edge + 1)
            over = edges[edge] + at[:, edge]
            end = run_ends[:, edge]
            bites = (at[:, edge] > 0) & (over < edges[end])
            fresh[:, edge] = np.where(bites, over, fresh[rows, end])
        return Deadlines(edges, at, run_ends, fresh)


@cache
def local_hour(utc_hour: int) -> tuple[int, int]:
    """Weekday (Monday is 0, a public holiday 7) and local hour of the hour that is `utc_hour` hours after 1970."""
    local = datetime.fromtimestamp(utc_hour * HOUR, UTC).astimezone(MELBOURNE)
    return (HOLIDAY if is_public_holiday(local.date()) else local.weekday()), local.hour


def days_of(days: str) -> frozenset[int]:
    """The weekdays of a plate, Monday being 0: `Mon-Fri`, `Sat`."""
    first, _, last = days.partition("-")
    begin, end = _NAMES.index(first), _NAMES.index(last or first)
    return frozenset(range(begin, end + 1))


def minute_of(time: str) -> int:
    """Minute of the day of `HH:MM`; 23:59 means midnight."""
    hours, minutes = time.split(":")
    minute = int(hours) * 60 + int(minutes)
    return 1_440 if minute == 1_439 else minute


def _by_day_type(plates: Sequence[Plate]) -> NDArray[np.int16]:
    """Limit in minutes by day type and minute of the day, 0 for none; the shortest where plates overlap."""
    table = np.zeros((8, 1_440), np.int16)
    for plate in plates:
        limit = limit_minutes(plate.code)
        if limit is None:
            continue
        hours = slice(minute_of(plate.start), minute_of(plate.finish))
        day_types = days_of(plate.days) | ({HOLIDAY} if plate.days == EVERY_DAY else set())
        for day_type in day_types:
            part = table[day_type, hours]
            table[day_type, hours] = np.where(part == 0, limit, np.minimum(part, limit))
    return table


def _local_minutes(start: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Day type and minute of the local day for each minute from `start` on; offsets of Melbourne are whole hours."""
    hours = [local_hour(start // HOUR + number) for number in range(24 * DAYS_AHEAD)]
    day_types = np.repeat(np.array([day_type for day_type, _ in hours]), 60)
    minutes = np.repeat(np.array([hour * 60 for _, hour in hours]), 60) + np.tile(np.arange(60), len(hours))
    return day_types, minutes
