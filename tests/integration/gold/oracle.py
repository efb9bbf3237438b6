"""What the domain's pure functions say of the bays of the lake, for gold to be held to."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from integration.lake.changes import Bay, Row
from integration.lake.conftest import Lake
from melpark.contracts import SENSOR_STATES
from melpark.parking.intervals import Interval, difference, intersection
from melpark.parking.occupied import BayTime, bay_time
from melpark.parking.rules import Coverage, Window
from melpark.processing import query

# Zone of a bay, and the windows and coverage of it.
Rules = tuple[int | None, list[Window], list[Coverage]]


def rows(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    return query.sql(lake.settings, sql)[1]


def rounded(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(round(value, 6) if isinstance(value, float) else value for value in values)


def rules(lake: Lake) -> dict[str, Rules]:
    """Of each bay."""
    windows: dict[int | None, list[Window]] = defaultdict(list)
    coverage: dict[int | None, list[Coverage]] = defaultdict(list)
    for window in lake.calendar:
        windows[window.zone_number].append(window)
    for known in lake.coverage:
        coverage[known.zone_number].append(known)
    return {name: (zone, windows[zone], coverage[zone]) for name, zone in lake.history.zones.items()}


def states(lake: Lake) -> dict[str, list[Row]]:
    """Each bay's states that were written, oldest first."""
    found = defaultdict(list)
    for change in lake.history.changes:
        if change.table is SENSOR_STATES:
            found[change.row["kerbside_id"]].append(change.row)
    return {name: sorted(those, key=lambda row: row["valid_from_at"]) for name, those in found.items()}


def online(lake: Lake) -> dict[str, list[Interval]]:
    """When each bay's state said online while the feed was heard, by the rows that were written."""
    assert lake.history.began_at
    whole = Interval(lake.history.began_at, lake.history.feed_updated_at)
    return {
        name: intersection([whole], difference(_online(those, whole), lake.history.silences))
        for name, those in states(lake).items()
    }


def _online(states: list[Row], whole: Interval) -> Iterable[Interval]:
    turns = [(state["valid_from_at"], state["is_online"]) for state in states]
    for (since, is_online), (until, _) in pairwise([*turns, (whole.end_at, False)]):
        if is_online:
            yield Interval(since, until)


def time(lake: Lake, bay: Bay, online: list[Interval]) -> BayTime:
    return bay_time(bay.events, online, lake.history.feed_updated_at)
