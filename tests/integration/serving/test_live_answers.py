"""Flink's answers are followed like the change log: the newest value of each key, from the topics' beginning."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from confluent_kafka import Producer

from integration.serving.broker import Broker
from integration.serving.change_log import ChangeLog, poll, sensor
from integration.serving.running import RunningServer, until
from integration.serving.whole_app import ALERTS, WINDOWS
from melpark.contracts.live_alerts import LIVE_ALERTS
from melpark.contracts.live_occupancy import LIVE_OCCUPANCY
from melpark.processing.live import standing_alerts
from melpark.serving.live_answers import KEPT_WINDOWS, LiveAnswers, read
from melpark.settings import Settings

Row = dict[str, Any]
NOW = datetime(2025, 8, 8, 6, tzinfo=UTC)


@pytest.fixture
def write(broker: Broker, log: ChangeLog) -> Callable[..., None]:
    """Writes values to the topics of the answers, which are made for it."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0, "log_level": 2})

    def send(contract: Any, *rows: Row) -> None:
        for row in rows:
            key = orjson.dumps({name: row[name] for name in contract.key})
            producer.produce(log.topic(contract.name), orjson.dumps(row), key)
        producer.flush(30)

    for contract in (LIVE_ALERTS, LIVE_OCCUPANCY):
        broker.create(log.topic(contract.name), 1)
    return send


@pytest.fixture
def server(log: ChangeLog, tmp_path: Any) -> Iterator[RunningServer]:
    log.write([sensor("1")], [poll()])
    server = RunningServer(Settings(home=tmp_path, live=True), log, with_answers=True)
    server.start()
    yield server
    server.stop()


def alerts(server: RunningServer, **query: str) -> list[Row]:
    answer = server.client.get("/api/v1/alerts", params=query)
    found: list[Row] = answer.json()["alerts"] if answer.is_success else []
    return found


def test_an_alert_is_shown_and_its_clearing_replaces_it(
    server: RunningServer, write: Callable[..., None]
) -> None:
    write(LIVE_ALERTS, *ALERTS)
    until(lambda: len(alerts(server)) == 3, "all alerts")
    assert [row["alert_id"] for row in alerts(server)] == sorted(
        (row["alert_id"] for row in ALERTS), key=lambda id: (id.rpartition("/")[2], id), reverse=True
    )
    assert {row["place"] for row in alerts(server, state="raised")} == {"1", "3"}
    write(LIVE_ALERTS, ALERTS[0] | {"state": "cleared", "cleared_at": "2025-08-08T05:05:00Z"})
    until(lambda: len(alerts(server, state="cleared")) == 2, "the clearing")
    assert len(alerts(server)) == 3


def test_occupancy_now_is_what_was_published_last(server: RunningServer, write: Callable[..., None]) -> None:
    write(LIVE_OCCUPANCY, *WINDOWS, WINDOWS[0] | {"bays_occupied": 11})

    def occupied() -> int | None:
        query: dict[str, str] = {"window_kind": "now", "place": "1"}
        answer = server.client.get("/api/v1/occupancy/now", params=query)
        rows = answer.json()["occupancy"] if answer.is_success else []
        return rows[0]["bays_occupied"] if rows else None

    until(lambda: occupied() == 11, "the newest value")
    rows = server.client.get("/api/v1/occupancy/now").json()["occupancy"]
    assert len(rows) == len(WINDOWS)


def test_alerts_of_zones_that_stand_are_cleared_when_their_job_begins_anew(
    server: RunningServer, write: Callable[..., None], broker: Broker, log: ChangeLog
) -> None:
    topic = log.topic(LIVE_ALERTS.name)
    # A vehicle's has the same name in the new job, which clears it.
    overstay = ALERTS[0] | {
        "alert_id": "overstay/1/2025-08-08T05:00:00Z",
        "kind": "overstay",
        "state": "raised",
    }
    write(LIVE_ALERTS, *ALERTS, overstay)
    standing = [row for row in ALERTS if row["state"] == "raised"]
    newest = max(row[name] for row in ALERTS for name in ("raised_at", "cleared_at") if row[name])
    assert standing
    assert standing_alerts.clear(broker.bootstrap, topic) == len(standing)
    until(lambda: len(alerts(server, state="cleared")) == len(ALERTS), "all of zones are cleared")
    told = {row["alert_id"]: row for row in alerts(server)}
    assert {told[row["alert_id"]]["cleared_at"] for row in standing} == {newest}
    assert standing_alerts.clear(broker.bootstrap, topic) == 0


def test_the_bays_are_served_while_the_answers_are_waited_for(server: RunningServer) -> None:
    server.wait_until_ready()
    until(lambda: "does not exist" in refusal(server), "the topic is named")
    assert server.bays().keys() == {"1"}


def refusal(server: RunningServer) -> str:
    answer: httpx.Response = server.client.get("/api/v1/alerts")
    assert answer.status_code == 503
    return str(answer.json()["detail"])


def test_of_each_place_only_the_newest_windows_are_kept_in_memory() -> None:
    answers = LiveAnswers()
    starts = [f"2025-08-08T05:{minute:02}:00Z" for minute in (10, 5, 20, 0, 15)]
    for start in starts:
        row = WINDOWS[1] | {"window_start_at": start}
        key = orjson.dumps({name: row[name] for name in LIVE_OCCUPANCY.key})
        answers.apply([read(LIVE_OCCUPANCY, key, orjson.dumps(row))], NOW)
    kept = sorted(row["window_start_at"].isoformat() for row in answers.occupancy)
    assert [at[14:16] for at in kept] == ["10", "15", "20"]
    assert len(kept) == KEPT_WINDOWS


def test_alerts_that_hold_are_counted_by_kind_until_they_are_cleared_or_forgotten() -> None:
    answers = LiveAnswers()

    def say(alert_id: str, kind: str, state: str | None) -> None:
        row = ALERTS[0] | {"alert_id": alert_id, "kind": kind, "state": state}
        value = orjson.dumps(row) if state else None
        answers.apply([read(LIVE_ALERTS, orjson.dumps({"alert_id": alert_id}), value)], NOW)

    for alert_id, kind in (("a", "zone_full"), ("b", "zone_full"), ("c", "overstay"), ("a", "zone_full")):
        say(alert_id, kind, "raised")
    assert answers.raised == {"zone_full": 2, "overstay": 1, "zone_quiet": 0, "feed_quiet": 0}
    say("a", "zone_full", "cleared")
    say("c", "overstay", None)
    assert answers.raised == {"zone_full": 1, "overstay": 0, "zone_quiet": 0, "feed_quiet": 0}
    answers.restart("read again")
    assert set(answers.raised.values()) == {0}


@pytest.mark.parametrize(
    "broken", [{"state": None}, {"raised_at": "today"}, {"raised_at": "2025-08-08T05:00:00"}]
)
def test_a_value_that_breaks_its_contract_is_left_out(broken: Row) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(LIVE_ALERTS, b'{"alert_id":"a"}', orjson.dumps(ALERTS[0] | broken))
