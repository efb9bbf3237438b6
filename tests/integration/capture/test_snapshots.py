"""Laws of incremental snapshots: each row once, however many a bay has, while streaming goes on."""

from collections import Counter

import pytest

from integration.capture.changes import add_events, add_outages, wait_for_outages
from integration.capture.engines import Engines
from melpark.errors import ConfigurationError
from melpark.processing.capture import snapshots
from melpark.processing.capture.connector_log import Notification
from melpark.processing.capture.snapshots import Request

CHUNK = 8192


@pytest.fixture(autouse=True)
def _streaming(engines: Engines) -> None:
    engines.wait_until_streaming()


def read_again(engines: Engines, bay: str) -> Counter[str]:
    """Times of the bay's events that a snapshot has brought, and how often."""
    return Counter(
        event["after"]["status_changed_at"]
        for event in engines.events("sensor_events", holding=f'"{bay}"')
        if event["op"] == "r" and event["after"]["kerbside_id"] == bay
    )


def test_every_event_of_a_bay_with_more_than_a_chunk_is_read_once(engines: Engines) -> None:
    add_events(engines, "2033-01", ["many1", "many2"], 2 * CHUNK + 7)
    told: list[Notification] = []
    request = Request.of(["sensor_events"], "kerbside_id IN ('many1', 'many2')")
    assert snapshots.take(engines.settings, request, told.append) == 2 * (2 * CHUNK + 7)
    for bay in ("many1", "many2"):
        again = read_again(engines, bay)
        assert len(again) == 2 * CHUNK + 7
        assert set(again.values()) == {1}
    steps = [str(step) for step in told]
    assert "sensor_events: chunk 3 of 5" in steps
    assert steps[-2:] == [f"sensor_events: {2 * (2 * CHUNK + 7):,} rows read", "snapshot completed"]
    assert engines.sql("SELECT count(*) FROM parking_capture.signals") == [(0,)]


def test_a_condition_chooses_the_rows_and_streaming_goes_on(engines: Engines) -> None:
    add_events(engines, "2033-02", ["some"], 10)
    add_outages(engines, "2033-02", 3)
    half = Request.of(["sensor_events"], "kerbside_id = 'some' AND status_changed_at > '2033-02-01T00:05Z'")
    assert snapshots.take(engines.settings, half, lambda step: None) == 5
    assert len(read_again(engines, "some")) == 5
    assert set(wait_for_outages(engines, "2033-02", 3).values()) == {1}


def test_a_table_that_is_not_captured_and_a_condition_that_is_no_sql_are_refused(engines: Engines) -> None:
    with pytest.raises(ConfigurationError, match=r"No captured table is called rejected_records.*sensors"):
        Request.of(["bays", "rejected_records"])
    with pytest.raises(ConfigurationError, match=r"condition on bays cannot be used.*colour"):
        snapshots.ask(engines.settings, Request.of(["bays"], "colour = 'red'"))
    assert engines.sql("SELECT count(*) FROM parking_capture.signals") == [(0,)]
