"""How far Flink's windows have come, read from the end of their topic."""

from datetime import datetime, timedelta

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from melpark.places import LIVE_OCCUPANCY_TOPIC

# A tick publishes some thousands of windows, and every poll the present of as many places.
TAIL = 8_000
READ_SECONDS = 3.0
SLOT = timedelta(minutes=5)
WANTED = b'"tumbling_5"'


def slot(at: datetime) -> int:
    """The number of the last five-minute boundary that an instant has reached."""
    return int(at.timestamp() // SLOT.total_seconds())


def held(consumer: Consumer, topic: str) -> int:
    """How many values a topic of one partition holds."""
    low, high = _ends(consumer, topic)
    return high - low


def _ends(consumer: Consumer, topic: str) -> tuple[int, int]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=READ_SECONDS)
    return low, high


class NewestWindow:
    """The end of the newest five-minute window; read again only when something was published."""

    def __init__(self) -> None:
        self._read_to = 0
        self._newest: datetime | None = None

    def look(self, consumer: Consumer) -> tuple[int, datetime | None]:
        """How many values the topic holds, and the end of its newest window."""
        low, high = _ends(consumer, LIVE_OCCUPANCY_TOPIC)
        if high != self._read_to:
            self._read(consumer, max(low, self._read_to, high - TAIL), high)
        return high - low, self._newest

    def _read(self, consumer: Consumer, start: int, high: int) -> None:
        consumer.assign([TopicPartition(LIVE_OCCUPANCY_TOPIC, 0, start or OFFSET_BEGINNING)])
        try:
            # Without an answer the end was not reached: asked again at the next look.
            while (message := consumer.poll(READ_SECONDS)) is not None:
                if error := message.error():
                    if error.code() == KafkaError._PARTITION_EOF:
                        self._read_to = high
                    return
                value = message.value()
                if value and WANTED in value:
                    end_at = datetime.fromisoformat(orjson.loads(value)["window_end_at"])
                    self._newest = max(self._newest or end_at, end_at)
        finally:
            # Assigned, it would go on fetching between two looks.
            consumer.unassign()
