"""Events of the made city by eye, pages that hold while events arrive, and how far they go back."""

from datetime import timedelta
from typing import Any

import pytest

from cds import made_city
from cds.asking import ask_of
from cds.conftest import TIMES, City
from cds.made_city import MINUTE, NOW, START
from cds.made_lake import FIRST_POLL
from cds.protocol import checked
from cds.served import Served, collect
from melpark import secrets
from melpark.places import CDS_TOKEN, Home
from melpark.serving.cds.app import application
from melpark.serving.cds.standard import device_id, milliseconds
from melpark.settings import Settings


def told(events: list[Any], name: str) -> list[tuple[str, float]]:
    """Of a sensor, oldest first: type and minutes after the start."""
    of_sensor = [event for event in events if event["data_source_device_id"] == device_id(name)]
    return [
        (event["event_type"], (event["event_time"] - milliseconds(START)) / 60_000)
        for event in reversed(of_sensor)
    ]


def test_events_are_those_that_the_sensors_saw(served: Served) -> None:
    events = served.records("events")
    assert told(events, "1") == [
        ("park_start", 20),
        ("park_end", 60),
        ("park_start", 90),
        # Another came before this one was seen to leave.
        ("park_start", 120),
        # A vehicle that nobody saw left at 150.
        ("park_end", 125),
    ]
    assert told(events, "2") == [("park_start", 30)]
    assert told(events, "5")[2:] == [("comms_lost", 45), ("comms_restored", 120)]
    assert told(events, "6")[2:] == [("comms_lost", 45)]
    # Gone from the feed an hour after the start, with its vehicle.
    assert told(events, "11") == [("park_start", 15), ("comms_lost", 60)]
    assert told(events, "10") == [("park_start", 10)]
    in_no_zone = next(event for event in events if event["data_source_device_id"] == device_id("10"))
    assert not {"curb_zone_id", "curb_area_ids", "curb_space_id"} & in_no_zone.keys()


def test_status_knows_every_sensor_of_the_feed(served: Served) -> None:
    online = {
        one["data_source_device_id"]: one["sensor_status_is_online"] for one in served.records("status")
    }
    names = [name for name, *_ in made_city.BAYS] + ["10"]
    assert online == {device_id(name): name != "6" for name in names}


@pytest.fixture
def own(tmp_path: Any) -> City:
    home = Home(tmp_path)
    secrets.ensure(home)
    settings = Settings(home=home.root, source="replay", capture_dir=home.root)
    token = secrets.token(home.root, CDS_TOKEN) or ""
    return City(made_city.make(home).commit(), settings, token, checked(ask_of(application(settings), token)))


def test_pages_hold_while_events_arrive(own: City) -> None:
    before = [event["event_id"] for event in collect(own.ask, TIMES).records("events")]
    arrived = 0

    def arrive() -> None:
        nonlocal arrived
        arrived += 1
        own.lake.event("3", "Present" if arrived % 2 else "Unoccupied", NOW + arrived * MINUTE)
        own.lake.poll(NOW + (arrived + 2) * MINUTE)
        own.lake.commit()

    found = [
        event["event_id"] for event in collect(own.ask, TIMES, page_size=4, between=arrive).records("events")
    ]
    assert arrived > 2
    assert found == before


def test_a_sensor_that_was_heard_once_is_restored_and_then_lost(own: City) -> None:
    last = next(
        row for row in own.lake.rows["sensor_states"] if row["kerbside_id"] == "6" and row["is_current"]
    )
    heard_at = NOW - 30 * MINUTE
    last |= {"valid_to_at": heard_at, "is_current": False}
    place = (last["longitude"], last["latitude"])
    own.lake.state("6", place, heard_at, heard_at + 15 * MINUTE)
    own.lake.state("6", place, heard_at + 15 * MINUTE, is_online=False)
    own.lake.commit("sensor_states")
    events = own.ask("/events/events").body["data"]["events"]
    assert [kind for kind, _ in told(events, "6")[-2:]] == ["comms_restored", "comms_lost"]


def test_an_hour_of_events_may_be_asked_for(city: City, served: Served) -> None:
    found = city.ask("/events/events", {"event_time": "2025-08-04T01"}).body["data"]["events"]
    hour = milliseconds(START + timedelta(hours=1)), milliseconds(START + timedelta(hours=2))
    assert found == [event for event in served.records("events") if hour[0] <= event["event_time"] < hour[1]]
    assert len(found) > 3


def test_events_older_than_the_setting_are_not_shown(own: City) -> None:
    own.lake.poll(FIRST_POLL + timedelta(days=2))
    own.lake.commit("polls")

    def shown(days: int) -> int:
        settings = own.settings.model_copy(update={"cds_event_days": days})
        return len(ask_of(application(settings), own.token)("/events/events").body["data"]["events"])

    assert shown(1) == 0
    assert shown(3) == len(own.ask("/events/events").body["data"]["events"])
