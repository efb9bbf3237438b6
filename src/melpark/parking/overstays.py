"""Overstays: how long a vehicle stood beyond what the rules of its zone allow, and how sure that is.

Two things can be unsure. The times have bounds: the *shortest* stay is from the latest arrival to the earliest
departure, the *longest* the other way round. And rules that overlap can be read *leniently* (over only when over
under every one in force) or *strictly* (over under any). The minimum is lenient and shortest, the maximum strict
and longest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from melpark.parking.intervals import Interval, difference, length, union
from melpark.parking.rules import Coverage, Kind, Window
from melpark.parking.stays import Ending, Stay


class Verdict(StrEnum):
    """What can be said of a stay: the first that holds, in this order."""

    SUSPECT = "suspect"
    NO_RULE = "no_rule"
    OVERSTAY = "overstay"
    UNRESTRICTED = "unrestricted"
    WITHIN = "within"
    OPEN = "open"
    LOST = "lost"
    AMBIGUOUS_RULE = "ambiguous_rule"
    UNCERTAIN_TIME = "uncertain_time"


@dataclass(frozen=True)
class Clock:
    """Windows of one limit and kind that abut or overlap: time counts on from each to the next.

    It counts from `counts_from_at`, which is before `during` when the earlier windows were not given.
    """

    during: Interval
    counts_from_at: datetime
    limit: timedelta | None
    kind: Kind
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Breach:
    """Evidence: one rule, since when its time counted, and from when to when the vehicle was over it.

    The times are those of the shortest stay, or those of the longest where only that is over (`is_certain` False).
    """

    rule: Clock
    counted_from_at: datetime
    over_from_at: datetime
    over_until_at: datetime
    is_certain: bool


@dataclass(frozen=True)
class Overstay:
    """What the rules say of one stay.

    Minutes are None when no rule is known, the maximum also when the departure or a code's limit is not known.
    `is_overstay` looks at the minutes only; a suspect stay may have it. `first_breach_at` is the first moment of the
    minimum. An open stay may stand until `permitted_until_at`; None means
    as long as the windows given reach, or the unbroken coverage.
    """

    verdict: Verdict
    is_overstay: bool
    overstay_min_minutes: float | None
    overstay_max_minutes: float | None
    first_breach_at: datetime | None
    within_disability_extension: bool
    permitted_until_at: datetime | None
    evidence: tuple[Breach, ...]


GRACE = timedelta(minutes=5)


def judge(
    stay: Stay,
    zone_number: int | None,
    windows: Sequence[Window],
    coverage: Sequence[Coverage],
    grace: timedelta = GRACE,
) -> Overstay:
    """The verdict on a stay in a zone.

    `windows` are those of the zone that meet the stay, and for an open stay the ones after it; more do no harm, and
    those of other zones are left out. `coverage` says when the zone's rules are known at all.
    """
    rules = clocks([window for window in windows if window.zone_number == zone_number])
    longest = _known(stay)
    known = union(Interval(row.start_at, row.end_at) for row in coverage if row.zone_number == zone_number)
    shortest = Interval(stay.arrival_max_at, stay.departure_min_at)
    certain = lenient(rules, shortest)
    minimum = length(certain)
    has_unknown = _touches([rule for rule in rules if rule.kind is Kind.UNKNOWN], longest)
    covered = _covering(known, longest)
    if covered is None or (has_unknown and minimum < grace):
        return _without_rule(stay)
    is_maximum_known = stay.departure_max_at is not None and not has_unknown
    maximum = length(strict(rules, longest)) if is_maximum_known else None
    later = lenient(rules, Interval(stay.arrival_max_at, covered.end_at))
    return Overstay(
        verdict=_verdict(stay, rules, minimum, maximum, grace),
        is_overstay=minimum >= grace,
        overstay_min_minutes=_minutes(minimum),
        overstay_max_minutes=None if maximum is None else _minutes(maximum),
        first_breach_at=certain[0].start_at if certain else None,
        within_disability_extension=bool(certain) and not lenient(_extended(rules), shortest),
        permitted_until_at=later[0].start_at if stay.ending is Ending.OPEN and later else None,
        evidence=tuple(_evidence(rules, shortest, longest)),
    )


def clocks(windows: Sequence[Window]) -> list[Clock]:
    """The windows of one zone, joined where time runs on from one to the next; ordered by start."""

    def rule(window: Window) -> tuple[str, int]:
        return window.kind, -1 if window.limit_minutes is None else window.limit_minutes

    joined = []
    for _, same in groupby(sorted(windows, key=rule), key=rule):
        alike = list(same)
        for during in union(Interval(window.start_at, window.end_at) for window in alike):
            joined.append(
                _clock(during, [one for one in alike if during.start_at <= one.start_at < during.end_at])
            )
    return sorted(joined, key=lambda clock: (clock.during, clock.kind, clock.codes))


def _clock(during: Interval, windows: Sequence[Window]) -> Clock:
    limit = windows[0].limit_minutes
    return Clock(
        during=during,
        counts_from_at=min(window.clock_from_at for window in windows),
        limit=None if limit is None else timedelta(minutes=limit),
        kind=windows[0].kind,
        codes=tuple(sorted({window.code for window in windows})),
    )


def over(clock: Clock, parked: Interval) -> Interval | None:
    """When a vehicle that was parked for this time was over this one rule."""
    if clock.limit is None:
        return None
    counted_from_at = max(parked.start_at, clock.counts_from_at)
    breach = Interval(counted_from_at + clock.limit, parked.end_at).meets(clock.during)
    return None if breach.is_empty else breach


def strict(rules: Sequence[Clock], parked: Interval) -> list[Interval]:
    """When the vehicle was over under any rule."""
    return union(found for rule in rules if (found := over(rule, parked)))


def lenient(rules: Sequence[Clock], parked: Interval) -> list[Interval]:
    """When the vehicle was over under every rule in force."""
    allowed = []
    for rule in rules:
        breach = over(rule, parked)
        allowed += difference([rule.during.meets(parked)], [breach] if breach else [])
    return difference(strict(rules, parked), allowed)


def _known(stay: Stay) -> Interval:
    """The longest time that the stay may have lasted, as far as anything is known of it."""
    return Interval(stay.arrival_min_at, stay.departure_max_at or stay.departure_min_at)


def _covering(known: Sequence[Interval], parked: Interval) -> Interval | None:
    """The unbroken time of known rules that the stay lies in. Nobody knows what holds beyond its end."""
    within = (one for one in known if one.start_at <= parked.start_at and parked.end_at <= one.end_at)
    return next(within, None)


def _touches(rules: Sequence[Clock], parked: Interval) -> bool:
    # A vehicle that came this moment already stands under the rule.
    return any(
        rule.during.start_at <= parked.start_at < rule.during.end_at or not rule.during.meets(parked).is_empty
        for rule in rules
    )


def _without_rule(stay: Stay) -> Overstay:
    return Overstay(
        verdict=Verdict.SUSPECT if stay.is_suspect else Verdict.NO_RULE,
        is_overstay=False,
        overstay_min_minutes=None,
        overstay_max_minutes=None,
        first_breach_at=None,
        within_disability_extension=False,
        permitted_until_at=None,
        evidence=(),
    )


def _verdict(
    stay: Stay,
    rules: Sequence[Clock],
    minimum: timedelta,
    maximum: timedelta | None,
    grace: timedelta,
) -> Verdict:
    if stay.is_suspect:
        return Verdict.SUSPECT
    if minimum >= grace:
        return Verdict.OVERSTAY
    # Nobody knows how long an open or lost stay will have lasted: it may come to stand in any later window.
    if stay.departure_max_at and not _touches(rules, _known(stay)):
        return Verdict.UNRESTRICTED
    if maximum is not None and maximum < grace:
        return Verdict.WITHIN
    if stay.ending is Ending.OPEN:
        return Verdict.OPEN
    if stay.ending is Ending.LOST:
        return Verdict.LOST
    if maximum != length(lenient(rules, _known(stay))):
        return Verdict.AMBIGUOUS_RULE
    return Verdict.UNCERTAIN_TIME


def _extended(rules: Sequence[Clock]) -> list[Clock]:
    """The rules for a vehicle with a disability permit: twice the time."""
    return [replace(rule, limit=None if rule.limit is None else 2 * rule.limit) for rule in rules]


def _evidence(rules: Sequence[Clock], shortest: Interval, longest: Interval) -> list[Breach]:
    found = []
    for rule in rules:
        certain, possible = over(rule, shortest), over(rule, longest)
        breach, parked = (certain, shortest) if certain else (possible, longest)
        if breach:
            counted_from_at = max(rule.counts_from_at, parked.start_at)
            found.append(
                Breach(rule, counted_from_at, breach.start_at, breach.end_at, is_certain=certain is not None)
            )
    return found


def _minutes(time: timedelta) -> float:
    return time.total_seconds() / 60
