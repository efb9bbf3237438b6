import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import mean

import numpy as np
import pytest

from melpark.parking.local_time import MELBOURNE
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import NOBODY, Feed, tick_of
from melpark.simulator.outages import FOUR_WEEKS, REFRESH_SECONDS, FeedTime
from melpark.simulator.records import Record

NIGHT = datetime(2025, 8, 7, 1, 21, tzinfo=MELBOURNE)
NOON = datetime(2025, 8, 7, 11, 12, tzinfo=MELBOURNE)
FRIDAY_EVENING = datetime(2025, 8, 8, 18, 0, tzinfo=MELBOURNE)
REFRESH = timedelta(minutes=2)


@pytest.fixture(scope="module")
def feed() -> Feed:
    city = build(20250807)
    return Feed(city, Truth(city))


def live(feed: Feed, at: datetime) -> dict[int, Record]:
    tick = tick_of(at)
    now = datetime.fromtimestamp(tick, UTC).isoformat()
    records = feed.records(tick)
    return {record["kerbsideid"]: record for record in records if record["lastupdated"] == now}


def changed_at(record: Record) -> datetime:
    return datetime.fromisoformat(record["status_timestamp"])


def test_records_have_the_shape_of_the_citys(feed: Feed) -> None:
    record = feed.records(tick_of(NOON))[0]
    assert list(record) == [
        *("lastupdated", "status_timestamp", "zone_number", "status_description", "kerbsideid", "location"),
    ]
    assert record["lastupdated"].endswith("+00:00")
    assert list(record["location"]) == ["lon", "lat"]


def test_all_live_bays_share_one_time_and_fifteen_percent_are_dead(feed: Feed) -> None:
    alive = live(feed, NOON)
    assert 0.82 <= len(alive) / len(feed.city.sensors) <= 0.88


def test_a_dead_sensor_keeps_its_last_status_and_an_old_time(feed: Feed) -> None:
    lasting = feed.faultiness.lasting
    numbers = set(lasting.bay[lasting.is_dead].tolist())
    numbers -= set(feed.timeless(np.array([tick_of(NIGHT), tick_of(FRIDAY_EVENING)])).tolist())
    dead = {feed.city.sensors[number].kerbside_id for number in numbers}
    before, after = (
        [
            {name: value for name, value in record.items() if name not in ("zone_number", "location")}
            for record in feed.records(tick_of(at))
            if record["kerbsideid"] in dead
        ]
        for at in (NIGHT, FRIDAY_EVENING)
    )
    assert before == after
    assert len({record["lastupdated"] for record in before}) <= 28
    assert all(changed_at(record) <= datetime.fromisoformat(record["lastupdated"]) for record in before)


def test_before_its_fault_a_sensor_lives(feed: Feed) -> None:
    assert len(live(feed, datetime(2023, 1, 1, tzinfo=UTC))) > 0.98 * len(feed.city.sensors)


def test_a_quarter_of_the_live_bays_has_been_stuck_for_over_a_day(feed: Feed) -> None:
    old = [changed_at(record) < NOON - timedelta(days=1) for record in live(feed, NOON).values()]
    assert 0.18 <= mean(old) <= 0.32


def test_seven_rows_in_17_polls_have_1970_as_status_time_within_chance(feed: Feed) -> None:
    ticks = tick_of(NOON) + 120 * np.arange(2_000)
    share = (feed.timeless(ticks) != NOBODY).mean()
    assert share == pytest.approx(7 / 17, abs=1.96 * math.sqrt(7 / 17 * 10 / 17 / len(ticks)))


def test_a_row_of_1970_is_of_a_sensor_that_never_changes_and_right_at_the_next_refresh(feed: Feed) -> None:
    ticks = tick_of(NOON) + 120 * np.arange(30)
    ticks = ticks[feed.timeless(ticks) != NOBODY]
    for tick in ticks[:5].tolist():
        before, at, after = (
            {record["kerbsideid"]: record["status_timestamp"] for record in feed.records(tick + seconds)}
            for seconds in (-120, 0, 120)
        )
        (bay,) = (bay for bay, time in at.items() if time == "1970-01-01T00:00:00+00:00")
        assert before[bay] == after[bay] < (NOON - timedelta(days=1)).astimezone(UTC).isoformat()
    assert len(ticks) >= 5


def test_the_feed_is_late_by_42_to_165_seconds(feed: Feed) -> None:
    ticks = np.arange(0, 120 * 2_000, 120)
    lags = feed.time.updated(ticks) - feed.time.known_until(ticks)
    lags = lags[lags < 200]
    assert (lags.min(), lags.max()) == (42, 162)
    newest = max(changed_at(record) for record in live(feed, NOON).values())
    assert timedelta(seconds=42) <= NOON - newest <= timedelta(seconds=200)


def test_a_frozen_feed_stays_fresh_without_any_change_for_up_to_4_days_and_a_third() -> None:
    time = FeedTime(20250807, replace(Dirt.none(), frozen_feeds=2))
    frozen = max(time.outages(0, 200 * FOUR_WEEKS), key=lambda one: one.end - one.start)
    assert (frozen.end - frozen.start) / 86_400 == pytest.approx(4.3, abs=0.1)
    ticks = np.arange(frozen.start, frozen.end, REFRESH_SECONDS)
    assert (time.updated(ticks) == ticks).all()
    assert len(np.unique(time.known_until(ticks))) == 1


def test_status_time_never_runs_backwards_but_to_1970(feed: Feed) -> None:
    before = live(feed, NOON)
    for number in range(1, 25):
        after = live(feed, NOON + number * REFRESH)
        assert len(after.keys() ^ before.keys()) <= 3
        both = before.keys() & after.keys()
        back = [after[bay] for bay in both if changed_at(after[bay]) < changed_at(before[bay])]
        assert all(changed_at(record).year == 1970 for record in back)
        before = after


def test_a_sound_sensor_reports_the_truth_of_the_time_that_the_feed_knows(feed: Feed) -> None:
    tick = tick_of(NOON)
    known_until = datetime.fromtimestamp(feed.known_until(tick), UTC)
    faults = feed.faultiness.within(tick - 1, tick + 1)
    faulty = {feed.city.sensors[number].kerbside_id for number in faults.bay}
    for bay, record in list(live(feed, NOON).items())[::20]:
        if bay not in faulty:
            event = feed.truth.true_status(bay, known_until)
            assert (changed_at(record), record["status_description"]) == (event.changed_at, event.status)


def test_a_status_time_never_carries_two_statuses(feed: Feed) -> None:
    polls = [feed.records(tick_of(NOON + number * REFRESH)) for number in range(15)]
    statuses = {
        (record["kerbsideid"], record["status_timestamp"], record["status_description"])
        for poll in polls
        for record in poll
    }
    keys = Counter((kerbside_id, time) for kerbside_id, time, _ in statuses)
    assert max(keys.values()) == 1


def test_the_truth_goes_on_where_a_sensor_is_stuck(feed: Feed) -> None:
    lasting = feed.faultiness.lasting
    stuck = [feed.city.sensors[number].kerbside_id for number in lasting.bay[~lasting.is_dead][:5]]
    assert all(feed.truth.true_events(bay, NOON, NOON + timedelta(days=1)) for bay in stuck)
