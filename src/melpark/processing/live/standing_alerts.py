"""Alerts of zones that stand when their job begins anew: it raises others, and would never clear these.

Those of vehicles and of the feed have a name that follows from the rule and the source's time: they are raised anew
under it, and cleared.
"""

from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from melpark.contracts.live_alerts import LIVE_ALERTS
from melpark.errors import RetryableError
from melpark.places import LIVE_ALERTS_TOPIC

Row = dict[str, Any]
ANSWER_SECONDS = 30
DETAIL = "No longer watched under this name; raised again under another if it still holds"
KINDS = ("zone_full", "zone_quiet")


def clear(servers: str, topic: str = LIVE_ALERTS_TOPIC) -> int:
    """Clear every zone's alert that stands, as of the newest instant that was told in the topic; how many there were.

    Raises RetryableError when Kafka does not answer.
    """
    try:
        told = _newest(servers, topic)
        times = [row[name] for row in told for name in ("raised_at", "cleared_at") if row[name]]
        standing = [row for row in told if row["state"] == "raised" and row["kind"] in KINDS]
        refused: list[KafkaError] = []
        producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "log_level": 0})
        for row in standing:
            cleared = row | {"state": "cleared", "cleared_at": max(times), "detail": DETAIL}
            key = orjson.dumps({name: row[name] for name in LIVE_ALERTS.key})
            producer.produce(
                topic,
                orjson.dumps(cleared),
                key,
                on_delivery=lambda error, message: refused.append(error) if error else None,
            )
        if producer.flush(ANSWER_SECONDS):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        if refused:
            raise KafkaException(refused[0])
    except KafkaException as error:
        raise RetryableError(
            "Kafka does not tell the alerts that stand", error.args[0].str(), "Is it running?"
        ) from None
    return len(standing)


def _newest(servers: str, topic: str) -> list[Row]:
    """The newest value of each alert."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "melpark-live-alerts",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    found: dict[bytes, Row] = {}
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while True:
            message = consumer.poll(ANSWER_SECONDS)
            error = KafkaError(KafkaError._TIMED_OUT) if message is None else message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return list(found.values())
            if error is not None:
                raise KafkaException(error)
            if value := message.value():
                found[message.key()] = orjson.loads(value)
            else:
                found.pop(message.key(), None)
    finally:
        consumer.close()
