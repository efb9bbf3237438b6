import json
from datetime import timedelta
from pathlib import Path

import pytest

from melpark.contracts import SENSORS
from melpark.simulator.capture import write_file
from melpark.simulator.quota import Quota
from unit.simulator.played_portal import (
    FIRST,
    FakeTime,
    PlayedPortal,
    add_file,
    date_of,
    make_capture,
    replayed,
)

MIDNIGHT = FIRST.replace(hour=0, minute=0, second=0)


@pytest.fixture
def portal(tmp_path: Path) -> PlayedPortal:
    """250 sensors whose status changed on the hour, from midnight on; the last one never."""
    records = [
        {
            "kerbsideid": number,
            "status_timestamp": (MIDNIGHT + timedelta(hours=number)).isoformat(),
            "zone_number": 7001,
        }
        for number in range(249)
    ]
    records.append({"kerbsideid": 249, "status_timestamp": None, "zone_number": None})
    write_file(tmp_path, SENSORS.dataset, FIRST, json.dumps(records).encode())
    return PlayedPortal(replayed(tmp_path))


def ids(portal: PlayedPortal, **query: int) -> list[int]:
    return [record["kerbsideid"] for record in portal.records(query=query).json()["results"]]


def test_a_page_holds_ten_records_unless_asked_and_says_how_many_there_are(portal: PlayedPortal) -> None:
    body = portal.records().json()
    assert (len(body["results"]), body["total_count"]) == (10, 250)


def test_pages_by_offset_cover_every_record_once(portal: PlayedPortal) -> None:
    pages = [ids(portal, limit=100, offset=offset) for offset in (0, 100, 200, 300)]
    assert [number for page in pages for number in page] == list(range(250))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 101},
        {"limit": -1},
        {"limit": "ten"},
        {"offset": -1},
        {"offset": 9_901, "limit": 100},
        {"select": "kerbsideid"},
        {"timezone": "Australia/Melbourne"},
    ],
)
def test_a_page_that_the_portal_would_not_give_is_a_400(
    portal: PlayedPortal, query: dict[str, str | int]
) -> None:
    answer = portal.records(query=query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "InvalidRESTParameterError")


def test_record_ten_thousand_is_the_last_that_can_be_reached(portal: PlayedPortal) -> None:
    assert portal.records(offset=9_900, limit=100).status_code == 200


@pytest.mark.parametrize(
    ("clause", "first", "count"),
    [
        ("status_timestamp >= date'2025-08-06'", 24, 225),
        ("status_timestamp > date'2025-08-06'", 25, 224),
        ("status_timestamp < date'2025-08-06'", 0, 24),
        ("status_timestamp <= '2025-08-06T00:00:00+00:00'", 0, 25),
        ('status_timestamp >= "2025-08-06T10:00:00+10:00"', 24, 225),
        ("status_timestamp>=date'2025-08-06T01:00:00Z'", 25, 224),
        ("status_timestamp = '2025-08-06T00:00:00'", 24, 1),
        ("status_timestamp != '2025-08-05T00:00:00'", 1, 248),
        ("status_timestamp >= date'2025-08-06' AND status_timestamp < date'2025-08-07'", 24, 24),
    ],
)
def test_where_keeps_the_records_that_fit_and_never_a_null(
    portal: PlayedPortal, clause: str, first: int, count: int
) -> None:
    body = portal.records(where=clause).json()
    assert (body["results"][0]["kerbsideid"], body["total_count"]) == (first, count)


@pytest.mark.parametrize(
    "clause",
    [
        "status_timestamp",
        "status_timestamp >= yesterday",
        "status_timestamp >= 'soon'",
        "unknown >= date'2025-08-06'",
        "zone_number >= date'2025-08-06'",
        "status_timestamp >= date'2025-08-06' or kerbsideid = 1",
    ],
)
def test_a_where_that_cannot_be_read_is_a_400_and_never_ignored(portal: PlayedPortal, clause: str) -> None:
    answer = portal.records(where=clause)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ODSQLError")


def test_a_filtered_export_cannot_be_acknowledged(portal: PlayedPortal) -> None:
    answer = portal.export(where="status_timestamp >= date'2025-08-06'")
    assert len(answer.json()) == 225
    assert "ETag" not in answer.headers


def test_records_show_the_poll_that_the_replay_has_reached_and_acknowledge_nothing(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path)))
    etag = portal.export().headers["ETag"]
    assert portal.records().json()["results"] == [{"poll": 0}]
    second = portal.export(etag)
    answer = portal.records()
    assert answer.json()["results"] == [{"poll": 1}]
    assert date_of(answer) == date_of(second)


def test_an_unknown_dataset_is_a_404_with_the_sources_date(portal: PlayedPortal) -> None:
    for answer in (portal.export(dataset="no-such"), portal.records(dataset="no-such")):
        assert (answer.status_code, date_of(answer)) == (404, FIRST)
        assert "no-such" in answer.json()["message"]


def test_every_answer_says_what_is_left_of_the_quota(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path)), quota=Quota(3))
    left = [portal.export().headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]


def test_beyond_the_quota_is_a_429_until_midnight(tmp_path: Path) -> None:
    time = FakeTime()
    portal = PlayedPortal(replayed(make_capture(tmp_path)), time, Quota(1))
    portal.export()
    refused = portal.records()
    midnight = time.at.replace(hour=0, minute=0, second=0) + timedelta(days=1)
    assert refused.status_code == 429
    assert refused.headers["X-RateLimit-Limit"] == "1"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers["X-RateLimit-Reset"] == str(int(midnight.timestamp()))
    time.pass_by(float(refused.headers["Retry-After"]))
    assert portal.export().status_code == 200


def test_health_costs_no_quota_and_says_what_is_played(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path)), quota=Quota(1))
    assert [portal.health()["kind"] for _ in range(3)] == ["replay"] * 3
    assert portal.health() == {
        "status": "ok",
        "kind": "replay",
        "is_done": False,
        "acknowledged": {SENSORS.dataset: False},
    }
    assert portal.export().status_code == 200


def test_a_dataset_without_records_is_an_empty_page(tmp_path: Path) -> None:
    make_capture(tmp_path)
    add_file(tmp_path, "20250122T034400Z.json.gz", [], dataset="empty")
    portal = PlayedPortal(replayed(tmp_path))
    body = portal.records(dataset="empty", where="lastupdated >= date'2025-01-01'").json()
    assert body == {"total_count": 0, "results": []}
