"""Occupied time: what the status changes of one bay say about each of its minutes.

Between two changes the bay is occupied or vacant; where a change hides between them, it turns in the middle of the
time in which it may hide. Only time online counts, from the first change that is known on, and none of a vehicle that
is suspected to be a stuck sensor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from melpark.parking.intervals import Interval, difference, intersection, union
from melpark.parking.stays import PRESENT, UNOCCUPIED, Event, Limits, gap


@dataclass(frozen=True)
class Run:
    """One unbroken time in which the bay counts as occupied; without an end while the vehicle is there.

    Runs and stays of a bay stand one for one, in the same order.
    """

    start_at: datetime
    end_at: datetime | None


@dataclass(frozen=True)
class BayTime:
    """The time of one bay, as lists of intervals that are ordered and apart.

    `occupied` and `uncertain` lie within `online`; what is online and not occupied is vacant. Uncertain time is
    counted as occupied or vacant all the same: it says how much of that may be otherwise.
    """

    online: list[Interval]
    occupied: list[Interval]
    uncertain: list[Interval]


def runs(events: Sequence[Event], limits: Limits | None = None) -> list[Run]:
    """The occupied runs of one bay. `events` are ordered by status time, which is unique in a bay."""
    limits = limits or Limits()
    found = []
    for first, second in pairwise(events):
        hides_from, turned_at = gap(first, second, limits).hides_from, second.status_changed_at
        middle = hides_from + (turned_at - hides_from) / 2
        if first.status == PRESENT:
            found.append(Run(first.status_changed_at, turned_at if second.status == UNOCCUPIED else middle))
        elif second.status == UNOCCUPIED:
            found.append(Run(middle, turned_at))
    if events and events[-1].status == PRESENT:
        found.append(Run(events[-1].status_changed_at, None))
    return found


def online(heard_ats: Iterable[datetime], offline_after: timedelta) -> list[Interval]:
    """When a bay was online, given the `lastupdated` values that accepted polls held of it."""
    return union(Interval(heard_at, heard_at + offline_after) for heard_at in heard_ats)


def bay_time(
    events: Sequence[Event], is_online: Sequence[Interval], until_at: datetime, limits: Limits | None = None
) -> BayTime:
    """How the time of one bay counts up to `until_at`, given its events and when it was online."""
    limits = limits or Limits()
    spans = [Interval(run.start_at, min(run.end_at or until_at, until_at)) for run in runs(events, limits)]
    stuck = [Interval(span.start_at + limits.suspect_after, span.end_at) for span in spans]
    # Before its first change nobody knows whether a bay was occupied.
    known = [Interval(event.status_changed_at, until_at) for event in events[:1]]
    counted = difference(intersection(is_online, known), stuck)
    return BayTime(
        online=counted,
        occupied=intersection(counted, spans),
        uncertain=intersection(counted, _uncertain(events, limits)),
    )


def _uncertain(events: Sequence[Event], limits: Limits) -> list[Interval]:
    between = ((gap(first, second, limits), second) for first, second in pairwise(events))
    return union(
        Interval(hidden.hides_from, second.status_changed_at)
        for hidden, second in between
        if not hidden.is_close
    )
