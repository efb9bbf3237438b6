"""Rows that the tests commit, each test in a month of its own, and what became of them in Kafka."""

from collections import Counter
from typing import Any

from integration.capture.engines import Engines, wait_until

ADD_OUTAGES = """
INSERT INTO parking.feed_outages (start_at, end_at, observed_at, origin)
SELECT start_at, start_at + interval '1 minute', start_at + interval '1 hour', 'live'
FROM (SELECT %s::timestamptz + number * interval '1 minute' AS start_at
      FROM generate_series(1, %s) AS number) AS outages
"""
ADD_EVENTS = """
INSERT INTO parking.sensor_events
SELECT bay, %s::timestamptz + number * interval '1 minute',
    CASE number & 1 WHEN 0 THEN 'Present' ELSE 'Unoccupied' END, '2030-01-01Z', '2030-01-01Z', NULL, 'live'
FROM unnest(%s::text[]) AS bay, generate_series(1, %s) AS number
ORDER BY number, bay
"""


def add_outages(engines: Engines, month: str, count: int) -> None:
    """One transaction of `count` rows in the month, written as 2031-05."""
    engines.sql(ADD_OUTAGES, f"{month}-01Z", count)


def add_events(engines: Engines, month: str, bays: list[str], count: int) -> None:
    """One transaction of `count` events of each bay, the bays' events interleaved."""
    engines.sql("SELECT parking.make_event_parts(ARRAY[%s::timestamptz])", f"{month}-01Z")
    engines.sql(ADD_EVENTS, f"{month}-01Z", bays, count)


def outages_in_kafka(engines: Engines, month: str) -> list[tuple[str, str]]:
    """Operation and start of each event of the month, in order."""
    events = engines.events("feed_outages", holding=f'"start_at":"{month}')
    images = [(event["op"], event["after"] or event["before"]) for event in events]
    return [(op, image["start_at"]) for op, image in images if image["start_at"].startswith(month)]


def wait_for_outages(engines: Engines, month: str, count: int) -> Counter[str]:
    """Wait until Kafka holds `count` different outages of the month; how often it holds each."""
    wait_until(
        lambda: len({start for _, start in outages_in_kafka(engines, month)}) >= count,
        f"{count} outages of {month} in Kafka",
    )
    return Counter(start for _, start in outages_in_kafka(engines, month))


def gaps(engines: Engines) -> list[dict[str, Any]]:
    """Rows of the record of possible losses, oldest first; the first snapshot is none."""
    found = engines.sql(
        "SELECT to_jsonb(gap) FROM parking_capture.gaps AS gap WHERE kind <> 'first_snapshot' ORDER BY gap_id"
    )
    return [gap for (gap,) in found]
