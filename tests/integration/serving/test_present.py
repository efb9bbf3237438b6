"""The present by the API: pages, forms, places, zones, rules at a time, and where to park, against brute force."""

import csv
import io
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from integration.serving import small_lake
from integration.serving.small_lake import OLD_WINDOW
from melpark.parking.overstays import judge
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.rules import Absent, Coverage, rule_at
from melpark.parking.stays import Beginning, Ending, Stay
from melpark.places import Home
from melpark.serving.app import create_app
from melpark.serving.bays import Change, Poll, RuleVersion, RuleWindow, Sensor
from melpark.serving.live import LiveState
from melpark.settings import Settings

ADDRESS = "http://127.0.0.1:8000"
OURS = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# 15:10 in Melbourne, a Friday: limits end at 18:30, a weekend follows.
AS_OF = datetime(2025, 8, 8, 5, 10, tzinfo=UTC)
START, END = AS_OF - timedelta(days=3), AS_OF + timedelta(days=20)
MIDDLE = (144.9631, -37.8136)
PLATES: dict[int, list[Plate]] = {
    1: [Plate("Mon-Fri", 450, 1110, "2P")],
    2: [Plate("Mon-Fri", 450, 1110, "MP1P"), Plate("Mon-Fri", 540, 960, "LZ30")],
    3: [Plate("Mon-Sun", 0, 1440, "DP2P")],
    4: [Plate("Mon-Fri", 960, 1080, "LZ15")],
    5: [Plate("Mon-Sun", 450, 1380, "PP")],
    6: [Plate("Mon-Sun", 420, 1380, "SP"), Plate("Mon-Sun", 420, 1380, "4P")],
    7: [Plate("Mon-Sun", 0, 1440, "??")],
    8: [Plate("Sat-Sun", 0, 1440, "1P")],
    9: [],
}
CITY_WINDOWS = [
    window
    for zone, plates in PLATES.items()
    for window in windows([Version(zone, START, END, frozenset(plates))])
]
# Zone 8's plates are known for ten more minutes only, those of zone 10 not at all.
COVERAGE = [Coverage(zone, START, END if zone != 8 else AS_OF + 10 * MINUTE) for zone in PLATES]


def sensors() -> list[Sensor]:
    """Bays around the middle, of every zone and kind, by a fixed dice."""
    dice = random.Random(7)
    return [
        Sensor(
            kerbside_id=str(number),
            status=dice.choice(["Present", "Unoccupied", "Unoccupied"]),
            status_changed_at=AS_OF - dice.randrange(1, 600) * MINUTE,
            zone_number=dice.choice([*PLATES, 10, None]),
            longitude=MIDDLE[0] + dice.uniform(-0.01, 0.01),
            latitude=MIDDLE[1] + dice.uniform(-0.01, 0.01),
            is_online=dice.random() < 0.9,
            is_retired=dice.random() < 0.05,
            heard_at=None,
            observed_at=AS_OF,
            committed_at=OURS,
        )
        for number in range(400)
    ]


SENSORS = sensors()


def changes() -> list[Change]:
    return [
        *SENSORS,
        *(RuleWindow(window) for window in CITY_WINDOWS),
        *(RuleVersion(row) for row in COVERAGE),
        Poll(AS_OF, AS_OF - MINUTE, OURS),
    ]


@pytest.fixture(scope="module")
def live() -> LiveState:
    live = LiveState(Settings(live=True))
    live.apply(changes(), OURS)
    live.ready(OURS)
    return live


@pytest.fixture
def client(live: LiveState, tmp_path: Any) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path)
    with TestClient(create_app(settings, live, clock=lambda: OURS), base_url=ADDRESS) as client:
        yield client


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the angle between two unit vectors, which is another formula than the server's."""

    def vector(place: tuple[float, float]) -> tuple[float, float, float]:
        east, north = math.radians(place[0]), math.radians(place[1])
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    a, b = vector(one), vector(other)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return 6_371_008.8 * math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))


@cache
def is_allowed(zone: int | None, minutes: int) -> bool:
    """Minute by minute, and by the verdict on a stay of exactly so long."""
    for step in range(minutes):
        found = rule_at(AS_OF + step * MINUTE, zone, CITY_WINDOWS, COVERAGE)
        if found is Absent.NO_RULE:
            return False
        if not isinstance(found, Absent) and any(
            window.kind in ("loading", "disability", "no-stopping", "unknown") for window in found
        ):
            return False
    leaves = AS_OF + minutes * MINUTE
    stay = Stay(AS_OF, AS_OF, AS_OF, leaves, leaves, Beginning.OBSERVED, Ending.OBSERVED, False, False)
    return judge(stay, zone, CITY_WINDOWS, COVERAGE).overstay_max_minutes == 0


@pytest.mark.parametrize("minutes", [1, 5, 10, 45, 60, 61, 120, 180, 240, 241, 600, 1440])
@pytest.mark.parametrize("radius", [150, 600, 5000])
def test_where_to_park_is_what_a_search_of_every_bay_finds_the_nearest_first(
    client: TestClient, minutes: int, radius: int
) -> None:
    query = {"near": f"{MIDDLE[0]},{MIDDLE[1]}", "minutes": minutes, "radius_metres": radius, "limit": 200}
    spots = client.get("/api/v1/where-to-park", params=query).json()["spots"]
    expected = sorted(
        (haversine(MIDDLE, (one.longitude, one.latitude)), one.kerbside_id)
        for one in SENSORS
        if one.status == "Unoccupied"
        and one.is_online
        and not one.is_retired
        and haversine(MIDDLE, (one.longitude, one.latitude)) <= radius
        and is_allowed(one.zone_number, minutes)
    )
    assert [spot["kerbside_id"] for spot in spots] == [bay for _, bay in expected[:200]]
    assert [spot["distance_metres"] for spot in spots] == pytest.approx(
        [metres for metres, _ in expected[:200]], abs=0.06
    )


