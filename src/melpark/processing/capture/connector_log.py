"""What the connector has committed to Kafka about itself: how far it has read, and each snapshot's progress.

Both are read from their topics and not over Connect's REST interface, so that they are known while Connect is down.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from melpark.errors import RetryableError
from melpark.places import CONNECTOR, NOTIFICATIONS_TOPIC, TOPIC_PREFIX
from melpark.settings import Settings

OFFSETS_TOPIC = "melpark-connect-offsets"
# The connector commits behind what it has read, never ahead of the greatest of these.
POSITIONS = ("lsn", "lsn_proc", "lsn_commit")
POLL_SECONDS = 5.0
SUCCESS = ("SUCCEEDED", "EMPTY")


@dataclass(frozen=True)
class Position:
    """How far the connector says that it is: a byte of the WAL, None at the very beginning of a snapshot.

    `is_streamed` tells a change read from the slot from a row of a snapshot; `at` is the time of the commit.
    """

    lsn: int | None
    is_streamed: bool
    at: datetime


@dataclass(frozen=True)
class Notification:
    """One step of a snapshot. `snapshot` is Initial or Incremental, `id` that of the signal that asked for it."""

    id: str
    snapshot: str
    step: str
    at: datetime
    details: dict[str, str]

    @property
    def failure(self) -> str:
        """Why the table that was to be read was not; Debezium skips it then and calls the snapshot completed."""
        status = self.details.get("status", "")
        return status if self.step == "TABLE_SCAN_COMPLETED" and status not in SUCCESS else ""

    def __str__(self) -> str:
        table = self.details.get("scanned_collection") or self.details.get(
            "current_collection_in_progress", ""
        )
        table = table.rpartition(".")[2]
        match self.step:
            case "IN_PROGRESS":
                chunk, chunks = self.details.get("chunk_index", "?"), self.details.get("total_chunks", "?")
                return f"{table}: chunk {chunk} of {chunks}"
            case "TABLE_SCAN_COMPLETED" if self.failure:
                return f"{table}: {self.failure}"
            case "TABLE_SCAN_COMPLETED":
                return f"{table}: {int(self.details.get('total_rows_scanned', 0)):,} rows read"
            case step:
                return f"snapshot {step.lower().replace('_', ' ')}"


class ConnectorLog:
    """Follows both topics; `catch_up` reads what came since the last call, after which `committed` is known."""

    def __init__(self, settings: Settings) -> None:
        self.committed: Position | None = None
        self._settings = settings
        self._consumer = _consumer(settings, "read_committed")
        self._partitions: list[tuple[str, int]] = []
        self._reached: dict[tuple[str, int], int] = {}

    def __enter__(self) -> "ConnectorLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def catch_up(self) -> list[Notification]:
        """The notifications since the last call. Raises RetryableError when Kafka does not answer."""
        with _answering():
            self._find_partitions()
            return [found for message in self._new_messages() if (found := self._take(message))]

    def undecided_lsn(self) -> int | None:
        """The greatest position in a transaction that readers do not yet see as committed or aborted, or None.

        The connector goes on as soon as Kafka has written down that it will commit, and confirms to PostgreSQL.
        Raises RetryableError when Kafka does not answer.
        """
        consumer = _consumer(self._settings, "read_uncommitted")
        with _answering(), closing(consumer):
            positions = [
                position.lsn
                for (name, number), reached in self._reached.items()
                if name == OFFSETS_TOPIC
                for message in _messages(consumer, TopicPartition(name, number, reached))
                if (position := _position(message)) and position.lsn is not None
            ]
        return max(positions, default=None)

    def _find_partitions(self) -> None:
        topics = self._consumer.list_topics(timeout=POLL_SECONDS).topics
        # The notifications last: they tell at least as much as the position.
        found = [
            (name, number)
            for name in (OFFSETS_TOPIC, NOTIFICATIONS_TOPIC)
            if name in topics
            for number in topics[name].partitions
        ]
        if found != self._partitions:
            # A topic that was made anew is read from its beginning; so is the other, which does no harm.
            self._partitions = found
            self._reached.clear()
            self._consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for name, number in found])

    def _new_messages(self) -> Iterator[Message]:
        """Messages up to where the partitions end now; an end that was reported earlier may wait among them."""
        ends: dict[tuple[str, int], int] = {}
        for partition in self._partitions:
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=POLL_SECONDS)
            if self._reached.get(partition, -1) > high:
                # The topic was made anew.
                self._consumer.seek(TopicPartition(*partition, OFFSET_BEGINNING))
                self._reached[partition] = -1
            if low < high and self._reached.get(partition, -1) < high:
                ends[partition] = high
        while ends:
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is None:
                yield message
            partition = (message.topic(), message.partition())
            # The offset of an end is the next one to come.
            self._reached[partition] = message.offset() + (error is None)
            if self._reached[partition] >= ends.get(partition, 0):
                ends.pop(partition, None)

    def _take(self, message: Message) -> Notification | None:
        if message.topic() == NOTIFICATIONS_TOPIC:
            return _notification(orjson.loads(message.value()))
        self.committed = _position(message) or self.committed
        return None


def _consumer(settings: Settings, isolation: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{settings.kafka_port}",
            "group.id": "melpark-capture",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise RetryableError(
            "Kafka does not tell how far the connector is", error.args[0].str(), "Is it running?"
        ) from None


def _messages(consumer: Consumer, begin: TopicPartition) -> Iterator[Message]:
    """Messages of one partition from an offset to its end."""
    consumer.assign([begin])
    while message := consumer.poll(POLL_SECONDS):
        if message.error() is None:
            yield message
        elif message.error().code() == KafkaError._PARTITION_EOF:
            return
        else:
            raise KafkaException(message.error())
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def _notification(value: dict[str, Any]) -> Notification:
    return Notification(
        id=value["id"],
        snapshot=value["aggregate_type"].removesuffix(" Snapshot"),
        step=value["type"],
        at=datetime.fromtimestamp(value["timestamp"] / 1000, UTC),
        details=value.get("additional_data") or {},
    )


def _position(message: Message) -> Position | None:
    """The position that a message of Connect's offsets tells, None when it is that of another connector."""
    if orjson.loads(message.key() or b"null") != [CONNECTOR, {"server": TOPIC_PREFIX}]:
        return None
    offset = orjson.loads(message.value() or b"null") or {}
    known = [int(offset[name]) for name in POSITIONS if name in offset]
    at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    return Position(max(known, default=None), "lsn_proc" in offset, at)
