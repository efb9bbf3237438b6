"""Change events are read as Debezium writes them, and nothing else is."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from melpark.serving.bays import Poll, Removed, Sensor, read_poll, read_sensor

KEY = b'{"kerbside_id":"5691"}'
ROW: dict[str, Any] = {
    "kerbside_id": "5691",
    "status": "Present",
    "status_changed_at": "2025-08-05T05:19:39Z",
    "zone_number": None,
    "longitude": 144.9,
    "latitude": -37.8,
    "is_online": True,
    "is_retired": False,
    "heard_at": None,
    "observed_at": "2025-08-05T05:21:39.250000Z",
    "extra": None,
}
POLL_ROW: dict[str, Any] = {
    "dataset": "sensors",
    "outcome": "accepted",
    "origin": "live",
    "poll_id": 7,
    "observed_at": "2025-08-05T05:21:39Z",
    "feed_updated_at": None,
    "received_at": "2026-01-01T00:00:00.123456Z",
}


def event(after: dict[str, Any] | None) -> bytes:
    return orjson.dumps({"before": None, "after": after, "source": {"ts_us": 1_754_371_300_123_456}})


def test_a_change_is_the_bay_after_it_with_its_commit_to_the_microsecond() -> None:
    bay = read_sensor(KEY, event(ROW))
    assert bay == Sensor(
        kerbside_id="5691",
        status="Present",
        status_changed_at=datetime(2025, 8, 5, 5, 19, 39, tzinfo=UTC),
        zone_number=None,
        longitude=144.9,
        latitude=-37.8,
        is_online=True,
        is_retired=False,
        heard_at=None,
        observed_at=datetime(2025, 8, 5, 5, 21, 39, 250000, tzinfo=UTC),
        committed_at=datetime(2025, 8, 5, 5, 21, 40, 123456, tzinfo=UTC),
    )


@pytest.mark.parametrize("value", [None, event(None)])
def test_a_tombstone_and_a_delete_remove_the_bay_of_their_key(value: bytes | None) -> None:
    assert read_sensor(KEY, value) == Removed("5691")


@pytest.mark.parametrize(
    "changed",
    [
        {"outcome": "refused"},
        {"outcome": "failed", "observed_at": None},
        {"dataset": "bays"},
        {"origin": "seed"},
    ],
)
def test_only_an_accepted_live_poll_of_the_dataset_counts(changed: dict[str, Any]) -> None:
    assert isinstance(read_poll(event(POLL_ROW), "sensors"), Poll)
    assert read_poll(event(POLL_ROW | changed), "sensors") is None
    assert read_poll(None, "sensors") is None
