"""The history is what the live feed of the same seed and time shows, found without asking the feed poll by poll."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from melpark.contracts import FEED_OUTAGES, SENSOR_EVENTS, SENSOR_STATES
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import REFRESH_SECONDS, Feed
from melpark.simulator.history import History, Span
from melpark.simulator.outages import Failure, Outage
from unit.simulator.naive_poller import NaivePoller

REFRESH = timedelta(seconds=REFRESH_SECONDS)
# Everything that can go wrong, often: some ten faults an hour, and outages every day.
WILD = Dirt(
    share_dead=0.05,
    share_stuck=0.05,
    passing_faults_in_four_weeks=0.4,
    zone_changes_a_week=600,
    place_changes_a_week=300,
    stale_feeds=30,
    frozen_feeds=6,
    server_errors=30,
    exceeded_quotas=10,
    cut_bodies=10,
)
SOME_DAY = 1_754_524_800  # 2025-08-07


@pytest.fixture(scope="module")
def feed() -> Feed:
    return feed_of(WILD)


def feed_of(dirt: Dirt, seed: int = 5) -> Feed:
    city = build(seed, dirt)
    return Feed(city, Truth(city))


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def around(feed: Feed, failure: Failure, least_minutes: int) -> Span:
    """A span that begins shortly before an outage and ends shortly after it."""
    outages = feed.time.outages(SOME_DAY, SOME_DAY + 60 * 86_400)
    lengths = {
        outage.end - outage.start: outage
        for outage in outages
        if outage.failure is failure and outage.end - outage.start >= least_minutes * 60
    }
    return span_of(lengths[min(lengths)], 600)


def span_of(outage: Outage, margin: int) -> Span:
    return Span(at(outage.start - margin), at(outage.end + margin))


def polled(feed: Feed, span: Span) -> NaivePoller:
    """What a poller finds that knew the poll before the span already."""
    poller = NaivePoller()
    moment = span.start - 3 * REFRESH
    while moment < span.end:
        if moment == span.start:
            poller.events, poller.states, poller.outages = [], {}, []
        tick = int(moment.timestamp())
        if feed.time.failure(tick) is None:
            poller.poll(feed.records(tick), moment)
        moment += REFRESH
    return poller


def rows(
    table: pa.Table, key: tuple[str, ...], without: tuple[str, ...] = ("origin",)
) -> list[dict[str, Any]]:
    plain = [{name: value for name, value in row.items() if name not in without} for row in table.to_pylist()]
    return by_key(plain, key)


def by_key(plain: list[dict[str, Any]], key: tuple[str, ...]) -> list[dict[str, Any]]:
    return sorted(plain, key=lambda row: [row[name] for name in key])


@pytest.mark.parametrize(
    ("failure", "least_minutes"),
    [(Failure.STALE, 20), (Failure.FROZEN, 60), (Failure.SERVER_ERROR, 20)],
)
def test_the_history_holds_what_polls_of_the_live_feed_find(
    feed: Feed, failure: Failure, least_minutes: int
) -> None:
    span = around(feed, failure, least_minutes)
    poller, found = polled(feed, span), History(feed).found(span)
    events, states = SENSOR_EVENTS.key, SENSOR_STATES.key
    assert rows(found.sensor_events, events) == by_key(poller.events, events)
    assert rows(found.sensor_states, states, ("origin", "is_retired")) == by_key(
        list(poller.states.values()), states
    )
    assert rows(found.feed_outages, FEED_OUTAGES.key) == poller.outages
    assert len(poller.events) > 300
    assert len(poller.states) > 3
