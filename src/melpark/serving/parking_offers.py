"""Where a driver may park now: what the rules of a zone say to somebody who comes this moment. No clock, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from melpark.parking.intervals import Interval, union
from melpark.parking.overstays import clocks, strict
from melpark.parking.rules import Kind, Window
from melpark.serving.calendar import ZoneRules

AHEAD = timedelta(days=1)
LONGEST_STAY = AHEAD

# Not for everybody: for goods, for permits, for nobody, or nobody knows for whom.
NOT_FOR_ALL = frozenset({Kind.LOADING, Kind.DISABILITY, Kind.NO_STOPPING, Kind.UNKNOWN})


@dataclass(frozen=True)
class Offer:
    """Who comes now may stay until `until_at`; None: nothing ends it within a day."""

    until_at: datetime | None
    in_force: tuple[Window, ...]
    ends_with: str | None


def offer(at: datetime, stay: timedelta, zone_number: int | None, rules: ZoneRules) -> Offer | None:
    """What a zone offers to a car that comes at `at` for `stay`; None when that is not allowed for certain.

    Where rules overlap the stay must be allowed under each of them: the plates stand at different bays.
    """
    known = next(
        (one for one in union(_times(rules)) if one.start_at <= at and at + stay <= one.end_at), None
    )
    if zone_number is None or known is None:
        return None
    windows = rules.between(at, at + AHEAD)
    ends: list[tuple[datetime, str]] = []
    if known.end_at <= at + AHEAD:
        ends.append((known.end_at, "what comes then is not known"))
    ends += [
        (max(window.start_at, at), f"then it is {window.code}, which is not for everybody")
        for window in windows
        if window.kind in NOT_FOR_ALL
    ]
    over = strict(clocks(windows), Interval(at, at + AHEAD))
    ends += [(breach.start_at, "then the limit is reached") for breach in over[:1]]
    until_at, why = min(ends, default=(None, None))
    if until_at is not None and until_at < at + stay:
        return None
    in_force = tuple(window for window in windows if window.start_at <= at < window.end_at)
    return Offer(until_at, in_force, why)


def _times(rules: ZoneRules) -> Sequence[Interval]:
    return [Interval(row.start_at, row.end_at) for row in rules.coverage]
