"""Spans of time, each from its start to before its end, and what can be done with lists of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Interval:
    """From `start_at` to before `end_at`, both UTC. Empty when the end is not after the start."""

    start_at: datetime
    end_at: datetime

    @property
    def is_empty(self) -> bool:
        return self.end_at <= self.start_at

    @property
    def length(self) -> timedelta:
        return max(self.end_at - self.start_at, timedelta(0))

    def meets(self, other: "Interval") -> "Interval":
        """What both cover; perhaps empty."""
        return Interval(max(self.start_at, other.start_at), min(self.end_at, other.end_at))


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """What any of them covers: ordered, apart, none empty."""
    merged: list[Interval] = []
    for interval in sorted(interval for interval in intervals if not interval.is_empty):
        if merged and interval.start_at <= merged[-1].end_at:
            merged[-1] = Interval(merged[-1].start_at, max(merged[-1].end_at, interval.end_at))
        else:
            merged.append(interval)
    return merged


def intersection(left: Iterable[Interval], right: Iterable[Interval]) -> list[Interval]:
    """What both lists cover."""
    others = union(right)
    return union(one.meets(other) for one in left for other in others)


def difference(left: Iterable[Interval], right: Iterable[Interval]) -> list[Interval]:
    """What the left list covers and the right does not."""
    others = union(right)
    return [rest for one in union(left) for rest in _without(one, others)]


def length(intervals: Iterable[Interval]) -> timedelta:
    """Time that any of them covers."""
    return sum((interval.length for interval in union(intervals)), timedelta(0))


def _without(one: Interval, others: list[Interval]) -> Iterator[Interval]:
    start_at = one.start_at
    for other in others:
        if other.end_at <= start_at or other.start_at >= one.end_at:
            continue
        if other.start_at > start_at:
            yield Interval(start_at, other.start_at)
        start_at = other.end_at
    if start_at < one.end_at:
        yield Interval(start_at, one.end_at)
