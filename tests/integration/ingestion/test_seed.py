"""The seeded past of a fresh simulator home is what a poller would have left, and joins the live polls."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration.ingestion.portals import portal
from integration.ingestion.test_poller import polling, wait_until
from melpark.contracts import FEED_OUTAGES, SENSOR_EVENTS, SENSOR_STATES, SENSORS, Table
from melpark.ingestion.body import Body
from melpark.ingestion.database import connect
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.poller import seeding_for
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.ingestion.seed import FIRST_POLL, Seeding
from melpark.settings import Settings
from melpark.simulator.feed import Feed, tick_of
from melpark.simulator.history import History, Span
from melpark.simulator.outages import REFRESH_SECONDS, Failure
from melpark.simulator.server import history
from melpark.stack.stages import Measurement, Probe
from plugins.postgres import fresh_database

Query = Callable[..., list[tuple[Any, ...]]]
Row = dict[str, Any]
REFRESH = timedelta(seconds=REFRESH_SECONDS)
SOME_DAY = datetime(2025, 8, 7, tzinfo=UTC)
LATER = timedelta(days=400)


@pytest.fixture(scope="module")
def past() -> History:
    return history(Settings())


def outage(past: History, failure: Failure, minutes: tuple[int, int]) -> Span:
    """The first outage of a kind that is so long."""
    first = int(SOME_DAY.timestamp())
    found = next(
        one
        for one in past.feed.time.outages(first, first + int(LATER.total_seconds()))
        if one.failure is failure and minutes[0] * 60 <= one.end - one.start <= minutes[1] * 60
    )
    return Span(datetime.fromtimestamp(found.start, UTC), datetime.fromtimestamp(found.end, UTC))


def answers(past: History, start: datetime, polls: int) -> Iterable[Answer]:
    """The first answers that the live feed gives from `start` on."""
    at = start
    while polls:
        tick = tick_of(at)
        if past.feed.time.failure(tick) is None:
            yield Answer(
                SENSORS.dataset, Body.of(orjson.dumps(past.feed.records(tick))), f'"{tick}"', at, at, at
            )
            polls -= 1
        at += REFRESH


async def poll(settings: Settings, given: Iterable[Answer], steps: int = 0) -> None:
    """Load the answers as the poller does, filling in some history after the first."""
    loader = PostgresLoader(settings)
    try:
        seeding = Seeding(settings, loader)
        for answer in given:
            if settings.history_days:
                await seeding.open(answer.observed_at)
            assert loader.load(answer).outcome == "accepted"
            while steps and await seeding.fill_in_next():
                steps -= 1
    finally:
        loader.close()


def rows(settings: Settings, table: Table, leave_out: tuple[str, ...] = ("origin",)) -> list[Row]:
    names = [name for name in table.column_names if name not in leave_out]
    with connect(settings) as session:
        statement = f"SELECT {', '.join(names)} FROM parking.{table.name} ORDER BY {', '.join(table.key)}"
        return [dict(zip(names, row, strict=True)) for row in session.execute(statement.encode()).fetchall()]


def since(found: list[Row], at: datetime) -> list[Row]:
    return [row for row in found if row["observed_at"] >= at]


@pytest.mark.parametrize(
    ("failure", "minutes", "after"), [(Failure.SERVER_ERROR, (16, 40), 0), (Failure.STALE, (16, 30), 3)]
)
def test_seed_and_live_polls_leave_what_a_poller_would_have_found(
    postgres: Settings, past: History, failure: Failure, minutes: tuple[int, int], after: int
) -> None:
    silence = outage(past, failure, minutes)
    live_from_at = silence.end + after * REFRESH
    begin_at = silence.start - 3 * REFRESH
    settings = postgres.model_copy(update={"history_days": 1})
    asyncio.run(poll(settings, answers(past, live_from_at, 4), steps=100))
    seeded = {table: rows(settings, table) for table in (SENSOR_EVENTS, SENSOR_STATES, FEED_OUTAGES, SENSORS)}

    fresh_database(postgres)
    plain = postgres.model_copy(update={"history_days": 0})
    before = list(takewhile(lambda one: one.observed_at < live_from_at, answers(past, begin_at, 60)))
    asyncio.run(poll(plain, [*before, *answers(past, live_from_at, 4)]))
    found = {table: rows(plain, table) for table in seeded}

    second_at = before[1].observed_at
    assert since(seeded[SENSOR_EVENTS], second_at) == since(found[SENSOR_EVENTS], second_at)
    assert since(seeded[SENSOR_STATES], second_at) == since(found[SENSOR_STATES], second_at)
    assert since(seeded[FEED_OUTAGES], second_at) == found[FEED_OUTAGES]
    assert len(found[FEED_OUTAGES]) == 1
    present = [[{**row, "observed_at": None} for row in of[SENSORS]] for of in (seeded, found)]
    assert present[0] == present[1]
    assert len(since(found[SENSOR_EVENTS], second_at)) > 50


def test_the_first_live_poll_follows_the_state_just_before_it(
    postgres: Settings, query: Query, past: History
) -> None:
    live_from_at = SOME_DAY + timedelta(hours=3, seconds=77)
    (answer,) = answers(past, live_from_at, 1)
    asyncio.run(poll(postgres, [answer]))
    polls = query(
        "SELECT origin, outcome, observed_at, feed_updated_at FROM parking.polls WHERE dataset = %s ORDER BY 3",
        SENSORS.dataset,
    )
    before_at = SOME_DAY + timedelta(hours=3) - REFRESH
    assert polls == [
        ("seed", "accepted", before_at, before_at),
        ("live", "accepted", live_from_at, before_at + REFRESH),
    ]
    assert query("SELECT count(*) FROM parking.sensors") == [(3_300,)]
    found = query("SELECT previous_heard_at FROM parking.sensor_events WHERE origin = 'live'")
    assert 0 < len(found) < 300
    assert {at for (at,) in found} == {before_at}
    # Each bay stands where it will stand when the oldest day is there.
    states = query("SELECT kerbside_id, valid_from_at FROM parking.sensor_states WHERE origin = 'seed'")
    begin_at = live_from_at - timedelta(days=postgres.history_days)
    assert len(states) == len(dict(states)) == 3_300
    assert 3_000 < sum(valid_from_at <= begin_at for _, valid_from_at in states) < 3_300


def test_the_history_is_filled_in_from_the_newest_hours_back(
    postgres: Settings, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = timedelta(hours=1)
    monkeypatch.setattr("melpark.ingestion.seed.SPAN", hour)
    first_poll_at = SOME_DAY + hour / 2
    settings = postgres.model_copy(update={"history_days": 28})

    def polls() -> list[datetime]:
        return [
            at for (at,) in query("SELECT started_at FROM parking.polls WHERE origin = 'seed' ORDER BY 1")
        ]

    async def steps() -> list[list[datetime]]:
        loader = PostgresLoader(settings)
        try:
            seeding = Seeding(settings, loader)
            await seeding.open(first_poll_at)
            found = [polls()]
            for _ in range(2):
                assert await seeding.fill_in_next()
                found.append(polls())
            # The newest week is hurried, and of it not a day is there.
            assert seeding.rest(3) == 0
            monkeypatch.setattr("melpark.ingestion.seed.SOON_DAYS", 0)
            assert seeding.rest(3) == 30
            return found
        finally:
            loader.close()

    since = (first_poll_at - REFRESH, SOME_DAY, SOME_DAY - hour)
    assert asyncio.run(steps()) == [
        [at + number * REFRESH for number in range((first_poll_at - at) // REFRESH)] for at in since
    ]


def test_a_killed_poller_goes_on_with_the_history_and_none_is_lost_or_doubled(
    postgres: Settings, query: Query, tmp_path: Path
) -> None:
    seeded = "SELECT count(*) FROM parking.polls WHERE origin = 'seed'"
    # It may be that the portal fails just now.
    settings = postgres.model_copy(update={"history_days": 1, "simulator_outages": False})
    with portal(settings) as played:
        with polling(played, tmp_path / "log"):
            wait_until(lambda: query(seeded)[0][0] > 1, "a part of the history")
        with polling(played, tmp_path / "log"):
            wait_until(
                lambda: bool(query("SELECT FROM parking.polls WHERE note = %s", FIRST_POLL)), "the first day"
            )
    assert query(seeded + " AND outcome = 'accepted'") == [(721,)]
    [(oldest, newest)] = query(
        "SELECT min(started_at), max(started_at) FROM parking.polls WHERE origin = 'seed'"
    )
    assert newest - oldest == timedelta(days=1)
    made = history(settings)
    whole = made.found(Span(oldest + REFRESH, newest + REFRESH)).sensor_events.to_pylist()
    whole += made.opening(oldest).sensor_events.to_pylist()
    found = [row for row in rows(settings, SENSOR_EVENTS, ()) if row["origin"] == "seed"]
    assert found == sorted(whole, key=lambda row: (row["kerbside_id"], row["status_changed_at"]))
    assert "1 of 1 days" in (tmp_path / "log").read_text()


def test_a_home_that_has_polled_without_history_stays_as_it_is(
    postgres: Settings, query: Query, past: History
) -> None:
    first, second = answers(past, SOME_DAY, 2)
    asyncio.run(poll(postgres.model_copy(update={"history_days": 0}), [first]))
    asyncio.run(poll(postgres, [second], steps=1))
    assert query("SELECT origin FROM parking.polls") == [("live",), ("live",)]
    assert query("SELECT DISTINCT origin FROM parking.sensor_events") == [("live",)]


@pytest.mark.parametrize(
    "changed",
    [
        {"history_days": 0},
        {"source": "portal", "portal_url": "https://example.org"},
        {"source": "replay", "capture_dir": Path("capture")},
    ],
    ids=["--no-history", "portal", "replay"],
)
def test_only_the_simulator_has_a_history_and_only_when_asked_for(changed: Row) -> None:
    loader = PostgresLoader(Settings())
    assert seeding_for(Settings(), loader) is not None
    assert seeding_for(Settings.model_validate(changed), loader) is None


def test_the_status_knows_the_last_poll_of_the_history_and_its_days(postgres: Settings, query: Query) -> None:
    seeded = query(
        "INSERT INTO parking.polls (dataset, outcome, started_at, received_at, origin)"
        " SELECT %s, 'accepted', day, day, 'seed'"
        " FROM generate_series(timestamptz '2025-08-01', '2025-08-08', '1 day') AS day RETURNING poll_id",
        SENSORS.dataset,
    )
    query(
        "INSERT INTO parking.polls (dataset, outcome, started_at, received_at, origin)"
        " VALUES (%s, 'accepted', now(), now(), 'live') RETURNING poll_id",
        SENSORS.dataset,
    )
    found, probe = Measurement(), Probe(postgres)
    probe._look_at_postgres(found)
    probe.close()
    assert found.history_days == 7
    assert found.positions["history"] == max(seeded)[0] == found.positions["postgres"] - 1
    assert found.has_history_before_it
    found.positions["silver"] = max(seeded)[0]
    assert not found.has_history_before_it


def test_a_feed_whose_statuses_froze_is_known_though_its_stamps_are_fresh(
    postgres: Settings, past: History
) -> None:
    feed = past.feed
    past = History(Feed(replace(feed.city, dirt=replace(feed.city.dirt, frozen_feeds=2)), feed.truth))
    frozen = outage(past, Failure.FROZEN, (130, 100_000))
    settings = postgres.model_copy(update={"history_days": 0})
    looks = []
    for at in (frozen.start - REFRESH, frozen.start + timedelta(minutes=125), frozen.end + 2 * REFRESH):
        asyncio.run(poll(settings, answers(past, at, 1)))
        found, probe = Measurement(), Probe(settings)
        probe._look_at_postgres(found)
        probe.close()
        assert found.unchanged_seconds is not None
        assert found.source_age_seconds is not None
        # Time from the newest change to the newest stamp: what has passed since this past is in both.
        looks.append(found.unchanged_seconds - found.source_age_seconds)
    before, during, after = looks
    assert before < 10 * 60
    assert during > 120 * 60
    assert after < 10 * 60
