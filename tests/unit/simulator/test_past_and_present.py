"""Days of the past stand alone and join: with one another, with the live feed, and with the truth."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from melpark.settings import Settings
from melpark.simulator.behaviour import Behaviour
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed, tick_of
from melpark.simulator.history import History, Span, spans
from melpark.simulator.outages import Failure, Outage
from melpark.simulator.records import bay_records
from melpark.simulator.truth_tables import stays
from unit.simulator.played_portal import FakeTime, PlayedPortal

END = datetime(2025, 8, 7, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def history() -> History:
    return History(feed_of(Dirt()))


def feed_of(dirt: Dirt) -> Feed:
    city = build(20250807, dirt)
    return Feed(city, Truth(city))


def test_spans_are_utc_days_newest_first_without_a_hole() -> None:
    found = list(spans(END - timedelta(days=2), END))
    assert [span.day.day for span in found] == [7, 6, 5]
    assert [span.end for span in found[1:]] == [span.start for span in found[:-1]]
    assert (found[0].end, found[-1].start) == (END, END - timedelta(days=2))


def test_two_spans_hold_what_one_over_both_does_whichever_is_made_first(history: History) -> None:
    cut = END - timedelta(hours=1)
    late = history.found(Span(cut, END)).sensor_events.to_pylist()
    early = history.found(Span(cut - timedelta(hours=1), cut)).sensor_events.to_pylist()
    whole = history.found(Span(cut - timedelta(hours=1), END)).sensor_events.to_pylist()
    assert sorted(map(str, early + late)) == sorted(map(str, whole))


def test_the_opening_and_the_events_after_it_end_in_the_present_of_the_live_feed(history: History) -> None:
    start = END - timedelta(hours=2)
    before = history.opening(start - timedelta(minutes=2)).sensor_events.to_pylist()
    after = history.found(Span(start, END)).sensor_events.to_pylist()
    newest: dict[str, Any] = {}
    for event in sorted(before + after, key=lambda event: event["observed_at"]):
        newest[event["kerbside_id"]] = (event["status"], event["status_changed_at"])
    present = history.sensors(END - timedelta(minutes=2)).to_pylist()
    assert newest == {row["kerbside_id"]: (row["status"], row["status_changed_at"]) for row in present}


@pytest.mark.parametrize("share", [0.0, Behaviour().overstay_share, 0.25])
def test_stays_overstay_at_the_set_rate_and_only_beyond_their_deadline(
    history: History, share: float
) -> None:
    city = history.feed.city
    feed = Feed(city, Truth(city, Behaviour(overstay_share=share)))
    table = stays(feed, datetime(2025, 8, 6, 20, tzinfo=UTC), datetime(2025, 8, 7, 8, tzinfo=UTC))
    # Of those whom the limit on arrival can catch: near the end of its window nobody can be over.
    limit = pc.cast(pc.multiply(table["limit_minutes"], 60_000_000), pa.duration("us"))
    caught = pc.equal(pc.add(table["arrival_at"], limit), table["leave_by_at"]).fill_null(False)
    over = table["overstay_minutes"].to_numpy() > 0
    under_limit = caught.to_numpy()
    chance = 1.96 * math.sqrt(share * (1 - share) / under_limit.sum())
    assert over[under_limit].mean() == pytest.approx(share, abs=chance)
    assert under_limit.sum() > 5_000
    for stay in table.slice(0, 3_000).to_pylist():
        late = stay["leave_by_at"] is not None and stay["departure_at"] > stay["leave_by_at"]
        assert late == (stay["overstay_minutes"] > 0)
        assert stay["arrival_at"] < stay["departure_at"]


def test_every_flaw_can_be_switched_off() -> None:
    feed = feed_of(Dirt.none())
    tick = tick_of(END)
    now = feed.snapshot(tick)
    changed_at, is_present = feed.truth.statuses(tick)
    assert np.array_equal(now.changed_at, changed_at)
    assert np.array_equal(now.is_present, is_present)
    assert (now.heard_at == tick).all()
    ids = [record["kerbsideid"] for record in bay_records(feed.city) if record["kerbsideid"]]
    assert len(ids) == len(set(ids))
    assert {str(sensor.kerbside_id) for sensor in feed.city.sensors} <= set(ids)
    assert all(sensor.zone_number for sensor in feed.city.sensors)


@pytest.mark.parametrize(("failure", "status"), [(Failure.SERVER_ERROR, 503), (Failure.CUT_BODY, 200)])
def test_the_portal_fails_while_the_simulated_outage_lasts(
    history: History, failure: Failure, status: int
) -> None:
    outage = first_outage(history.feed, failure)
    time = FakeTime(datetime.fromtimestamp(outage.start + 125, UTC))
    portal = PlayedPortal(Settings(), time)
    answer: httpx.Response = portal.export()
    assert answer.status_code == status
    assert len(answer.content) < int(answer.headers["Content-Length"]) or status == 503
    time.at = datetime.fromtimestamp(outage.end + 5, UTC)
    assert len(portal.export().json()) == 3_300


def first_outage(feed: Feed, failure: Failure) -> Outage:
    year = int(END.timestamp()), int((END + timedelta(days=365)).timestamp())
    return next(one for one in feed.time.outages(*year) if one.failure is failure)


def test_a_quota_that_an_outage_spends_asks_to_wait_until_the_outage_ends(history: History) -> None:
    outage = first_outage(history.feed, Failure.QUOTA)
    ends_at = datetime.fromtimestamp(outage.end, UTC)
    time = FakeTime(datetime.fromtimestamp(outage.start + 125, UTC))
    portal = PlayedPortal(Settings(), time)
    refused = portal.export()
    assert refused.status_code == 429
    assert refused.headers["X-RateLimit-Reset"] == str(outage.end)
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.json()["reset_time"] == ends_at.isoformat()
    asked = int(refused.headers["Retry-After"])
    assert 0 <= asked - (ends_at - time.at).total_seconds() <= 1
    time.pass_by(asked - 2)
    assert portal.export().status_code == 429
    time.pass_by(2)
    assert portal.export().status_code == 200
