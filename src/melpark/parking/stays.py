"""Stays: what the status changes of one bay say about the vehicles in it.

The feed is late and polls are apart, so changes may hide between two events. Every arrival and departure has
bounds, equal where the instant is known. The same rules stand in SQL (dbt_gold, fact_parking_sessions); a test
holds the two together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

PRESENT = "Present"
UNOCCUPIED = "Unoccupied"


class Beginning(StrEnum):
    """How the arrival is known."""

    OBSERVED = "observed"
    BOUNDED = "bounded"


class Ending(StrEnum):
    """How the departure is known."""

    OBSERVED = "observed"
    BOUNDED = "bounded"
    OPEN = "open"
    LOST = "lost"


@dataclass(frozen=True)
class Event:
    """A status change of a bay. `previous_heard_at` is None for the bay's first event."""

    status: str
    status_changed_at: datetime
    heard_at: datetime
    previous_heard_at: datetime | None


@dataclass(frozen=True)
class Present:
    """What is known of a bay now: when it was last heard, and whether it is online."""

    last_heard_at: datetime
    is_online: bool = True


@dataclass(frozen=True)
class Limits:
    """The numbers behind the words."""

    feed_lag: timedelta = timedelta(minutes=3)
    exact_gap: timedelta = timedelta(minutes=5)
    suspect_after: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Stay:
    """One vehicle in the bay. `revealed_at` is the status time of the event that made the stay known."""

    revealed_at: datetime
    arrival_min_at: datetime
    arrival_max_at: datetime
    departure_min_at: datetime
    departure_max_at: datetime | None
    beginning: Beginning
    ending: Ending
    is_late_report: bool
    is_suspect: bool

    @property
    def arrival_at(self) -> datetime | None:
        return self.arrival_min_at if self.arrival_min_at == self.arrival_max_at else None

    @property
    def departure_at(self) -> datetime | None:
        return self.departure_min_at if self.departure_min_at == self.departure_max_at else None

    @property
    def duration_min(self) -> timedelta:
        return max(self.departure_min_at - self.arrival_max_at, timedelta(0))

    @property
    def duration_max(self) -> timedelta | None:
        return None if self.departure_max_at is None else self.departure_max_at - self.arrival_min_at


@dataclass(frozen=True)
class Gap:
    """What lies between two events: the earliest instant from which changes may hide, and how it was reported."""

    hides_from: datetime
    is_late: bool
    is_close: bool


def stays(events: Sequence[Event], present: Present, limits: Limits | None = None) -> list[Stay]:
    """The stays of one bay, in order. `events` are ordered by status time, which is unique in a bay."""
    return list(_stays(events, present, limits or Limits()))


def gap(first: Event, second: Event, limits: Limits) -> Gap:
    """What may hide between two events of a bay, one after the other."""
    began, ended, before = first.status_changed_at, second.status_changed_at, second.previous_heard_at
    if before is None:
        return Gap(hides_from=began, is_late=False, is_close=False)
    known_until = before - limits.feed_lag
    if ended < known_until:
        return Gap(hides_from=began, is_late=True, is_close=False)
    return Gap(
        hides_from=max(began, known_until),
        is_late=False,
        is_close=second.heard_at - before <= limits.exact_gap,
    )


def _stays(events: Sequence[Event], present: Present, limits: Limits) -> Iterator[Stay]:
    if not events:
        return
    is_late = False
    for first, second in pairwise(events):
        between = gap(first, second, limits)
        if first.status == PRESENT:
            yield _ended(first, second, between, is_late or between.is_late, limits)
        elif second.status == UNOCCUPIED:
            yield _unseen(second, between, limits)
        is_late = between.is_late
    if events[-1].status == PRESENT:
        yield _unended(events[-1], present, is_late, limits)


def _ended(first: Event, second: Event, between: Gap, is_late: bool, limits: Limits) -> Stay:
    is_observed = second.status == UNOCCUPIED and between.is_close
    arrival, departure = first.status_changed_at, second.status_changed_at
    earliest = departure if is_observed else between.hides_from
    return Stay(
        revealed_at=arrival,
        arrival_min_at=arrival,
        arrival_max_at=arrival,
        departure_min_at=earliest,
        departure_max_at=departure,
        beginning=Beginning.OBSERVED,
        ending=Ending.OBSERVED if is_observed else Ending.BOUNDED,
        is_late_report=is_late,
        is_suspect=earliest - arrival > limits.suspect_after,
    )


def _unseen(second: Event, between: Gap, limits: Limits) -> Stay:
    departure = second.status_changed_at
    return Stay(
        revealed_at=departure,
        arrival_min_at=between.hides_from,
        arrival_max_at=departure,
        departure_min_at=departure,
        departure_max_at=departure,
        beginning=Beginning.BOUNDED,
        ending=Ending.OBSERVED,
        is_late_report=between.is_late,
        is_suspect=False,
    )


def _unended(last: Event, present: Present, is_late: bool, limits: Limits) -> Stay:
    arrival = last.status_changed_at
    earliest = max(arrival, present.last_heard_at - limits.feed_lag)
    return Stay(
        revealed_at=arrival,
        arrival_min_at=arrival,
        arrival_max_at=arrival,
        departure_min_at=earliest,
        departure_max_at=None,
        beginning=Beginning.OBSERVED,
        ending=Ending.OPEN if present.is_online else Ending.LOST,
        is_late_report=is_late,
        is_suspect=earliest - arrival > limits.suspect_after,
    )
