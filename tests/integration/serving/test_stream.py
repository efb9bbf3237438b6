"""The live stream tells each change once, in order, and leads on from wherever a reader stood."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integration.serving.change_log import ChangeLog, poll, sensor, version, window
from integration.serving.conftest import StartServer
from integration.serving.running import Event, RunningServer, read_events, until
from melpark.serving.api import stream as api_stream
from melpark.serving.stream import Stream


def test_a_committed_change_reaches_the_stream_whole(log: ChangeLog, start_server: StartServer) -> None:
    log.write([sensor("1"), sensor("2")])
    server = _ready(start_server(log))
    with server.stream() as events:
        assert next(events).name == "snapshot-needed"
        log.write([sensor("2", "Present", status_changed_at="2025-08-07T01:10:02.000000Z")])
        event = next(events)
    assert event.name == "bays"
    assert event.data == [server.bays()["2"]]
    assert event.data[0]["status"] == "Present"
    assert event.data[0]["status_changed_at"] == "2025-08-07T01:10:02Z"


def test_a_snapshot_and_the_stream_after_it_leave_no_gap(log: ChangeLog, start_server: StartServer) -> None:
    log.write([sensor("1")])
    server = _ready(start_server(log))
    snapshot = server.client.get("/api/v1/bays").json()
    log.write([sensor("1", "Present")])
    until(lambda: server.bays()["1"]["status"] == "Present", "the change is known")
    with httpx.stream("GET", f"{server.url}/api/v1/stream?after={snapshot['last_event_id']}") as answer:
        events = (event for event in read_events(answer.iter_lines()) if event.name != "source")
        event = next(events)
    assert (event.name, [bay["status"] for bay in event.data]) == ("bays", ["Present"])


def test_a_reader_that_comes_back_gets_exactly_what_it_missed(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor(str(number)) for number in range(5)])
    server = _ready(start_server(log))
    with server.stream() as events:
        next(events)
        log.write([sensor("0", "Present")])
        seen = next(events)
    for number in range(1, 5):
        log.write([sensor(str(number), "Present")])
    until(lambda: len(server.bays(status="Present")) == 5, "all changes are known")
    with server.stream(last_event_id=seen.id) as events:
        assert _ids(events, 4) == ["1", "2", "3", "4"]


def test_a_reader_whose_place_is_forgotten_is_told_to_fetch_a_snapshot(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1")])
    server = _ready(start_server(log, stream=Stream(remembered_bytes=500)))
    with server.stream() as events:
        start = next(events)
    for status in ("Present", "Unoccupied", "Present"):
        log.write([sensor("1", status)])
        until(lambda status=status: server.bays()["1"]["status"] == status, "the change is known")  # type: ignore[misc]
    for place in (start.id, "another-7", "", "-1", "é", f"{start.id}0000"):
        url = httpx.URL(f"{server.url}/api/v1/stream", params={"after": place})
        with httpx.stream("GET", url) as answer:
            events = (event for event in read_events(answer.iter_lines()) if event.name != "source")
            assert next(events).name == "snapshot-needed", place


def test_a_new_poll_is_told_even_when_no_bay_changed(
    log: ChangeLog, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        api_stream, "HEARTBEAT_SECONDS", 0
    )  # no heartbeat: it would tell of the poll, too, but later
    log.write([sensor("1")], [poll()])
    server = _ready(start_server(log))
    with httpx.stream("GET", f"{server.url}/api/v1/stream") as answer:
        sources = (event for event in read_events(answer.iter_lines()) if event.name == "source")
        assert next(sources).data["observed_at"] == "2025-08-07T01:11:39Z"
        log.write(polls=[poll(observed_at="2025-08-07T01:13:39Z")])
        assert any(event.data["observed_at"] == "2025-08-07T01:13:39Z" for event in sources)


def test_a_reader_that_does_not_keep_up_is_let_go_and_others_are_served(
    log: ChangeLog, start_server: StartServer
) -> None:
    bays = [str(number) for number in range(3000)]
    log.write([sensor(bay) for bay in bays])
    server = _ready(start_server(log, stream=Stream(queued_batches=2)))
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    slow.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    until(lambda: len(server.live.stream.readers) == 1, "the slow reader is connected")

    def is_let_go() -> bool:
        log.write([sensor(bay, "Present") for bay in bays])
        return any(reader.overflowed for reader in server.live.stream.readers)

    until(is_let_go, "the slow reader's queue is full")
    log.write([sensor("7", "Unoccupied")])
    until(lambda: server.bays()["7"]["status"] == "Unoccupied", "all changes are known")
    with server.stream() as events:
        next(events)
        log.write([sensor("8", "Unoccupied")])
        assert _ids(events, 1) == ["8"]
    slow.settimeout(30)
    while slow.recv(1 << 20):
        pass  # what had been sent before; the end of it is the law
    slow.close()
    until(lambda: not server.live.stream.readers, "nothing is kept for it")


def _ready(server: RunningServer) -> RunningServer:
    server.wait_until_ready()
    return server


def _ids(events: Iterator[Event], wanted: int) -> list[str]:
    ids: list[str] = []
    while len(ids) < wanted:
        ids += [bay["kerbside_id"] for bay in next(events).data]
    return ids


FILTERS = [
    ({"zone": [1]}, {"1", "2"}),
    ({"zone": [1, 2]}, {"1", "2", "3"}),
    ({"bbox": "144.95,-37.82,144.96,-37.80"}, {"1", "3"}),
    ({"bay": ["2", "3"]}, {"2", "3"}),
    ({"zone": [1], "bbox": "144.95,-37.82,144.96,-37.80"}, {"1"}),
]
PLACED: dict[str, dict[str, Any]] = {
    "1": {"zone_number": 1, "longitude": 144.951},
    "2": {"zone_number": 1, "longitude": 144.981},
    "3": {"zone_number": 2, "longitude": 144.959},
    "4": {"zone_number": 3, "longitude": 144.99},
}


@pytest.mark.parametrize(("filters", "wanted"), FILTERS)
def test_a_filtered_stream_tells_of_the_bays_that_a_filtered_listing_shows_also_when_it_is_resumed(
    log: ChangeLog, start_server: StartServer, filters: dict[str, Any], wanted: set[str]
) -> None:
    log.write([sensor(bay, **place) for bay, place in PLACED.items()])
    server = _ready(start_server(log))
    assert server.bays(**filters).keys() == wanted
    with server.stream(**filters) as events:
        start = next(events)
    for bay, place in PLACED.items():
        log.write([sensor(bay, "Present", **place)])
    until(lambda: len(server.bays(status="Present")) == 4, "all changes are known")
    with server.stream(last_event_id=start.id, **filters) as events:
        assert _ids(events, len(wanted)) == sorted(wanted)
        log.write([sensor(bay, "Unoccupied", **place) for bay, place in PLACED.items()])
        assert set(_ids(events, len(wanted))) == wanted


def test_a_bay_that_moves_out_of_a_filter_is_gone_for_its_reader_and_one_that_moves_in_is_told(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1", zone_number=1), sensor("2", zone_number=2)])
    server = _ready(start_server(log))
    with server.stream(zone=[1]) as events:
        start = next(events)
        log.write([sensor("1", zone_number=2)])
        gone = next(events)
        log.write([sensor("2", zone_number=1)])
        come = next(events)
        log.delete(sensor("2", zone_number=1))
        deleted = next(events)
    assert (gone.name, gone.data) == ("removed", ["1"])
    assert (come.name, [bay["kerbside_id"] for bay in come.data]) == ("bays", ["2"])
    assert (deleted.name, deleted.data) == ("removed", ["2"])
    with server.stream(last_event_id=start.id, zone=[1]) as events:
        resumed = [next(events) for _ in range(3)]
    assert resumed == [gone, come, deleted]


def test_the_rule_calendar_of_the_log_tells_each_bay_its_rule_and_a_change_of_it(
    log: ChangeLog, start_server: StartServer
) -> None:
    whole_day = window("2025-08-06T14:00:00.000000Z", "2025-08-07T14:00:00.000000Z")
    log.write([sensor("1", "Present")], [poll()], [whole_day], [version()])
    server = _ready(start_server(log))
    bay = server.bays()["1"]
    assert bay["rules"] == [{"code": "2P", "kind": "timed", "limit_minutes": 120, "is_metered": False}]
    assert bay["permitted_until_at"] == "2025-08-07T03:00:00Z"
    with server.stream() as events:
        assert next(events).name == "snapshot-needed"
        log.write(windows=[whole_day | {"limit_minutes": 5}])
        (changed,) = next(events).data
    assert changed["permitted_until_at"] == "2025-08-07T01:05:00Z"
    assert (changed["is_overstay"], changed["first_breach_at"]) == (False, "2025-08-07T01:05:00Z")
    assert changed["overstay_minutes"] == 3.08
    with server.stream(last_event_id=None) as events:
        next(events)
        log.write(
            polls=[
                poll(poll_id=2, observed_at="2025-08-07T01:13:39Z", feed_updated_at="2025-08-07T01:13:05Z")
            ]
        )
        (changed,) = next(events).data
    assert (changed["is_overstay"], changed["overstay_minutes"]) == (True, 5.08)
