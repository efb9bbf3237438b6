"""The present by the API: pages, forms, places, zones and rules at a time, against brute force."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from integration.serving import small_lake
from integration.serving.small_city import (
    AS_OF,
    CITY_WINDOWS,
    COVERAGE,
    MIDDLE,
    MINUTE,
    OURS,
    PLATES,
    SENSORS,
    haversine,
    live_state,
    served,
)
from integration.serving.small_lake import OLD_WINDOW
from melpark.parking.rules import Absent, rule_at
from melpark.places import Home
from melpark.serving.bays import Poll
from melpark.serving.live import LiveState
from melpark.settings import Settings


@pytest.fixture(scope="module")
def live() -> LiveState:
    return live_state(Settings())


@pytest.fixture
def client(live: LiveState, tmp_path: Path) -> Iterator[TestClient]:
    with served(tmp_path, live) as client:
        yield client


def every(client: TestClient, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        found += answer.json()[name]
        query["cursor"] = answer.json()["next_cursor"]
        if query["cursor"] is None:
            return found


@pytest.mark.parametrize("limit", [1, 37, 399, 400, 5000])
def test_pages_of_bays_hold_each_one_once(client: TestClient, limit: int) -> None:
    whole = client.get("/api/v1/bays").json()["bays"]
    assert len(whole) == 400
    if limit == 1:
        whole = [bay for bay in whole if bay["zone_number"] == 1]
        assert every(client, "bays", "bays", limit=1, zone=1) == whole
    else:
        assert every(client, "bays", "bays", limit=limit) == whole


def test_a_bay_that_comes_or_goes_between_pages_makes_no_other_bay_missed_or_doubled(tmp_path: Any) -> None:
    live = live_state()
    with served(tmp_path, live) as client:
        first = client.get("/api/v1/bays", params={"limit": 100}).json()
        ids = [bay["kerbside_id"] for bay in first["bays"]]
        live.bays.pop(ids[50])
        live.bays["0000"] = replace(live.bays["399"], kerbside_id="0000")
        live.encoded["0000"] = live.encoded["399"]
        rest = every(client, "bays", "bays", limit=100, cursor=first["next_cursor"])
    assert len(ids) + len(rest) == 400
    assert not set(ids) & {bay["kerbside_id"] for bay in rest}


@pytest.mark.parametrize("radius", [50, 300, 900])
def test_a_radius_holds_exactly_the_bays_within_it(client: TestClient, radius: int) -> None:
    query = {"near": f"{MIDDLE[0]},{MIDDLE[1]}", "radius_metres": radius}
    found = {bay["kerbside_id"] for bay in client.get("/api/v1/bays", params=query).json()["bays"]}
    assert found == {
        one.kerbside_id for one in SENSORS if haversine(MIDDLE, (one.longitude, one.latitude)) <= radius
    }


def test_bays_come_as_csv_and_geojson_with_the_same_content(client: TestClient) -> None:
    whole = client.get("/api/v1/bays").json()["bays"]
    text = client.get("/api/v1/bays", headers={"Accept": "text/csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["kerbside_id"] for row in rows] == [bay["kerbside_id"] for bay in whole]
    assert list(rows[0]) == list(whole[0])
    assert [row["permitted_until_at"] for row in rows] == [bay["permitted_until_at"] or "" for bay in whole]
    answer = client.get("/api/v1/bays", headers={"Accept": "application/geo+json"})
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json()["features"]
    assert [feature["geometry"]["coordinates"] for feature in features] == [
        [bay["longitude"], bay["latitude"]] for bay in whole
    ]
    assert features[7]["properties"]["rules"] == whole[7]["rules"]
    chosen = client.get("/api/v1/bays", params={"fields": "status,kerbside_id"}).json()["bays"]
    assert chosen == [{"kerbside_id": bay["kerbside_id"], "status": bay["status"]} for bay in whole]


def test_the_present_is_sent_again_only_when_it_has_changed_and_says_its_age(tmp_path: Any) -> None:
    live = live_state()
    with served(tmp_path, live, OURS + timedelta(seconds=20)) as client:
        first = client.get("/api/v1/bays")
        assert first.headers["age"] == "80"
        held = {"If-None-Match": first.headers["etag"]}
        again = client.get("/api/v1/bays", headers=held)
        assert (again.status_code, again.content, again.headers["age"]) == (304, b"", "80")
        assert client.get("/api/v1/bays", params={"zone": 1}, headers=held).status_code == 200
        assert client.portal is not None
        client.portal.call(live.apply, [Poll(AS_OF + 2 * MINUTE, AS_OF + MINUTE, OURS)], OURS)
        assert client.get("/api/v1/bays", headers=held).status_code == 200


def test_zones_count_their_bays(client: TestClient, live: LiveState) -> None:
    zones = every(client, "zones", "zones", limit=3)
    for zone in zones:
        bays = [
            bay for bay in live.bays.values() if bay.zone_number == zone["zone_number"] and not bay.is_retired
        ]
        online = [bay for bay in bays if bay.is_online]
        assert zone["bays"] == len(bays)
        assert zone["bays_online"] == len(online)
        assert zone["bays_taken"] == sum(bay.status == "Present" for bay in online)
        assert zone["bays_free"] == sum(bay.status == "Unoccupied" for bay in online)
        assert zone["bays_overstayed"] == sum(bay.is_overstay for bay in online)
    assert [zone["zone_number"] for zone in zones] == sorted({*PLATES, 10})
    assert sum(zone["bays_overstayed"] for zone in zones) > 0


@pytest.mark.parametrize("hours", [-2, 0, 1, 2, 4, 20, 70, 300])
def test_restrictions_at_a_time_are_the_calendars(client: TestClient, hours: int) -> None:
    at = AS_OF + timedelta(hours=hours)
    rows = every(client, "restrictions", "restrictions", limit=4, at=at.isoformat())
    assert [row["zone_number"] for row in rows] == sorted(PLATES)
    for row in rows:
        found = rule_at(at, row["zone_number"], CITY_WINDOWS, COVERAGE)
        if isinstance(found, Absent):
            assert (row["rule_status"], row["rules"]) == (found.value, [])
        else:
            assert row["rule_status"] == "restricted"
            assert [rule["code"] for rule in row["rules"]] == [window.code for window in found]
    named = client.get("/api/v1/restrictions", params={"zone": [10], "at": at.isoformat()}).json()
    assert [row["rule_status"] for row in named["restrictions"]] == ["no_rule"]


def test_restrictions_of_long_ago_come_from_the_lake(live: LiveState, tmp_path: Any) -> None:
    small_lake.write(Home(tmp_path))
    with served(tmp_path, live) as client:
        for at, status, codes in (
            (OLD_WINDOW["start_at"], "restricted", ["LZ30"]),
            (OLD_WINDOW["end_at"], "unrestricted", []),
            (OLD_WINDOW["start_at"] - timedelta(days=60), None, []),
        ):
            answer = client.get("/api/v1/restrictions", params={"at": at.isoformat()}).json()["restrictions"]
            assert [(row["rule_status"], [rule["code"] for rule in row["rules"]]) for row in answer] == (
                [(status, codes)] if status else []
            )


def test_where_flink_is_off_nobody_says_that_there_are_no_alerts(tmp_path: Any) -> None:
    with served(tmp_path, LiveState(Settings(live=False))) as client:
        for path in ("alerts", "occupancy/now"):
            answer = client.get(f"/api/v1/{path}")
            assert (answer.status_code, answer.headers.get("Retry-After")) == (503, None)
            assert "MELPARK_LIVE=false" in answer.json()["detail"]


def test_no_page_of_overstays_loses_a_row_when_a_poll_comes_in_between(tmp_path: Any) -> None:
    live = live_state()
    with served(tmp_path, live) as client:
        before = {bay.kerbside_id for bay in live.bays.values() if bay.is_overstay}
        found: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        for poll in range(1, 1000):
            answer = client.get("/api/v1/overstays/now", params=query).json()
            found += [row["kerbside_id"] for row in answer["overstays"]]
            if answer["next_cursor"] is None:
                break
            query["cursor"] = answer["next_cursor"]
            later = AS_OF + poll * timedelta(seconds=10)
            assert client.portal is not None
            client.portal.call(live.apply, [Poll(later, later - MINUTE, OURS)], OURS)
    assert len(found) == len(set(found))
    assert before - {*found} == {one for one in before - {*found} if not live.bays[one].is_overstay}


def test_overstays_now_are_the_bays_that_say_so_the_longest_first(
    client: TestClient, live: LiveState
) -> None:
    rows = every(client, "overstays/now", "overstays", limit=5)
    over = {bay.kerbside_id for bay in live.bays.values() if bay.is_overstay}
    assert len(over) > 5
    assert {row["kerbside_id"] for row in rows} == over
    breaches = [row["first_breach_at"] for row in rows]
    assert breaches == sorted(breaches)
    assert min(row["overstay_minutes"] for row in rows) >= 5


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("bays?near=144.9", 422, "near"),
        ("bays?near=nan,1", 422, "near"),
        ("bays?near=1,nan", 422, "near"),
        ("bays?radius_metres=0", 422, "radius_metres"),
        ("bays?fields=colour", 422, "colour"),
        ("bays?limit=0", 422, "limit"),
        ("bays?cursor=x", 422, "cursor"),
        ("where-to-park?near=144.9,-37.8", 422, "minutes"),
        ("where-to-park?minutes=60", 422, "near"),
        ("where-to-park?near=144.9,-37.8&minutes=1441", 422, "minutes"),
        ("restrictions?at=2025-08-07", 422, "at"),
        ("restrictions?at=2010-01-01T00:00:00Z", 503, "not built"),
        ("occupancy/now", 503, "has not begun"),
        ("alerts", 503, "has not begun"),
        ("alerts?kind=fire", 422, "kind"),
    ],
)
def test_what_cannot_be_answered_is_named(client: TestClient, path: str, status: int, named: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert named in answer.json()["detail"]
