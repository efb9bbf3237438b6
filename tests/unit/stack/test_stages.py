"""Laws of the lag of a stage and of when everything has gone the whole way."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from confluent_kafka import KafkaError

from melpark.settings import Settings
from melpark.stack.stages import LagClock, Measurement, Probe, Reads, Stage

START = datetime(2025, 8, 5, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_stage_that_has_what_the_one_before_has_does_not_lag() -> None:
    clock = LagClock()
    assert clock.lag(after(0), 5, 5) == 0
    assert clock.lag(after(60), 5, 5) == 0


def test_the_lag_counts_from_when_the_stage_before_first_had_what_is_missing() -> None:
    clock = LagClock()
    clock.lag(after(0), 1, 1)
    assert clock.lag(after(10), 2, 1) == 0
    assert clock.lag(after(25), 3, 1) == 15
    assert clock.lag(after(30), 3, 2) == 5
    assert clock.lag(after(40), 3, 3) == 0


def test_a_stage_that_caught_up_and_falls_back_again_lags_from_then_on() -> None:
    clock = LagClock()
    clock.lag(after(0), 1, 0)
    assert clock.lag(after(100), 1, 1) == 0
    assert clock.lag(after(200), 2, 1) == 0
    assert clock.lag(after(203), 2, 1) == 3


@pytest.mark.parametrize(("upstream", "own"), [(None, 1), (1, None), (None, None)])
def test_the_lag_of_an_unknown_position_is_unknown(upstream: int | None, own: int | None) -> None:
    assert LagClock().lag(after(0), upstream, own) is None


def test_a_stage_that_was_away_lags_since_it_was_left_behind() -> None:
    clock = LagClock()
    clock.lag(after(0), 4, None)
    assert clock.lag(after(50), 5, 3) == 50


def measured(postgres: int, silver: int, events: int, rows: int) -> Measurement:
    found = Measurement(
        positions={"postgres": postgres, "kafka": postgres, "bronze": postgres, "silver": silver}
    )
    found.events_in_postgres = events
    found.stages["silver"] = Stage(rows)
    return found


def test_the_way_is_drained_when_silver_holds_the_newest_poll_and_every_event() -> None:
    assert measured(postgres=7, silver=7, events=100, rows=100).is_drained
    # Old months are dropped from PostgreSQL alone.
    assert measured(postgres=7, silver=7, events=90, rows=100).is_drained
    assert not measured(postgres=7, silver=6, events=100, rows=100).is_drained
    assert not measured(postgres=7, silver=7, events=100, rows=99).is_drained
    assert not Measurement().is_drained


@dataclass
class Message:
    """A row of polls as Kafka gives it, or the end of the partition at `end`."""

    poll: int | None = None
    end: int | None = None

    def error(self) -> "Message | None":
        return None if self.end is None else self

    def code(self) -> int:
        return int(KafkaError._PARTITION_EOF)

    def offset(self) -> int | None:
        return self.end

    def value(self) -> bytes:
        return orjson.dumps({"after": {"poll_id": self.poll}})

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


class Topic:
    """A consumer of the polls' topic, of ten offsets; `answers` are the messages of each read, None for a time-out."""

    def __init__(self, *answers: list[Message | None]) -> None:
        self.answers = list(answers)
        self.reads = 0

    def get_watermark_offsets(self, partition: object, timeout: float) -> tuple[int, int]:
        return 0, 10

    def assign(self, partitions: object) -> None:
        self.messages = self.answers[self.reads]
        self.reads += 1

    def unassign(self) -> None: ...

    def poll(self, timeout: float) -> Message | None:
        return self.messages.pop(0)


@pytest.mark.parametrize(
    "cut_off",
    [[Message(poll=4), None], [Message(poll=4), Message(end=8)]],
    ids=["a time-out", "the end of what readers see, in an open transaction"],
)
def test_a_read_of_kafka_that_did_not_reach_the_end_is_made_again_and_one_that_did_is_not(
    tmp_path: Path, cut_off: list[Message | None]
) -> None:
    probe = Probe(Settings(home=tmp_path))
    topic = Topic(cut_off, [Message(poll=4), Message(poll=5), Message(end=10)])
    probe._consumer = topic
    found = [probe._newest_poll() for _ in range(4)]
    assert [newest and newest[0] for newest in found] == [4, 5, 5, 5]
    assert topic.reads == 2


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "_delta_log").mkdir()
    return tmp_path


def commit(table: Path, seconds_ago: float) -> None:
    at = time.time() - seconds_ago
    os.utime(table / "_delta_log", (at, at))


def test_a_table_is_read_again_only_when_something_was_committed(table: Path) -> None:
    reads, values = Reads(), iter(range(9))
    commit(table, 20)
    found = [reads.read(table, "rows", lambda: next(values)) for _ in range(3)]
    commit(table, 10)
    found += [reads.read(table, "rows", lambda: next(values)) for _ in range(3)]
    assert found == [0, 0, 0, 1, 1, 1]
    assert reads.read(table, "another look", lambda: next(values)) == 2


def test_a_table_that_was_just_committed_to_is_read_again(table: Path) -> None:
    """Another commit may follow within the tick of the file system's clock."""
    reads, values = Reads(), iter(range(9))
    commit(table, 0)
    assert [reads.read(table, "rows", lambda: next(values)) for _ in range(2)] == [0, 1]


def test_a_table_that_is_not_there_is_looked_for_each_time(tmp_path: Path) -> None:
    reads, values = Reads(), iter([None, 5])
    assert [reads.read(tmp_path / "none", "rows", lambda: next(values)) for _ in range(2)] == [None, 5]
