"""The thread that takes the alerts of Flink from Kafka into the outbox, and commits what is in it."""

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from melpark.contracts.live_alerts import ALERT_STATES
from melpark.places import LIVE_ALERTS_TOPIC
from melpark.serving.webhook.operation import envelope, message_id
from melpark.serving.webhook.outbox import Outbox, our_clock

log = logging.getLogger(__name__)

GROUP = "melpark-alert-delivery"
POLL_SECONDS = 0.5
METADATA_SECONDS = 5.0
RETRY_SECONDS = 2.0
# A webhook that is set for the first time is not told the alerts of a month.
FIRST_START = timedelta(hours=1)


class AlertLog(threading.Thread):
    """Follows the topic until `stop`, from the committed offset on; Kafka being away is waited for."""

    def __init__(self, file: Path, bootstrap: str, topic: str = LIVE_ALERTS_TOPIC) -> None:
        super().__init__(name="alert-log", daemon=True)
        self._file = file
        self._topic = topic
        self._stopping = threading.Event()
        self._said = ""
        self._configuration = {
            "bootstrap.servers": bootstrap,
            # No group is joined: partitions are assigned, so that a killed member is not waited for.
            "group.id": GROUP,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            # A topic that was made anew is read from its beginning; the outbox knows what it was given before.
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "reconnect.backoff.max.ms": 2000,
            # It would tell every try to connect; what keeps us from reading is told here, once.
            "log_level": 0,
        }

    def stop(self) -> None:
        """Ask the thread to end; it does within a second or two."""
        self._stopping.set()

    def run(self) -> None:
        outbox = Outbox(self._file)
        while not self._stopping.is_set():
            try:
                self._follow(outbox)
            except KafkaException as error:
                self._say(f"Alerts cannot be read from Kafka: {error.args[0].str()}")
            except Exception:
                log.exception("Reading the alerts failed; it begins again")
            self._stopping.wait(RETRY_SECONDS)
        outbox.close()

    def _follow(self, outbox: Outbox) -> None:
        consumer = Consumer(self._configuration)
        try:
            partitions = _partitions(consumer, self._topic)
            if not partitions:
                self._say(f"Topic {self._topic} does not exist yet; alerts are followed once it does")
                return
            consumer.assign(_begin(consumer, partitions, our_clock()))
            self._say("")
            while not self._stopping.is_set():
                message = consumer.poll(POLL_SECONDS)
                if message is None:
                    continue
                if error := message.error():
                    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART or error.fatal():
                        raise KafkaException(error)
                    log.debug("Kafka: %s", error.str())
                    continue
                self._keep(outbox, message)
                # Killed before, it is read again, and the outbox knows it.
                consumer.commit(message=message, asynchronous=False)
        finally:
            consumer.close()

    def _keep(self, outbox: Outbox, message: Message) -> None:
        if message.value() is None:
            return
        try:
            alert = orjson.loads(message.value())
            id, body = message_id(alert), envelope(alert, our_clock())
        except (ValueError, KeyError, TypeError) as error:
            log.error(
                "Left out %s[%s]@%s, no alert: %r", self._topic, message.partition(), message.offset(), error
            )
            return
        if alert["state"] in ALERT_STATES and outbox.put(id, body, our_clock()):
            log.info("Alert %s: %s", alert["state"], alert["alert_id"])

    def _say(self, line: str) -> None:
        if line != self._said and line:
            log.warning("%s", line)
        self._said = line


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    metadata = consumer.list_topics(topic, timeout=METADATA_SECONDS).topics.get(topic)
    numbers = [] if metadata is None or metadata.error else sorted(metadata.partitions)
    return [TopicPartition(topic, number) for number in numbers]


def _begin(consumer: Consumer, partitions: list[TopicPartition], now: datetime) -> list[TopicPartition]:
    """Each partition at its committed offset, or at the alerts of the last hour when there is none."""
    committed: list[Any] = consumer.committed(partitions, timeout=METADATA_SECONDS)
    since = int((now - FIRST_START).timestamp() * 1000)
    fresh = [TopicPartition(one.topic, one.partition, since) for one in committed if one.offset < 0]
    return [one for one in committed if one.offset >= 0] + (
        consumer.offsets_for_times(fresh, timeout=METADATA_SECONDS) if fresh else []
    )
