from datetime import timedelta
from typing import Any

import pytest

from melpark.contracts import BAYS, DATASETS
from melpark.settings import Settings
from melpark.simulator.simulated import play
from unit.simulator.played_portal import START, FakeTime, PlayedPortal, date_of

TICK = START.replace(second=0)
REFRESH = timedelta(minutes=2)


def simulated(time: FakeTime | None = None, **settings: Any) -> PlayedPortal:
    return PlayedPortal(Settings.model_validate(settings), time)


@pytest.fixture(scope="module")
def portal() -> PlayedPortal:
    return simulated()


def newest_heard(records: list[dict[str, Any]]) -> str:
    return max(str(record["lastupdated"]) for record in records)


def test_every_dataset_that_melpark_polls_is_served(portal: PlayedPortal) -> None:
    for dataset in DATASETS:
        answer = portal.export(dataset=dataset)
        assert len(answer.json()) > 500
        assert portal.export(answer.headers["ETag"], dataset).status_code == 304
    assert portal.health()["acknowledged"] == dict.fromkeys(DATASETS, True)
    assert (portal.health()["kind"], portal.health()["is_done"]) == ("simulator", False)


def test_at_speed_one_date_is_our_clock_and_the_feed_its_last_refresh() -> None:
    portal = simulated(FakeTime(START + timedelta(seconds=77)))
    answer = portal.export()
    assert date_of(answer) == START + timedelta(seconds=77)
    assert newest_heard(answer.json()) == TICK.isoformat()


def test_at_speed_one_an_etag_is_current_until_the_next_refresh() -> None:
    portal = simulated()
    etag = portal.export().headers["ETag"]
    portal.time.pass_by(89)
    assert portal.export(etag).status_code == 304
    portal.time.pass_by(1)
    assert newest_heard(portal.export(etag).json()) == (TICK + REFRESH).isoformat()
    assert portal.time.slept == []


def test_at_speed_one_a_missed_refresh_is_gone_as_in_life() -> None:
    portal = simulated()
    etag = portal.export().headers["ETag"]
    portal.time.pass_by(3_600)
    assert newest_heard(portal.export(etag).json()) == (TICK + timedelta(hours=1)).isoformat()


def test_at_another_speed_each_acknowledged_refresh_is_followed_by_the_next() -> None:
    portal = simulated(speed=600)
    etag, dates = None, []
    for _ in range(4):
        answer = portal.export(etag)
        dates.append(date_of(answer))
        etag = answer.headers["ETag"]
    assert dates == [TICK + number * REFRESH for number in range(4)]
    assert portal.time.slept == pytest.approx([0.2] * 3)


def test_a_killed_poller_is_given_the_same_refresh_again_and_at_once() -> None:
    portal = simulated(speed=600)
    etag = portal.export().headers["ETag"]
    answers = [portal.export(etag) for _ in range(3)]
    assert len({(answer.headers["ETag"], answer.headers["Date"], answer.content) for answer in answers}) == 1
    assert portal.time.slept == pytest.approx([0.2])


def test_the_sources_time_survives_a_restart_of_the_server() -> None:
    before = simulated(speed=600)
    etag = before.export(before.export().headers["ETag"]).headers["ETag"]
    after = simulated(FakeTime(START + timedelta(days=3)), speed=600)
    assert date_of(after.export(etag)) == TICK + 2 * REFRESH


def test_a_refresh_too_far_off_to_hold_is_a_304_and_comes_when_it_is_due() -> None:
    portal = simulated(speed=4)
    etag = portal.export().headers["ETag"]
    waits = []
    while (answer := portal.export(etag)).status_code == 304:
        waits.append(portal.time.slept[-1])
    assert waits == [10, 10]
    assert portal.time.slept == [10, 10, 10]
    assert portal.time.at == START + timedelta(seconds=30)
    assert date_of(answer) == TICK + REFRESH


def test_a_slow_commit_is_not_made_to_wait_again() -> None:
    portal = simulated(speed=60)
    etag = portal.export().headers["ETag"]
    portal.time.pass_by(5)
    portal.export(etag)
    assert portal.time.slept == []


def test_at_speed_zero_nothing_is_held() -> None:
    portal = simulated(speed=0)
    etag = None
    for _ in range(3):
        etag = portal.export(etag).headers["ETag"]
    assert portal.time.slept == []
    assert etag == '"s20250807-20260302T090400Z"'


@pytest.mark.parametrize("etag", ['"s1-20250101T000000Z"', '"r1-20250101T000000Z"', '"s20250807-soon"'])
def test_an_etag_of_another_city_starts_at_our_time(etag: str) -> None:
    answer = simulated(speed=600).export(etag)
    assert date_of(answer) == TICK


def test_references_are_given_once_and_dated_with_the_feed() -> None:
    portal = simulated(speed=600)
    etag = portal.export(portal.export().headers["ETag"]).headers["ETag"]
    bays = portal.export(dataset=BAYS.dataset)
    assert date_of(bays) == TICK + REFRESH
    assert portal.export(bays.headers["ETag"], BAYS.dataset).status_code == 304
    assert portal.export(etag, BAYS.dataset).status_code == 200


def test_records_show_the_newest_refresh(portal: PlayedPortal) -> None:
    body = portal.records(where=f"lastupdated >= '{TICK.isoformat()}'", limit=100).json()
    assert len(body["results"]) == 100
    assert 2_600 <= body["total_count"] <= 3_000


def test_two_servers_of_one_seed_answer_alike(portal: PlayedPortal) -> None:
    play.cache_clear()
    other = simulated(FakeTime(portal.time.at))
    for dataset in DATASETS:
        ours, theirs = portal.export(dataset=dataset), other.export(dataset=dataset)
        assert (ours.content, ours.headers["ETag"]) == (theirs.content, theirs.headers["ETag"])
