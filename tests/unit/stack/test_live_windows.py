"""Laws of how far the windows have come."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import KafkaError

from melpark.settings import Settings
from melpark.stack.live_windows import NewestWindow, held, slot
from melpark.stack.stages import LIVE, Measurement, Probe, Stage


class Message:
    """A value of the topic; without one the end of it."""

    def __init__(self, **value: str) -> None:
        self._value = value

    def error(self) -> "Message | None":
        return None if self._value else self

    def code(self) -> int:
        return int(KafkaError._PARTITION_EOF)

    def value(self) -> bytes:
        return orjson.dumps(self._value)


class Topic:
    """A consumer of a topic that grows by what each read is given, None where it is not answered in time."""

    def __init__(self, *reads: list[Message | None]) -> None:
        self._reads = list(reads)
        self.high = 1

    def get_watermark_offsets(self, partition: object, timeout: float) -> tuple[int, int]:
        return 0, self.high

    def assign(self, partitions: object) -> None:
        self._messages = self._reads.pop(0)

    def unassign(self) -> None: ...

    def poll(self, timeout: float) -> Message | None:
        return self._messages.pop(0)


def window(end: str, kind: str = "tumbling_5") -> Message:
    return Message(window_kind=kind, window_end_at=f"2025-08-07T{end}:00Z")


def moment(minute: int) -> datetime:
    return datetime(2025, 8, 7, 1, minute, tzinfo=UTC)


def test_windows_are_as_far_as_the_newest_one_and_read_again_when_something_was_published() -> None:
    topic: Any = Topic(
        [window("01:05"), window("01:10"), window("01:30", "hopping_30"), window("01:05"), Message()],
        [window("01:15"), None],
        [window("01:15"), Message()],
    )
    newest = NewestWindow()
    assert [newest.look(topic) for _ in range(2)] == [(1, moment(10))] * 2
    topic.high = 7
    assert held(topic, "any") == 7
    # The first read was cut off: the next look reads again, the one after it does not.
    assert [newest.look(topic) for _ in range(3)] == [(7, moment(15))] * 3


def test_the_windows_lag_when_the_feed_has_closed_one_that_is_not_there(tmp_path: Path) -> None:
    probe = Probe(Settings(home=tmp_path, live=True))

    def measured(feed_at: datetime, newest_at: datetime) -> Measurement:
        found = Measurement(
            stages={name: Stage() for name in ("postgres", "kafka", "bronze", "silver", "serving")}
        )
        found.stages["ingestion"] = Stage(last_event_at=feed_at)
        topic: Any = Topic([window(f"{newest_at:%H:%M}"), Message()])
        probe._consumer = topic
        probe._newest_window = NewestWindow()
        probe._look_at_live(found)
        probe._set_lags(found)
        return found

    # Less the lag of the feed, 01:12:59 has not come to 01:10, and 01:13 has.
    assert measured(moment(12).replace(second=59), moment(5)).stages[LIVE].lag_seconds == 0
    late = measured(moment(13), moment(5))
    assert late.positions[LIVE] == late.positions["windows due"] - 1 == slot(moment(5))
    assert (measured(moment(13), moment(5)).stages[LIVE].lag_seconds or 0) > 0
    assert measured(moment(13), moment(10)).stages[LIVE].lag_seconds == 0
