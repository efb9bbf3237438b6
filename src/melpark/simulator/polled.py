"""What a poller that asks at every refresh finds in the feed, by the definitions of the semantics, for any span.

The events and states of a span need nothing of the spans around it: what was known before comes from the feed itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from melpark.simulator.drift import NO_ZONE, Places, Shift
from melpark.simulator.faults import Faults
from melpark.simulator.feed import REFRESH_SECONDS, Feed

Indices = NDArray[np.int64]
Seconds = NDArray[np.int64]

# Longer than any outage of requests.
LOOK_BACK_REFRESHES = 240


@dataclass(frozen=True)
class Polls:
    """Refreshes in order: which were answered, and what the answered ones knew. All seconds since 1970.

    The first of `at` is the last answered poll before the span, the rest are those of the span.
    """

    ticks: Seconds
    answered: NDArray[np.bool_]
    at: Seconds
    updated: Seconds
    known_until: Seconds

    def first_updated(self, instant: Seconds | int) -> Indices:
        """Index of the first poll whose feed time is at or after an instant."""
        return np.searchsorted(self.updated, instant, "left")


@dataclass(frozen=True)
class Events:
    """Events by bay (number of the sensor) and time; `poll` is the index of the poll that showed it first."""

    bay: Indices
    changed_at: Seconds
    is_present: NDArray[np.bool_]
    poll: Indices
    heard_at: Seconds
    previous_heard_at: Seconds


@dataclass(frozen=True)
class State:
    """A row of `sensor_states`; `poll` as in Events."""

    bay: int
    valid_from_at: int
    is_online: bool
    zone_number: int | None
    longitude: float
    latitude: float
    poll: int


def polls(feed: Feed, first: int, last: int) -> Polls:
    """The polls of the refreshes from `first` to before `last`."""
    ticks = np.arange(first, last, REFRESH_SECONDS)
    answered = feed.time.answered(ticks)
    before = np.arange(first - LOOK_BACK_REFRESHES * REFRESH_SECONDS, first, REFRESH_SECONDS)
    at = np.append(before[feed.time.answered(before)][-1:], ticks[answered])
    return Polls(ticks, answered, at, feed.time.updated(at), feed.time.known_until(at))


def events(feed: Feed, span: Polls) -> Events:
    """The events that the polls of a span show first: what hid between two polls is hidden here."""
    known = span.known_until
    changes = feed.truth.changes(int(known[0]) + 1, int(known[-1]) + 1)
    following = np.where(changes.is_last, np.iinfo(np.int64).max, np.append(changes.at[1:], 0))
    poll = np.searchsorted(known, changes.at, "left")
    seen = known[poll] < following
    faults = feed.faultiness.within(int(span.updated[0]), int(span.updated[-1]) + 1)
    for bay, since, until in zip(faults.bay, faults.since, faults.until, strict=True):
        mine = slice(*np.searchsorted(changes.bay, (bay, bay + 1)))
        at = span.updated[poll[mine]]
        seen[mine] &= (at <= since) | (at >= until)
    regular = (changes.bay[seen], changes.at[seen], changes.is_present[seen], poll[seen])
    found = [regular, _columns(_at_turns(feed, span, faults))]
    bay, changed_at, is_present, poll = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((changed_at, bay))
    bay, poll = bay[order], poll[order]
    heard_at, previous = (_heard_in(feed, span, faults, bay, at) for at in (poll, poll - 1))
    return Events(bay, changed_at[order], is_present[order].astype(np.bool_), poll, heard_at, previous)


def _at_turns(feed: Feed, span: Polls, faults: Faults) -> Iterator[tuple[int, int, bool, int]]:
    """Events that show late, as (bay, changed_at, is_present, poll): what a fault hid, shown when it ends; and what the
    sensor still told before its fault, when no poll came in between.
    """
    frozen_at, frozen_present = feed.frozen(faults)
    frozen = zip(frozen_at.tolist(), frozen_present.tolist(), strict=True)
    columns = (faults.bay.tolist(), faults.since.tolist(), faults.until.tolist(), frozen)
    for bay, since, until, (last_at, last_present) in zip(*columns, strict=True):
        silent, back = int(np.searchsorted(span.updated, since, "right")), int(span.first_updated(until))
        if 0 < silent < min(back, len(span.at)) and last_at > span.known_until[silent - 1]:
            yield bay, last_at, last_present, silent
        if not 0 < back < len(span.at) or _faulty_at(faults, bay, int(span.updated[back])):
            continue
        changed_at, is_present = feed.truth.statuses(int(span.known_until[back]), np.array([bay]))
        # A change after the poll before is seen like any other.
        if last_at < changed_at[0] <= span.known_until[back - 1]:
            yield bay, int(changed_at[0]), bool(is_present[0]), back


def _columns(
    found: Iterator[tuple[int, int, bool, int]],
) -> tuple[Indices, Seconds, NDArray[np.bool_], Indices]:
    rows = np.array(list(found), np.int64).reshape(-1, 4)
    return rows[:, 0], rows[:, 1], rows[:, 2].astype(np.bool_), rows[:, 3]


def _faulty_at(faults: Faults, bay: int, updated: int) -> bool:
    return bool(np.any((faults.bay == bay) & (faults.since < updated) & (updated < faults.until)))


def _heard_in(feed: Feed, span: Polls, faults: Faults, bay: Indices, poll: Indices) -> Seconds:
    """The bay's `lastupdated` in a poll: the feed's, or an old one where the sensor was dead."""
    heard = span.updated[poll]
    dead = faults.where(faults.is_dead)
    last = feed.time.updated(dead.since)
    for one, since, until, silent in zip(dead.bay, dead.since, dead.until, last, strict=True):
        mine = slice(*np.searchsorted(bay, (one, one + 1)))
        heard[mine] = np.where((heard[mine] > since) & (heard[mine] < until), silent, heard[mine])
    return heard


def outages(span: Polls, offline_after: int) -> list[tuple[int, int, int]]:
    """Start, end and observing poll of the times in which the whole feed was silent."""
    late = np.flatnonzero(np.diff(span.updated) > offline_after)
    return [
        (int(span.updated[k]) + offline_after, int(span.updated[k + 1]), int(span.at[k + 1])) for k in late
    ]


def states(feed: Feed, span: Polls, offline_after: int) -> list[State]:
    """The changes of liveness, zone and place that the polls of a span show first, by bay and instant."""
    dead = feed.faultiness.within(int(span.updated[0]), int(span.updated[-1]) + 1)
    dead = dead.where(dead.is_dead)
    shifts = feed.drift.shifts(int(span.updated[0]) - REFRESH_SECONDS, int(span.updated[-1]) + 1)
    found: dict[tuple[int, int], State] = {}
    steps = [*_liveness(feed, span, dead, offline_after), *_moves(feed, span, shifts, offline_after)]
    for state in steps:
        found[state.bay, state.valid_from_at] = state
    return [found[key] for key in sorted(found)]


def _liveness(feed: Feed, span: Polls, dead: Faults, offline_after: int) -> Iterator[State]:
    silent_since = feed.time.updated(dead.since)
    columns = (dead.bay, dead.since, dead.until, silent_since)
    for bay, since, until, heard in zip(*(column.tolist() for column in columns), strict=True):
        end = heard + offline_after
        offline, revived = int(span.first_updated(end)), int(span.first_updated(until))
        # A sensor that falls silent while the feed does is not offline before the feed is back.
        offline = max(offline, int(np.searchsorted(span.updated, since, "right")))
        if 0 < offline < min(revived, len(span.at)):
            yield _state(feed, span, bay, end, False, offline)
        if 0 < revived < len(span.at):
            now, before = int(span.updated[revived]), int(span.updated[revived - 1])
            was_online = end > before
            hole = was_online and now > end and heard < before
            if hole:
                yield _state(feed, span, bay, end, False, revived)
            if hole or not was_online:
                yield _state(feed, span, bay, now, True, revived)


def _state(feed: Feed, span: Polls, bay: int, valid_from_at: int, is_online: bool, poll: int) -> State:
    """With zone and place as the poll before showed them."""
    places = feed.drift.places(int(span.updated[poll - 1]))
    return _located(bay, valid_from_at, is_online, poll, places)


def _moves(feed: Feed, span: Polls, shifts: list[Shift], offline_after: int) -> Iterator[State]:
    moments = {(shift.bay, moment) for shift in shifts for moment in (shift.start, shift.end)}
    for bay, moment in sorted(moments):
        poll = int(span.first_updated(moment))
        if not 0 < poll < len(span.at):
            continue
        now = int(span.updated[poll])
        before, after = feed.drift.places(int(span.updated[poll - 1])), feed.drift.places(now)
        if _place(before, bay) != _place(after, bay):
            is_online = now < _heard(feed, bay, now) + offline_after
            yield _located(bay, now, is_online, poll, after)


def _heard(feed: Feed, bay: int, updated: int) -> int:
    """The bay's `lastupdated` at a feed time."""
    faults = feed.faultiness.within(updated, updated + 1).at(updated)
    since = faults.since[faults.is_dead & (faults.bay == bay)]
    return feed.updated(int(since[0])) if len(since) else updated


def _place(places: Places, bay: int) -> tuple[int, float, float]:
    return places.zone_numbers[bay], places.longitudes[bay], places.latitudes[bay]


def _located(bay: int, valid_from_at: int, is_online: bool, poll: int, places: Places) -> State:
    zone, longitude, latitude = _place(places, bay)
    zone_number = None if zone == NO_ZONE else int(zone)
    return State(bay, valid_from_at, is_online, zone_number, float(longitude), float(latitude), poll)
