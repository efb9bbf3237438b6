"""Online at x, straight from the words: no states, no outages, only what each accepted poll held."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

OFFLINE_AFTER = timedelta(minutes=15)
Query = Callable[..., list[tuple[Any, ...]]]


@dataclass
class Oracle:
    """`heard` holds every `lastupdated` of each bay, `feed` the feed's own time of each poll."""

    heard: dict[str, list[datetime]] = field(default_factory=dict)
    feed: list[datetime] = field(default_factory=list)

    def add(self, poll: dict[str, datetime]) -> None:
        self.feed.append(max(poll.values()))
        for bay, moment in poll.items():
            self.heard.setdefault(bay, []).append(moment)

    def is_online(self, bay: str, moment: datetime) -> bool:
        if any(
            before + OFFLINE_AFTER <= moment < after
            for before, after in zip(self.feed, self.feed[1:], strict=False)
        ):
            return False
        return any(moment - OFFLINE_AFTER < heard <= moment for heard in self.heard[bay])

    def turning_points(self, bay: str) -> list[datetime]:
        """Every instant at which the answer may turn, one second either side, up to the last poll."""
        edges = {
            edge + shift for edge in (*self.heard[bay], *self.feed) for shift in (timedelta(0), OFFLINE_AFTER)
        }
        second = timedelta(seconds=1)
        around = {edge + shift for edge in edges for shift in (-second, timedelta(0), second)}
        return sorted(moment for moment in around if moment <= self.feed[-1])


@dataclass
class Stored:
    """What the tables say: the bay's last state at x, and no outage over x."""

    states: dict[str, tuple[list[datetime], list[bool]]]
    outages: list[tuple[datetime, datetime]]

    @classmethod
    def read(cls, query: Query) -> "Stored":
        states: dict[str, tuple[list[datetime], list[bool]]] = {}
        for bay, moment, is_online in query(
            "SELECT kerbside_id, valid_from_at, is_online FROM parking.sensor_states ORDER BY 1, 2"
        ):
            moments, values = states.setdefault(bay, ([], []))
            moments.append(moment)
            values.append(is_online)
        return cls(states, query("SELECT start_at, end_at FROM parking.feed_outages"))

    def is_online(self, bay: str, moment: datetime) -> bool:
        if any(start <= moment < end for start, end in self.outages):
            return False
        moments, values = self.states[bay]
        place = bisect_right(moments, moment)
        return place > 0 and values[place - 1]


def differences(oracle: Oracle, stored: Stored, bays: Sequence[str]) -> list[tuple[str, datetime, bool]]:
    """(bay, instant, what the oracle says) wherever the tables say otherwise."""
    return [
        (bay, moment, expected)
        for bay in bays
        for moment in oracle.turning_points(bay)
        if (expected := oracle.is_online(bay, moment)) != stored.is_online(bay, moment)
    ]
