"""Where to park by the API, against a search of every bay, minute by minute."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
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
    SENSORS,
    haversine,
    live_state,
    served,
)
from melpark.parking.overstays import judge
from melpark.parking.rules import Absent, rule_at
from melpark.parking.stays import Beginning, Ending, Stay
from melpark.places import Home
from melpark.serving.live import LiveState
from melpark.settings import Settings


@pytest.fixture(scope="module")
def live() -> LiveState:
    return live_state(Settings(live=True))


@pytest.fixture
def client(live: LiveState, tmp_path: Path) -> Iterator[TestClient]:
    with served(tmp_path, live) as client:
        yield client


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
    answer = client.get("/api/v1/where-to-park", params=query)
    assert answer.headers["age"].isdecimal()
    spots = answer.json()["spots"]
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

    with served(tmp_path, live) as client:
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


def test_before_the_first_poll_there_is_no_now_to_park_in(tmp_path: Any) -> None:
    live = LiveState(Settings())
    live.apply(SENSORS, OURS)
    live.ready(OURS)
    with served(tmp_path, live) as client:
        answer = client.get("/api/v1/where-to-park", params={"near": "144.9,-37.8", "minutes": 5})
    assert answer.status_code == 503
    assert "no poll" in answer.json()["detail"]
