"""States and outages together say what the words say, whatever polls come."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from integration.ingestion.made_up_polls import T0, answer, sensor
from integration.ingestion.online_oracle import Oracle, Stored, differences
from melpark.ingestion.postgres_loader import PostgresLoader

Query = Callable[..., list[tuple[Any, ...]]]
BAYS = range(1, 121)
POLLS = 40


def feed_times(random: Random) -> list[int]:
    """Minutes of the polls: mostly close, sometimes after a gap, sometimes a feed that stands still."""
    times = [0]
    while len(times) < POLLS:
        times.append(times[-1] + random.choice([0, 2, 2, 2, 5, 12, 14, 15, 16, 29, 30, 31, 90]))
    return times


def heard(random: Random, before: int, feed: int) -> int:
    """A bay's next word: up to date, lagging, or none since."""
    choice = random.random()
    if choice < 0.5:
        return feed
    if choice < 0.75:
        return before
    return random.randint(before, feed)


@pytest.mark.parametrize("seed", range(6))
def test_a_bay_is_online_when_a_poll_heard_it_and_the_feed_spoke(
    loader: PostgresLoader, query: Query, seed: int
) -> None:
    random = Random(seed)
    oracle = Oracle()
    last = {bay: random.randint(-60, 0) for bay in BAYS}
    zone = dict.fromkeys(BAYS, 0)
    for number, feed in enumerate(feed_times(random)):
        last = {bay: heard(random, moment, feed) for bay, moment in last.items()}
        last[1] = feed
        # Some bays come later, some records are refused: those say nothing of their bay.
        shown = {bay for bay in BAYS if bay <= 60 + 2 * number}
        bad = {bay for bay in shown if bay > 1 and random.random() < 0.05}
        # A place that changes while a bay is silent hides what it says later of the time before.
        zone |= {bay: number // 3 for bay in shown - bad if last[bay] == feed}
        records = [
            sensor(bay, last[bay], "?" if bay in bad else "Present", zone=zone[bay]) for bay in sorted(shown)
        ]
        assert loader.load(answer(records, feed)).outcome == "accepted"
        oracle.add({str(bay): T0 + timedelta(minutes=last[bay]) for bay in shown - bad})
    bays = sorted(oracle.heard)
    assert differences(oracle, Stored.read(query), bays) == []
    now = {bay: oracle.is_online(bay, oracle.feed[-1]) for bay in bays}
    assert dict(query("SELECT kerbside_id, is_online FROM parking.sensors")) == now
