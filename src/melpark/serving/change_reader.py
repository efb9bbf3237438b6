"""The thread that follows topics in Kafka from their beginning and feeds a state on the event loop.

It commits nothing: at each start it reads `sensors` (compacted: the present of every bay), `polls` and the rule
calendar again. An interrupted broker is waited for; a topic that was deleted or cut makes it begin again.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from melpark.contracts import POLLS, RULE_VERSIONS, RULE_WINDOWS, SENSORS
from melpark.places import topic
from melpark.serving.bays import Change, read_poll, read_rule_version, read_rule_window, read_sensor

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
METADATA_SECONDS = 2.0
CHECK_SECONDS = 5.0
RETRY_SECONDS = 0.5
MESSAGES_AT_ONCE = 2000
# What was read so far no longer leads to the present.
BEGIN_AGAIN = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._FATAL,
    }
)


C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)
# What a record of a topic says, by its key and value; None when nothing that counts here.
Read = Callable[[bytes, bytes | None], C | None]


class State(Protocol[C_contra]):
    """What a reader feeds. Called on the event loop only."""

    def apply(self, changes: Sequence[C_contra], now: datetime) -> None: ...
    def ready(self, now: datetime) -> None: ...
    def not_ready(self, reason: str) -> None: ...
    def restart(self, reason: str) -> None: ...


def change_log(name: Callable[[str], str] = topic) -> dict[str, Read[Change]]:
    """The topics of the live state, each with how its records are read. `name` gives the topic of a table."""
    return {
        name(SENSORS.name): lambda key, value: read_sensor(key, value),
        name(POLLS.name): lambda key, value: read_poll(value, SENSORS.dataset),
        name(RULE_WINDOWS.name): lambda key, value: read_rule_window(value),
        name(RULE_VERSIONS.name): lambda key, value: read_rule_version(value),
    }


class ChangeReader(threading.Thread, Generic[C]):
    """Reads until `stop`. Every change to `live` happens on `loop`."""

    def __init__(
        self,
        live: State[C],
        loop: asyncio.AbstractEventLoop,
        bootstrap: str,
        clock: Callable[[], datetime],
        topics: Mapping[str, Read[C]],
    ) -> None:
        super().__init__(name="change-reader", daemon=True)
        self._live = live
        self._loop = loop
        self._clock = clock
        self._topics = topics
        self._stopping = threading.Event()
        self._configuration = _configuration(bootstrap)

    def stop(self) -> None:
        """Ask the thread to end; it does within a second."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            reason = "the change log is read from its beginning"
            try:
                self._read_from_beginning()
            except KafkaException as error:
                reason = f"Kafka does not answer as needed: {error.args[0].str()}"
                log.warning("The change log is read again from its beginning: %s", error.args[0].str())
            except Exception:
                reason = "reading the change log failed; the server's log says why"
                log.exception("Reading the change log failed; it begins again")
            if not self._stopping.is_set():
                self._post(self._live.restart, reason)
                self._stopping.wait(RETRY_SECONDS)

    def _read_from_beginning(self) -> None:
        consumer = Consumer(self._configuration, logger=log)
        try:
            if partitions := self._wait_for_partitions(consumer):
                self._follow(consumer, partitions)
        finally:
            consumer.close()

    def _wait_for_partitions(self, consumer: Consumer) -> list[TopicPartition]:
        """Every partition of the topics once they exist; none when stopped before that."""
        while not self._stopping.is_set():
            found: list[TopicPartition] = []
            for name in self._topics:
                numbers = _partition_numbers(consumer, name)
                if not numbers:
                    self._post(self._live.not_ready, f"topic {name} does not exist yet")
                    break
                found += [TopicPartition(name, number, OFFSET_BEGINNING) for number in numbers]
            else:
                return found
            self._stopping.wait(RETRY_SECONDS)
        return []

    def _follow(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        progress = Progress(
            {
                (partition.topic, partition.partition): consumer.get_watermark_offsets(
                    partition, timeout=METADATA_SECONDS, cached=False
                )
                for partition in partitions
            }
        )
        consumer.assign(partitions)
        is_ready = False
        check_at = time.monotonic() + CHECK_SECONDS
        while not self._stopping.is_set():
            if time.monotonic() >= check_at:
                _check_topics(consumer, partitions)
                check_at = time.monotonic() + CHECK_SECONDS
            messages = _waiting_messages(consumer)
            changes = self._changes(messages, progress)
            if changes:
                self._post(self._live.apply, changes, self._clock())
            if not is_ready and progress.is_done:
                is_ready = True
                self._post(self._live.ready, self._clock())
            elif not is_ready:
                self._post(self._live.not_ready, f"rebuilding the present: {progress}")

    def _changes(self, messages: Sequence[Message], progress: "Progress") -> list[C]:
        changes: list[C] = []
        for message in messages:
            place = (message.topic(), message.partition())
            if error := message.error():
                if error.code() == KafkaError._PARTITION_EOF:
                    progress.reached_end(place)
                elif error.code() in BEGIN_AGAIN:
                    raise KafkaException(error)
                else:
                    log.warning("Kafka: %s", error.str())
                continue
            progress.reached(place, message.offset() + 1)
            if change := self._change(message):
                changes.append(change)
        return changes

    def _change(self, message: Message) -> C | None:
        try:
            return self._topics[message.topic()](message.key(), message.value())
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            log.warning(
                "Left out event %s[%s]@%s, not a change event as agreed: %r",
                message.topic(),
                message.partition(),
                message.offset(),
                error,
            )
            return None

    def _post(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            # The loop is closed: the server has ended, and nobody is left to tell.
            self._stopping.set()


class Progress:
    """How far the log has been read against its ends at the start.

    The end is also reached when the broker says so: the last offsets may be transaction markers or aborted
    records, which no reader is given.
    """

    def __init__(self, low_and_high: dict[tuple[str, int], tuple[int, int]]) -> None:
        self._at = {place: low for place, (low, _) in low_and_high.items()}
        self._end = {place: high for place, (_, high) in low_and_high.items()}
        self._behind = {place for place, (low, high) in low_and_high.items() if low < high}

    def reached(self, place: tuple[str, int], offset: int) -> None:
        if place in self._behind:
            self._at[place] = offset
            if offset >= self._end[place]:
                self._behind.discard(place)

    def reached_end(self, place: tuple[str, int]) -> None:
        self._at[place] = max(self._at[place], self._end[place])
        self._behind.discard(place)

    @property
    def is_done(self) -> bool:
        return not self._behind

    def __str__(self) -> str:
        left = sum(self._end[place] - self._at[place] for place in self._behind)
        return f"{left} of {sum(self._end.values())} offsets of the change log are still to be read"


def _configuration(bootstrap: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        # Required by the client; no group is joined, for partitions are assigned and nothing is committed.
        "group.id": "melpark-serving",
        "client.id": "melpark-serving",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
        # Kafka answers as soon as there is something; asking more often only costs the broker.
        "fetch.wait.max.ms": 500,
        "fetch.error.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "log.connection.close": False,
    }


def _partition_numbers(consumer: Consumer, name: str) -> list[int]:
    metadata = consumer.list_topics(name, timeout=METADATA_SECONDS).topics.get(name)
    return [] if metadata is None or metadata.error else sorted(metadata.partitions)


def _check_topics(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """Raises KafkaException when a topic is gone: the client itself says nothing about an assigned one."""
    for name in {partition.topic for partition in partitions}:
        try:
            numbers = _partition_numbers(consumer, name)
        except KafkaException:
            # The broker is away. What we have read still stands.
            return
        if numbers != sorted(partition.partition for partition in partitions if partition.topic == name):
            raise KafkaException(
                KafkaError(KafkaError._UNKNOWN_PARTITION, f"topic {name} is another one now")
            )


def _waiting_messages(consumer: Consumer) -> list[Message]:
    """Waits for one message, then takes those that are already here."""
    messages: list[Message] = []
    message = consumer.poll(POLL_SECONDS)
    while message is not None:
        messages.append(message)
        if len(messages) >= MESSAGES_AT_ONCE:
            break
        message = consumer.poll(0)
    return messages
