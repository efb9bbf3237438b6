"""Alerts from real Kafka to a real receiver: each once, in order, through restarts, kills and an absent receiver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from integration.serving.broker import Broker
from integration.serving.running import until
from melpark.contracts.live_alerts import LIVE_ALERTS
from melpark.places import LIVE_ALERTS_TOPIC, Home
from melpark.processing.job_runs import recorded
from melpark.serving.webhook import outbox
from melpark.serving.webhook.alert_log import GROUP
from plugins.ports import free_port
from plugins.webhooks import TestReceiver, receiving

NUMBERS = count(1)
HOUR_MS = 3_600_000


def alert(state: str = "raised", **values: Any) -> dict[str, Any]:
    """As Flink publishes it; each has an id of its own unless one is given."""
    return {
        "alert_id": f"zone_full/7303/{next(NUMBERS)}",
        "kind": "zone_full",
        "place_kind": "zone",
        "place": "7303",
        "state": state,
        "raised_at": "2026-01-02T03:04:05Z",
        "cleared_at": None if state == "raised" else "2026-01-02T03:14:05Z",
        "threshold": 95.0,
        "value": 97.5,
        "detail": "Zone 7303 is 97.5 % full",
    } | values


@dataclass
class Delivery:
    """`melpark alerts deliver` as a process of its own, over a home and the broker."""

    home: Path
    broker: Broker
    receiver: TestReceiver
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        own = {
            "MELPARK_HOME": str(self.home),
            "MELPARK_KAFKA_SERVERS": self.broker.bootstrap,
            "MELPARK_ALERT_WEBHOOK_URL": self.receiver.url,
        }
        with (self.home / "alerts.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "melpark", "alerts", "deliver"],
                env={key: value for key, value in os.environ.items() if not key.startswith("MELPARK_")} | own,
                stderr=log,
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def publish(self, *alerts: dict[str, Any] | bytes, at_ms: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "log_level": 2})
        for one in alerts:
            key = orjson.dumps({"alert_id": one["alert_id"]}) if isinstance(one, dict) else b"{}"
            value = orjson.dumps(one) if isinstance(one, dict) else one
            producer.produce(LIVE_ALERTS_TOPIC, value, key, timestamp=at_ms)
        producer.flush(60)

    def wait_for(self, *alerts: dict[str, Any]) -> None:
        """Until the receiver has taken these and no others of Flink's, in this order."""
        until(lambda: len(self.taken) >= len(alerts), f"{len(alerts)} alerts at the receiver")
        assert self.taken == list(alerts)

    @property
    def committed(self) -> int:
        """The offset from which the next start goes on."""
        reader = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": GROUP, "log_level": 2})
        (found,) = reader.committed([TopicPartition(LIVE_ALERTS_TOPIC, 0)], timeout=30)
        reader.close()
        return int(found.offset)

    @property
    def taken(self) -> list[dict[str, Any]]:
        return [body["data"] for body in self.receiver.bodies if body["data"]["place_kind"] != "operation"]

    @property
    def log(self) -> str:
        return (self.home / "alerts.log").read_text()


@pytest.fixture
def delivery(broker: Broker, tmp_path: Path) -> Iterator[Delivery]:
    broker.create(LIVE_ALERTS_TOPIC, 1)
    receiver = TestReceiver()
    with receiving(receiver):
        made = Delivery(tmp_path, broker, receiver)
        yield made
        if made.process is not None and made.process.poll() is None:
            made.stop()
    broker.delete(LIVE_ALERTS_TOPIC)
    until(lambda: LIVE_ALERTS_TOPIC not in broker.admin.list_topics(timeout=5).topics, "the topic is gone")


def test_each_alert_goes_out_once_also_when_it_is_published_again_and_after_a_restart(
    delivery: Delivery,
) -> None:
    raised = alert()
    cleared = raised | {"state": "cleared", "cleared_at": "2026-01-02T03:14:05Z"}
    delivery.publish(raised, b"no alert", raised)
    delivery.start()
    delivery.wait_for(raised)
    delivery.publish(cleared, raised)
    delivery.wait_for(raised, cleared)
    until(lambda: delivery.committed == 5, "what was read is committed")
    assert delivery.stop() == 0
    later = alert()
    delivery.publish(later)
    delivery.start()
    delivery.wait_for(raised, cleared, later)
    assert len(set(delivery.receiver.ids)) == 3
    assert [body["type"] for body in delivery.receiver.bodies] == [
        "alert.raised",
        "alert.cleared",
        "alert.raised",
    ]
    assert raised.keys() == set(LIVE_ALERTS.column_names)
    assert "Left out melpark.live.alerts[0]@1, no alert" in delivery.log
    assert "token" not in delivery.log


def test_what_cannot_be_delivered_waits_is_told_and_goes_out_when_the_receiver_is_back_also_after_a_kill(
    delivery: Delivery,
) -> None:
    file = Home(delivery.home).outbox
    away = TestReceiver()
    away.port = free_port()
    delivery.receiver = away
    first, second = alert(), alert()
    delivery.publish(first, second)
    delivery.start()
    until(lambda: (found := outbox.counts(file)) and found.waiting == 2, "two alerts wait")
    until(lambda: "does not answer: ConnectError" in delivery.log, "the failure is told")
    delivery.stop(signal.SIGKILL)
    with receiving(away, away.port):
        delivery.start()
        delivery.wait_for(first, second)
        until(lambda: (found := outbox.counts(file)) and found.delivered == 2, "both are delivered")


def test_what_the_receiver_refuses_is_kept_and_the_others_go_out(delivery: Delivery) -> None:
    file = Home(delivery.home).outbox
    delivery.receiver.answers = [400]
    refused, taken = alert(), alert()
    delivery.publish(refused, taken)
    delivery.start()
    delivery.wait_for(taken)
    ((id, _, answer),) = outbox.refusals(file)
    assert (id, answer) == (f"{refused['alert_id']}:raised", "HTTP 400 no room for it")
    assert "The webhook's receiver refuses the alert" in delivery.log


def test_a_webhook_that_is_set_for_the_first_time_is_not_told_what_is_long_over(delivery: Delivery) -> None:
    now = int(time.time() * 1000)
    delivery.publish(alert(), at_ms=now - 2 * HOUR_MS)
    recent = alert()
    delivery.publish(recent, at_ms=now - HOUR_MS // 2)
    delivery.start()
    delivery.wait_for(recent)


def test_a_failed_run_goes_out_without_kafka_and_is_cleared(delivery: Delivery) -> None:
    delivery.broker = Broker(delivery.home)
    home = Home(delivery.home)
    with pytest.raises(ValueError, match="a model"), recorded(home, "gold"):
        raise ValueError("a model failed")
    delivery.start()
    until(lambda: delivery.receiver.taken, "the failed run at the receiver")
    with recorded(home, "gold"):
        pass
    until(lambda: len(delivery.receiver.taken) == 2, "its end at the receiver")
    told = [
        (body["data"]["kind"], body["data"]["place"], body["data"]["state"])
        for body in delivery.receiver.bodies
    ]
    assert told == [("run_failed", "gold", "raised"), ("run_failed", "gold", "cleared")]
    assert delivery.receiver.bodies[0]["data"].keys() == set(LIVE_ALERTS.column_names)
    assert "Alerts cannot be read from Kafka" in delivery.log
