"""The state of the city is what the committed log says, whatever happens to server, broker or topic."""

from integration.serving.broker import Broker
from integration.serving.change_log import ChangeLog, poll, sensor
from integration.serving.conftest import StartServer, create_topics
from integration.serving.running import RunningServer, until


def test_a_restarted_server_rebuilds_the_same_state_from_the_log(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1"), sensor("2"), sensor("3", zone_number=None)], [poll()])
    log.write([sensor("2", "Present")])
    first = start_server(log)
    first.wait_until_ready()
    second = start_server(log)
    second.wait_until_ready()
    assert second.bays() == first.bays()
    assert {id: bay["status"] for id, bay in second.bays().items()} == {
        "1": "Unoccupied",
        "2": "Present",
        "3": "Unoccupied",
    }
    assert second.client.get("/api/v1/freshness").json()["observed_at"] == "2025-08-07T01:11:39Z"


def test_the_first_ready_answer_holds_the_whole_log(log: ChangeLog, start_server: StartServer) -> None:
    for batch in range(10):
        log.write(sensor(str(number), zone_number=batch) for number in range(4000))
    server = start_server(log)
    server.wait_until_ready()
    bays = server.bays()
    assert len(bays) == 4000
    assert {bay["zone_number"] for bay in bays.values()} == {9}


def test_a_server_without_its_topics_waits_and_says_for_what(
    broker: Broker, empty_log: ChangeLog, start_server: StartServer
) -> None:
    server = start_server(empty_log)
    until(
        lambda: empty_log.sensors_topic in server.client.get("/readyz").json()["detail"], "the topic is named"
    )
    for path in ("/readyz", "/api/v1/bays", "/api/v1/bays/1", "/api/v1/stream"):
        answer = server.client.get(path)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
    assert server.client.get("/healthz").is_success
    assert server.client.get("/api/v1/freshness").json()["source_age_seconds"] is None
    create_topics(broker, empty_log)
    empty_log.write([sensor("1")])
    server.wait_until_ready()
    server.wait_for_bays("1")


def test_transaction_markers_and_aborted_changes_at_the_end_do_not_hold_up_readiness(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1")], [poll()])
    log.write([sensor("1", "Present"), sensor("2")], [poll(observed_at="2025-08-07T09:00:00Z")], commit=False)
    server = start_server(log)
    server.wait_until_ready()
    assert {id: bay["status"] for id, bay in server.bays().items()} == {"1": "Unoccupied"}
    assert server.client.get("/api/v1/freshness").json()["observed_at"] == "2025-08-07T01:11:39Z"


def test_a_deleted_row_removes_its_bay(log: ChangeLog, start_server: StartServer) -> None:
    log.write([sensor("1"), sensor("2")])
    server = start_server(log)
    server.wait_until_ready()
    with server.stream() as events:
        assert next(events).name == "snapshot-needed"
        log.delete(sensor("2"))
        removed = next(events)
    assert (removed.name, removed.data) == ("removed", ["2"])
    server.wait_for_bays("1")
    assert server.client.get("/api/v1/bays/2").status_code == 404
    restarted = start_server(log)
    restarted.wait_until_ready()
    restarted.wait_for_bays("1")


def test_an_event_of_another_shape_is_left_out_and_the_rest_goes_on(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write_raw(b'{"kerbside_id":"9"}', b"not json")
    log.write_raw(b'{"kerbside_id":"9"}', b'{"after":{"kerbside_id":"9"}}')
    log.write_raw(b"9", b"[]")
    log.write([sensor("1")])
    server = start_server(log)
    server.wait_until_ready()
    server.wait_for_bays("1")


def test_only_accepted_live_polls_of_the_sensors_move_the_source_clock(
    log: ChangeLog, start_server: StartServer
) -> None:
    later = {"observed_at": "2025-08-07T09:00:00Z"}
    log.write(
        [sensor("1")],
        [
            poll(),
            poll(outcome="refused", **later),
            poll(outcome="failed", observed_at=None, feed_updated_at=None),
            poll(dataset="on-street-parking-bays", **later),
            poll(origin="seed", **later),
        ],
    )
    server = start_server(log)
    server.wait_until_ready()
    assert server.client.get("/api/v1/freshness").json()["observed_at"] == "2025-08-07T01:11:39Z"


def test_a_killed_broker_is_waited_for_and_changes_go_on(
    broker: Broker, log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1")])
    server = start_server(log)
    server.wait_until_ready()
    broker.kill()
    assert server.bays().keys() == {"1"}
    broker.start()
    log.write([sensor("1", "Present"), sensor("2")])
    until(lambda: _statuses(server) == {"1": "Present", "2": "Unoccupied"}, "the changes after the kill")


def test_topics_made_anew_make_the_state_anew(
    broker: Broker, log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1"), sensor("2"), sensor("3")])
    server = start_server(log)
    server.wait_until_ready()
    for name in log.topics:
        broker.delete(name)
    until(lambda: server.client.get("/readyz").status_code == 503, "the server notices")
    create_topics(broker, log)
    log.write([sensor("4")])
    until(lambda: _statuses(server) == {"4": "Unoccupied"}, "only what the new log holds")


def _statuses(server: RunningServer) -> dict[str, str]:
    answer = server.client.get("/api/v1/bays")
    return {bay["kerbside_id"]: bay["status"] for bay in answer.json()["bays"]} if answer.is_success else {}
