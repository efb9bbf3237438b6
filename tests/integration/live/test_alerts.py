"""Laws of the alerts: raised once when it has lasted, cleared once, and nothing in between."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from confluent_kafka import Producer

from integration.capture.engines import wait_until
from integration.live.conftest import Live
from integration.live.made_up_bays import FIRST_POLL_AT, text
from melpark.contracts import LIVE_ALERTS, LIVE_OCCUPANCY
from melpark.places import HEARTBEATS_TOPIC, LIVE_OCCUPANCY_TOPIC

START = FIRST_POLL_AT.replace(minute=0, second=0)
QUIET = timedelta(minutes=20)


def produce(live: Live, topic: str, *values: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": live.settings.kafka_address, "log_level": 0})
    failed: list[Any] = []
    for value in values:
        key = {name: value[name] for name in LIVE_OCCUPANCY.key if name in value}
        producer.produce(
            topic,
            orjson.dumps(value),
            orjson.dumps(key),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(30) == 0
    assert failed == []


def windows(zone: str, percents: Sequence[float | None]) -> list[dict[str, Any]]:
    """Five-minute windows of a zone, one after the other; None where no sensor was heard."""
    return [
        {
            "place_kind": "zone",
            "place": zone,
            "window_kind": "tumbling_5",
            "window_start_at": moment(5 * number),
            "window_end_at": moment(5 * number + 5),
            "online_seconds": 0 if percent is None else 300,
            "occupancy_percent": percent,
        }
        for number, percent in enumerate(percents)
    ]


def moment(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def told(live: Live, place: str, kind: str) -> list[tuple[Any, ...]]:
    names = ("state", "raised_at", "cleared_at", "threshold", "value")
    own = [one for one in live.log.alerts() if (one["place"], one["kind"]) == (place, kind)]
    assert all(set(one) == set(LIVE_ALERTS.column_names) for one in own)
    assert all(one["alert_id"] == f"{kind}/{place}/{one['raised_at']}" for one in own)
    return [tuple(one[name] for name in names) for one in own]


def wait_for(live: Live, place: str, kind: str, expected: list[tuple[Any, ...]]) -> None:
    wait_until(
        lambda: len(told(live, place, kind)) >= len(expected), f"{kind} of {place} is told", seconds=90
    )
    assert told(live, place, kind) == expected


def test_a_zone_is_critical_once_it_was_full_for_long_enough_and_until_it_is_clearly_not(live: Live) -> None:
    percents = [95, 95, 70, 95, 92, 85, 95, 91, 90, 85, 95, 85, 79, 70]
    # Those of now say nothing, nor does a window that is published again.
    again = windows("9001", [0, 0, 0])
    produce(
        live, LIVE_OCCUPANCY_TOPIC, *windows("9001", percents[:9]), *again, *windows("9001", percents)[9:]
    )
    raised_at, cleared_at = moment(45), moment(65)
    wait_for(
        live,
        "9001",
        "zone_full",
        [("raised", raised_at, None, 90.0, 90.0), ("cleared", raised_at, cleared_at, 90.0, 79.0)],
    )


def test_a_zone_of_which_nothing_is_heard_is_quiet_and_not_full(live: Live) -> None:
    produce(live, LIVE_OCCUPANCY_TOPIC, *windows("9002", [95, 95, None, 95, None, None, None, 95]))
    raised_at = moment(30)
    wait_for(
        live,
        "9002",
        "zone_quiet",
        [("raised", raised_at, None, 10.0, None), ("cleared", raised_at, moment(40), 10.0, None)],
    )
    assert told(live, "9002", "zone_full") == []


def test_the_feed_is_quiet_when_the_connector_speaks_but_nothing_new_is_heard(live: Live) -> None:
    # A heartbeat may overtake a poll, which is on another topic: the last poll was written long before.
    poll = live.city.last_poll
    produce(live, LIVE_OCCUPANCY_TOPIC, *windows("9003", [95, 95, 95]))
    wait_for(live, "9003", "zone_full", [("raised", moment(15), None, 90.0, 95.0)])
    received_at = datetime.fromisoformat(poll.rows["polls"][0]["received_at"])
    produce(live, HEARTBEATS_TOPIC, {"ts_ms": int((received_at + QUIET).timestamp() * 1000)})
    wait_until(lambda: told(live, "melbourne", "feed_quiet"), "the feed is quiet", seconds=400)
    after = next(live.city.polls([21]))
    after.rows["polls"][0]["received_at"] = text(received_at + QUIET + timedelta(minutes=1))
    live.log.write(after.rows)
    wait_until(lambda: len(told(live, "melbourne", "feed_quiet")) == 2, "the feed is heard", seconds=400)
    (raised, cleared) = told(live, "melbourne", "feed_quiet")
    raised_at = (poll.feed_updated_at + timedelta(minutes=15)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert raised[:4] == ("raised", raised_at, None, 15.0)
    assert cleared[:4] == ("cleared", raised_at, after.feed_updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"), 15.0)
