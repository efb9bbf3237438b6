"""What Kafka, bronze and silver hold of the benchmark's events, and when a commit of theirs brought each."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from deltalake import DeltaTable

from melpark.places import Home, topic
from melpark.processing import query
from melpark.settings import Settings

EVENTS = topic("sensor_events")
# Of a table: rows, and distinct (bay, time) among them.
Count = tuple[int, int]


def consumer(settings: Settings) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{settings.kafka_port}",
            "group.id": "benchmark",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 5,
            "queued.max.messages.kbytes": 16384,
        }
    )


def partitions(reader: Consumer) -> list[int]:
    return sorted(reader.list_topics(EVENTS, timeout=10).topics[EVENTS].partitions)


class KafkaFollower:
    """Reads what is committed from now on. Counts it, and with `keys` notes when each bay's event came."""

    def __init__(self, settings: Settings, keys: bool = False) -> None:
        self.count = 0
        self.last_at = 0.0
        self.seen: dict[str, float] = {}
        self._keys = keys
        self._ended = threading.Event()
        self._reader = consumer(settings)
        ends = [
            TopicPartition(
                EVENTS,
                number,
                self._reader.get_watermark_offsets(TopicPartition(EVENTS, number), timeout=10)[1],
            )
            for number in partitions(self._reader)
        ]
        self._reader.assign(ends)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)
        self._reader.close()

    def _follow(self) -> None:
        while not self._ended.is_set():
            # A large number would wait for as many; of small ones, one is told at once.
            messages = self._reader.consume(1 if self._keys else 5000, 0.1)
            now = time.time()
            came = [message for message in messages if not message.error() and message.value()]
            if came:
                self.count += len(came)
                self.last_at = now
            if self._keys:
                for message in came:
                    self.seen.setdefault(bay_of_key(message.key()), now)


def bay_of_key(key: bytes | str) -> str:
    return str(orjson.loads(key)["kerbside_id"])


def count_in_kafka(settings: Settings, since: datetime, until: datetime) -> Count:
    """Of the events with a status time of that span, read from the log's beginning."""
    first, last = since.isoformat(), until.isoformat()
    reader = consumer(settings)
    numbers = partitions(reader)
    reader.assign([TopicPartition(EVENTS, number, OFFSET_BEGINNING) for number in numbers])
    rows = 0
    keys: set[tuple[str, str]] = set()
    ended: set[int] = set()
    while len(ended) < len(numbers):
        for message in reader.consume(10_000, 1.0):
            if message.error():
                ended.add(message.partition())
            elif message.value():
                image = orjson.loads(message.value())["after"]
                if first <= image["status_changed_at"] < last:
                    rows += 1
                    keys.add((image["kerbside_id"], image["status_changed_at"]))
    reader.close()
    return rows, len(keys)


def count_in_bronze(home: Home, since: datetime) -> Count:
    """Of the events with a status time from `since` on."""
    return _count(
        home.bronze,
        f"""
        SELECT json_extract_string(value, '$.after.kerbside_id') AS bay,
               json_extract_string(value, '$.after.status_changed_at') AS moment
        FROM held WHERE topic = '{EVENTS}' AND value IS NOT NULL AND moment >= '{since.isoformat()}'""",
    )


def count_in_silver(home: Home, since: datetime) -> Count:
    """Of the rows with a status time from `since` on."""
    return _count(
        home.silver("sensor_events"),
        f"""
        SELECT kerbside_id AS bay, status_changed_at AS moment
        FROM held WHERE moment >= TIMESTAMPTZ '{since.isoformat()}'""",
    )


def _count(table: Path, events: str) -> Count:
    with duckdb.connect() as connection:
        query.add_view(connection, "held", DeltaTable(table))
        row = connection.execute(f"SELECT count(*), count(DISTINCT (bay, moment)) FROM ({events})").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def version(table: Path) -> int:
    return int(DeltaTable(table).version())


def commits(table: Path, after: int) -> Iterator[tuple[float, list[Path]]]:
    """Time (seconds since 1970) and added data files of each commit after version `after`, oldest first."""
    for number in range(after + 1, version(table) + 1):
        file = table / "_delta_log" / f"{number:020}.json"
        adds = [json.loads(line).get("add") for line in file.read_text().splitlines()]
        yield (
            file.stat().st_mtime,
            [table / unquote(add["path"]) for add in adds if add and add.get("dataChange", True)],
        )


def arrivals(
    table: Path, after: int, column: str, bay_of: Callable[[str], str], prefix: str
) -> dict[str, float]:
    """When a commit after version `after` first held each bay whose name begins with `prefix`."""
    seen: dict[str, float] = {}
    for at, files in commits(table, after):
        for file in files:
            # delta-rs writes views of texts, of which Arrow has no such function.
            values = pq.read_table(file, columns=[column], partitioning=None)[column].cast(pa.string())
            for value in values.filter(pc.match_substring(values, prefix)).to_pylist():
                seen.setdefault(bay_of(value), at)
    return seen
