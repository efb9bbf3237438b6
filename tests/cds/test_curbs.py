"""Zones, areas and spaces of the made city, by figures that can be checked by eye, and their history."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cds import made_city, validator
from cds.asking import ask_of
from cds.conftest import TIMES, City
from cds.made_city import LONSDALE, MINUTE, NOW, START, along
from cds.made_lake import FIRST_POLL, MadeLake
from cds.protocol import checked
from cds.served import Ask, Served, collect
from melpark import secrets
from melpark.places import CDS_TOKEN, Home
from melpark.serving.cds.app import application
from melpark.serving.cds.standard import milliseconds, space_id, zone_id
from melpark.settings import Settings

GONE = zone_id("7004-20001")


@pytest.fixture
def own_home(tmp_path: Any) -> Home:
    home = Home(tmp_path)
    secrets.ensure(home)
    return home


def asking(home: Home, **changed: Any) -> Ask:
    settings = Settings(home=home.root, source="replay", capture_dir=home.root).model_copy(update=changed)
    return checked(ask_of(application(settings), secrets.token(home.root, CDS_TOKEN) or ""))


def one(ask: Ask, path: str, **query: object) -> Any:
    return ask(path, query).body["data"]


def test_a_zone_tells_what_is_free_of_the_bays_that_are_heard(served: Served) -> None:
    by_id = {zone["curb_zone_id"]: zone for zone in served.records("zones")}
    # Of bays 5, 6 and 7, square to the kerb, 6 is silent and 5 is heard again.
    assert by_id[zone_id("7003-20001")]["available_space_lengths"] == [600, 600]
    assert by_id[zone_id("7003-20001")]["curb_policy_ids"] == []
    assert by_id[zone_id("7002-20001")]["availability_time"] == milliseconds(NOW)
    # Bays 1 and 4 are free, in 2 stands a vehicle, 9 lies where 1 does.
    spaces = {space["name"]: space for space in served.records("spaces")}
    zone = by_id[zone_id("7001-20001")]
    assert zone["available_space_lengths"] == sorted([spaces["1"]["length"], spaces["4"]["length"]])
    assert zone["street_name"] == "Lonsdale Street"
    assert (zone["cross_street_start_name"], zone["cross_street_end_name"]) == (
        "Swanston Street",
        "Russell Street",
    )
    assert {name: space.get("available") for name, space in spaces.items()} == {
        "1": True,
        "2": False,
        "3": True,
        "4": True,
        "5": True,
        "6": None,
        "7": True,
        "8": True,
    }


def test_availability_is_that_of_the_moment_that_is_asked_for(city: City) -> None:
    def free(minutes: int) -> dict[str, bool | None]:
        at = milliseconds(START + minutes * MINUTE)
        found = one(city.ask, "/curbs/spaces", time=at)["spaces"]
        return {space["name"]: space.get("available") for space in found if space["name"] in "1356"}

    assert free(30) == {"1": False, "3": True, "5": True, "6": True}
    # Silent since the 45th minute, which is known a quarter of an hour later.
    assert free(105) == {"1": False, "3": False, "5": None, "6": None}
    assert free(130) == {"1": True, "3": True, "5": True, "6": None}
    # A day later nobody has been heard.
    assert set(free(24 * 60).values()) == {None}


def test_a_vehicle_that_stays_for_days_is_a_stuck_sensor(own_home: Home) -> None:
    lake = made_city.make(own_home)
    lake.event("8", "Present", START - timedelta(days=2), FIRST_POLL)
    lake.rows["sensor_events"] = [
        row for row in lake.rows["sensor_events"] if row["kerbside_id"] != "8" or row["status"] == "Present"
    ]
    lake.commit()
    assert "available" not in one(asking(own_home), f"/curbs/spaces/{space_id('8')}")


def test_during_an_outage_of_the_feed_nothing_is_known(own_home: Home) -> None:
    lake = made_city.make(own_home)
    lake.outage(START + 65 * MINUTE, START + 85 * MINUTE)
    lake.commit()
    ask = asking(own_home)
    path = f"/curbs/spaces/{space_id('1')}"
    assert "available" in one(ask, path, time=milliseconds(START + 64 * MINUTE))
    assert "available" not in one(ask, path, time=milliseconds(START + 70 * MINUTE))
    assert "available" in one(ask, path, time=milliseconds(START + 85 * MINUTE))


def test_a_zone_without_bays_is_history(city: City, served: Served) -> None:
    assert GONE not in {zone["curb_zone_id"] for zone in served.records("zones")}
    path = f"/curbs/zones/{GONE}"
    assert city.ask(path).status == 404
    shown = one(city.ask, path, show_historic="true")
    assert shown["end_date"] == milliseconds(START + timedelta(hours=1))
    assert "curb_space_ids" not in shown
    # Its plates changed an hour after it was over.
    (policy,) = one(city.ask, "/curbs/policies", ids=",".join(shown["curb_policy_ids"]))["policies"]
    assert policy["rules"][0]["max_stay"] == 60
    assert "prev_policies" not in shown
    then = milliseconds(START + 30 * MINUTE)
    assert city.ask(path, {"time": then}).status == 200
    assert GONE in {zone["curb_zone_id"] for zone in one(city.ask, "/curbs/zones", time=then)["zones"]}
    assert city.ask(path, {"time": milliseconds(NOW), "show_historic": "true"}).status == 404


def test_what_was_there_before_a_plate_changed_is_told(served: Served) -> None:
    zone = next(zone for zone in served.records("zones") if zone["curb_zone_id"] == zone_id("7002-20001"))
    (before,) = zone["prev_policies"]
    changed_at = milliseconds(START + timedelta(hours=2))
    assert (before["start_date"], before["end_date"]) == (zone["start_date"], changed_at)
    assert zone["last_updated_date"] == changed_at
    policies = {policy["curb_policy_id"]: policy for policy in served.records("policies")}
    stays = [
        sorted(rule.get("max_stay", 0) for name in ids for rule in policies[name]["rules"])
        for ids in (before["curb_policy_ids"], zone["curb_policy_ids"])
    ]
    assert stays == [[0, 30, 60], [0, 15, 30]]
    first_seen = {
        policy["rules"][0].get("max_stay"): policy["published_date"] for policy in policies.values()
    }
    assert first_seen[60] == milliseconds(FIRST_POLL)
    assert first_seen[15] == changed_at


def later(lake: MadeLake) -> None:
    """Bay 4 moves to zone 7002, a bay is new, a plate of zone 7001 is another, history is filled in."""
    at = NOW + 2 * MINUTE
    lake.poll(at)
    lake.event("3", "Present", NOW + MINUTE)
    moved = next(row for row in lake.rows["dim_bays"] if row["kerbside_id"] == "4")
    moved["valid_to_at"] = at
    lake.bay("4", 7002, LONSDALE, along(18), at)
    lake.bay("12", 7002, LONSDALE, along(24))
    lake.state("12", along(24), at)
    lake.event("12", "Unoccupied", at - MINUTE, at)
    for row in lake.rows["sign_plates"]:
        if row["code"] == "MP2P":
            row |= {"valid_to_at": at, "is_current": False}
    lake.plate(7001, "Mon-Fri", 450, 1110, "MP2P", at, is_assumed=False, is_retired=True)
    lake.plate(7001, "Mon-Fri", 450, 1110, "MP3P", at, is_assumed=False)
    first = next(row for row in lake.rows["sensor_states"] if row["kerbside_id"] == "1")
    first["valid_to_at"] = NOW
    first |= {"is_current": False}
    lake.state("1", along(0), NOW)
    seeded_at = FIRST_POLL - timedelta(days=20)
    lake.state("1", along(0), seeded_at, FIRST_POLL - MINUTE, origin="seed")


def test_two_captures_of_a_city_that_changed_keep_what_may_not_change(own_home: Home) -> None:
    lake = made_city.make(own_home).commit()
    ask = asking(own_home)
    before = collect(ask, TIMES)
    later(lake)
    lake.commit()
    after = collect(ask, TIMES)
    assert validator.breaches(after) == []
    assert validator.changes(before, after) == []
    spaces = {space["name"]: space for space in after.records("spaces")}
    assert spaces["4"]["curb_zone_id"] == zone_id("7002-20001")
    assert spaces["12"]["published_date"] == milliseconds(NOW + 2 * MINUTE)
    assert spaces["1"]["published_date"] == milliseconds(FIRST_POLL)
    # What happened before it moved stays where it was; its space is not there any more.
    (left, came) = (event for event in after.records("events") if event["data_source_device_name"] == "4")
    assert {left["curb_zone_id"], came["curb_zone_id"]} == {zone_id("7001-20001")}
    assert "curb_space_id" not in left
    assert len(after.records("policies")) == len(before.records("policies")) + 1


def test_simulated_data_is_not_the_citys(own_home: Home) -> None:
    made_city.make(own_home).commit()
    ask = asking(own_home, source="simulator", cds_is_open=True)
    body = ask("/curbs/zones").body
    assert body["author"] == "MelPark simulator"
    assert "license_url" not in body
    events = ask("/events/events", headers={"authorization": ""}).body["data"]["events"]
    assert {event["data_source_operator_name"] for event in events} == {"MelPark simulator"}


def test_a_lake_that_is_not_built_says_so(own_home: Home) -> None:
    ask = asking(own_home)
    for path in (
        "/curbs/zones",
        "/events/events",
        "/events/status",
        "/metrics/sessions",
        "/metrics/aggregates",
    ):
        answer = ask(path)
        assert (answer.status, answer.body["error"]) == (503, "not_ready")
        assert answer.headers["retry-after"]


def test_without_a_token_of_the_home_nobody_is_let_in(tmp_path: Any) -> None:
    made_city.make(Home(tmp_path)).commit()
    settings = Settings(home=tmp_path)
    assert ask_of(application(settings), "")("/events/status").status == 401


def test_an_older_home_gets_its_token_and_keeps_its_passwords(own_home: Home) -> None:
    held = json.loads(own_home.secrets.read_text())
    del held[CDS_TOKEN]
    own_home.secrets.write_text(json.dumps(held))
    secrets.ensure(own_home)
    made = json.loads(own_home.secrets.read_text())
    assert made.pop(CDS_TOKEN)
    assert made == held
    assert own_home.secrets.stat().st_mode & 0o777 == 0o600