def test_a_bay_whose_sensor_is_stuck_is_not_offered(live: LiveState, tmp_path: Path) -> None:
    query = {"near": f"{MIDDLE[0]},{MIDDLE[1]}", "minutes": 1, "radius_metres": 5000, "limit": 200}

    def offered(client: TestClient) -> list[str]:
        answer = client.get("/api/v1/where-to-park", params=query)
        return [spot["kerbside_id"] for spot in answer.json()["spots"]]

    settings = Settings(home=tmp_path)
    with TestClient(create_app(settings, live, clock=lambda: OURS), base_url=ADDRESS) as client:
        before = offered(client)
        changed = {sensor.kerbside_id: sensor.status_changed_at for sensor in SENSORS}
        # The third has changed since gold was built, so it sees.
        last = {bay: changed[bay] - (MINUTE if bay == before[2] else timedelta(0)) for bay in before}
        stuck = before[:3]
        health = [
            {
                **small_lake.SENSOR_HEALTH[0],
                "kerbside_id": bay,
                "is_stuck": bay in stuck,
                "last_changed_at": last[bay],
            }
            for bay in before[:5]
        ]
        small_lake.write_gold(Home(tmp_path), "fact_sensor_health", health)
        assert offered(client) == before[2:]
        # Gold that cannot be read is no reason to offer nothing.
        log = Home(tmp_path).gold / "fact_sensor_health" / "_delta_log"
        (log / "00000000000000000001.json").write_text("{broken")
        assert offered(client) == before


def test_until_when_a_car_may_stay_is_the_last_minute_that_is_allowed(client: TestClient) -> None:
    query = {"near": f"{MIDDLE[0]},{MIDDLE[1]}", "minutes": 1, "radius_metres": 5000, "limit": 200}
    zones = {}
    for spot in client.get("/api/v1/where-to-park", params=query).json()["spots"]:
        zones[spot["zone_number"]] = spot["until_at"]
    assert zones.keys() == {1, 4, 5, 6, 8, 9}
    for zone, until_at in zones.items():
        if until_at is None:
            assert is_allowed(zone, 1440)
            continue
        longest = (datetime.fromisoformat(until_at) - AS_OF) // MINUTE
        assert is_allowed(zone, longest)
        assert not is_allowed(zone, longest + 1)


def test_a_spot_says_why_in_melbournes_time(client: TestClient) -> None:
    query = {"near": f"{MIDDLE[0]},{MIDDLE[1]}", "minutes": 30, "radius_metres": 5000, "limit": 200}
    spots = client.get("/api/v1/where-to-park", params=query).json()["spots"]
    reasons = {spot["zone_number"]: spot["reason"] for spot in spots}
    assert reasons[1] == "2P (120 minutes) holds; until 17:10, then the limit is reached"
    assert reasons[4] == "No rule is in force; until 16:00, then it is LZ15, which is not for everybody"
    assert reasons[5] == "PP (no limit, paid) holds; nothing ends the stay within a day"


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
    live = LiveState(Settings())
    live.apply(changes(), OURS)
    live.ready(OURS)
    with TestClient(
        create_app(Settings(home=tmp_path), live, clock=lambda: OURS), base_url=ADDRESS
    ) as client:
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
    live = LiveState(Settings())
    live.apply(changes(), OURS)
    live.ready(OURS)
    with TestClient(
        create_app(Settings(home=tmp_path), live, clock=lambda: OURS + 20 * timedelta(seconds=1)),
        base_url=ADDRESS,
    ) as client:
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
    with TestClient(
        create_app(Settings(home=tmp_path), live, clock=lambda: OURS), base_url=ADDRESS
    ) as client:
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
    with TestClient(create_app(Settings(home=tmp_path), LiveState(Settings())), base_url=ADDRESS) as client:
        for path in ("alerts", "occupancy/now"):
            answer = client.get(f"/api/v1/{path}")
            assert (answer.status_code, answer.headers.get("Retry-After")) == (503, None)
            assert "MELPARK_LIVE=true" in answer.json()["detail"]


def test_no_page_of_overstays_loses_a_row_when_a_poll_comes_in_between(tmp_path: Any) -> None:
    live = LiveState(Settings())
    live.apply(changes(), OURS)
    live.ready(OURS)
    with TestClient(
        create_app(Settings(home=tmp_path), live, clock=lambda: OURS), base_url=ADDRESS
    ) as client:
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


def test_before_the_first_poll_there_is_no_now_to_park_in(tmp_path: Any) -> None:
    live = LiveState(Settings())
    live.apply(SENSORS, OURS)
    live.ready(OURS)
    with TestClient(create_app(Settings(home=tmp_path), live), base_url=ADDRESS) as client:
        answer = client.get("/api/v1/where-to-park", params={"near": "144.9,-37.8", "minutes": 5})
    assert answer.status_code == 503
    assert "no poll" in answer.json()["detail"]
