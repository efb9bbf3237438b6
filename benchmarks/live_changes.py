"""Changes of bays, committed at a steady rate, each with a time of its own by which it is known again everywhere."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
from confluent_kafka import TopicPartition

import cdc_engines
import cdc_places
from melpark.places import topic
from melpark.settings import Settings

# Bay and time of its change: the same in PostgreSQL, Kafka, stream and page.
Change = tuple[str, str]
# When each was seen, in seconds since 1970.
Seen = dict[Change, float]
SENSORS = topic("sensors")
NUMBERS = count()


def moment(text: str) -> str:
    """One way to write a time, whoever wrote it."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


def commit(settings: Settings, rate: float, number: int) -> Seen:
    """`number` commits of one changed bay each, `rate` a second whether or not anybody keeps up; when each was done.

    One bay follows another, so that none changes twice within the 10 ms of which the stream tells the last only.
    """
    committed: Seen = {}
    with cdc_engines.connect(settings) as connection:
        rows = connection.execute("SELECT kerbside_id FROM parking.sensors ORDER BY kerbside_id").fetchall()
        start, began = datetime.now(UTC), time.time()
        for index in range(number):
            time.sleep(max(0.0, began + index / rate - time.time()))
            bay = rows[next(NUMBERS) % len(rows)][0]
            changed_at = (start + timedelta(microseconds=index)).isoformat()
            connection.execute(
                "UPDATE parking.sensors SET status_changed_at = %s WHERE kerbside_id = %s", (changed_at, bay)
            )
            committed[bay, moment(changed_at)] = time.time()
    return committed


@contextmanager
def kafka_follower(settings: Settings) -> Iterator[Seen]:
    """What a bare consumer reads from now on, and when."""
    seen: Seen = {}
    ended = threading.Event()
    reader = cdc_places.consumer(settings)
    numbers = sorted(reader.list_topics(SENSORS, timeout=10).topics[SENSORS].partitions)
    ends = [
        reader.get_watermark_offsets(TopicPartition(SENSORS, number), timeout=10)[1] for number in numbers
    ]
    reader.assign([TopicPartition(SENSORS, number, end) for number, end in zip(numbers, ends, strict=True)])

    def follow() -> None:
        while not ended.is_set():
            message = reader.poll(0.1)
            now = time.time()
            if message is not None and not message.error() and message.value():
                row = orjson.loads(message.value())["after"]
                if row is not None:
                    seen.setdefault((row["kerbside_id"], moment(row["status_changed_at"])), now)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join(30)
        reader.close()
