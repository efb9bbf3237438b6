"""Key figures of the kerb, by the formulas of the Curb Data Specification.

A `Measure` is what adds up: over bays, over locations, and over windows of time that follow one another. The
figures are taken from the sum, never averaged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Self

from melpark.parking.intervals import Interval, intersection, length, union
from melpark.parking.occupied import BayTime, Run
from melpark.parking.rules import Window
from melpark.parking.stays import Stay

NOTHING = timedelta(0)


@dataclass(frozen=True)
class Measure:
    """Bays and a window of time in sums. Times are bay-time: two bays occupied for a minute are two minutes.

    A stay is counted in the window in which it began; `stay_time` is the sum over those of them that have a duration,
    `timed_stays` how many they are.
    """

    whole: timedelta = NOTHING
    online: timedelta = NOTHING
    occupied: timedelta = NOTHING
    uncertain: timedelta = NOTHING
    arrivals: int = 0
    departures: int = 0
    stay_time: timedelta = NOTHING
    timed_stays: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def measure(time: BayTime, runs: Sequence[Run], stays: Sequence[Stay], window: Interval) -> Measure:
    """What one bay adds to a window of time. `runs` and `stays` are of the same events, one for one."""
    begun = [stay for run, stay in zip(runs, stays, strict=True) if _holds(window, run.start_at)]
    timed = durations(begun)
    return Measure(
        whole=window.length,
        online=length(intersection(time.online, [window])),
        occupied=length(intersection(time.occupied, [window])),
        uncertain=length(intersection(time.uncertain, [window])),
        arrivals=len(begun),
        departures=sum(run.end_at is not None and _holds(window, run.end_at) for run in runs),
        stay_time=sum(timed, NOTHING),
        timed_stays=len(timed),
    )


def durations(stays: Iterable[Stay]) -> list[timedelta]:
    """Of the stays whose arrival and departure are both known; how long a stuck sensor said so is no stay's."""
    return [
        stay.duration_min for stay in stays if stay.arrival_at and stay.departure_at and not stay.is_suspect
    ]


def total(measures: Iterable[Measure]) -> Measure:
    """The sum: of bays to a location, of locations to a street or the city, of windows to a longer one."""
    return sum(measures, Measure())


def occupancy_percent(of: Measure) -> float | None:
    """Occupied bay-time per online bay-time; None when offline for most of the time."""
    if of.online == NOTHING or 2 * of.online < of.whole:
        return None
    return 100 * (of.occupied / of.online)


def turnover(of: Measure, hours: float) -> float:
    """Stays per hour."""
    return of.arrivals / hours


def average_stay(of: Measure) -> timedelta | None:
    """Sum of durations by stays with a duration; None when there is none."""
    return of.stay_time / of.timed_stays if of.timed_stays else None


def paid_time(parked: Interval, windows: Sequence[Window]) -> timedelta:
    """Time for which a law-abiding driver pays: inside metered windows, up to the limit or to the departure.

    `windows` are those of the bay's zone, each with its clock; time under several metered windows is paid once.
    An estimate: who paid is not known.
    """
    return length(union(_paid(parked, window) for window in windows if window.is_metered))


def _paid(parked: Interval, window: Window) -> Interval:
    inside = parked.meets(Interval(window.start_at, window.end_at))
    if window.limit_minutes is None:
        return inside
    limit = timedelta(minutes=window.limit_minutes)
    return Interval(inside.start_at, min(inside.end_at, max(parked.start_at, window.clock_from_at) + limit))


def _holds(window: Interval, instant: datetime) -> bool:
    return window.start_at <= instant < window.end_at
