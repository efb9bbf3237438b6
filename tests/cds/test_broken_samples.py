"""The validator refuses what breaks the standard: each sample breaks one rule of what was served."""

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cds import protocol, validator
from cds.conftest import City
from cds.served import Answer, Ask, Served

Break = Callable[[Served], object]


def of(served: Served, name: str, **having: object) -> Any:
    """The first record of a kind with these values."""
    return next(
        record
        for record in served.records(name)
        if all(record.get(key) == value for key, value in having.items())
    )


def rule(served: Served, activity: str = "parking") -> Any:
    return next(
        rule
        for policy in served.records("policies")
        for rule in policy["rules"]
        if rule["activity"] == activity
    )


def span(served: Served) -> Any:
    return next(policy["time_spans"][0] for policy in served.records("policies") if "time_spans" in policy)


def priced(served: Served) -> Any:
    return next(one for policy in served.records("policies") for one in policy["rules"] if one.get("rate"))


def ring(record: Any) -> Any:
    return record["geometry"]["coordinates"][0]


def swap(record: Any) -> None:
    record["geometry"]["coordinates"] = [[[y, x] for x, y in ring(record)]]


def cross(record: Any) -> None:
    first, second, third, fourth = ring(record)[:4]
    record["geometry"]["coordinates"] = [[first, third, second, fourth, first]]


def share_ground(served: Served) -> None:
    one, other = served.records("spaces")[:2]
    other["geometry"] = one["geometry"]


def take_all(served: Served) -> None:
    one, other = served.records("zones")[:2]
    west, south, east, north = 144.95, -37.82, 144.98, -37.80
    box = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    one["geometry"] = other["geometry"] = {"type": "Polygon", "coordinates": [box]}


def two_of_one_priority(served: Served) -> None:
    for policy in served.records("policies"):
        policy["priority"] = 50
        for one in policy["rules"]:
            one.pop("user_classes", None)


def earlier(served: Served) -> Any:
    return next(zone["prev_policies"][0] for zone in served.records("zones") if "prev_policies" in zone)


def in_order(served: Served, event_type: str) -> list[Any]:
    """Events of one sensor that has several of a type, newest first."""
    by_device: dict[str, list[Any]] = {}
    for event in served.records("events"):
        if event["event_type"] == event_type:
            by_device.setdefault(event["data_source_device_id"], []).append(event)
    return max(by_device.values(), key=len)


def cells(served: Served, table: str, **having: str) -> tuple[list[str], int]:
    """The lines of a table and the number of the first with these texts in it."""
    lines = getattr(served, table).splitlines()
    number = next(
        number
        for number, line in enumerate(lines)
        if number and all(text in line.split(",") for text in having.values())
    )
    return lines, number


def edit(served: Served, table: str, change: Callable[[list[str]], list[str]], **having: str) -> None:
    lines, number = cells(served, table, **having)
    lines[number] = ",".join(change(lines[number].split(",")))
    setattr(served, table, "\r\n".join(lines) + "\r\n")


def column(served: Served, table: str, name: str) -> int:
    return str(getattr(served, table)).splitlines()[0].split(",").index(name)


def put(served: Served, table: str, name: str, value: str, **having: str) -> None:
    number = column(served, table, name)
    edit(served, table, lambda row: [*row[:number], value, *row[number + 1 :]], **having)


def drop_row(served: Served, table: str, **having: str) -> None:
    lines, number = cells(served, table, **having)
    setattr(served, table, "\r\n".join([*lines[:number], *lines[number + 1 :]]) + "\r\n")


def repeat_row(served: Served, table: str) -> None:
    lines = getattr(served, table).splitlines()
    setattr(served, table, "\r\n".join([*lines, lines[1]]) + "\r\n")


def header(served: Served, table: str, old: str, new: str) -> None:
    setattr(served, table, getattr(served, table).replace(old, new, 1))


def end_of_a_session(served: Served, name: str, value: str) -> None:
    lines = served.sessions.splitlines()
    ends = column(served, "sessions", "event_time_end")
    number = next(number for number, line in enumerate(lines) if number and line.split(",")[ends])
    row = lines[number].split(",")
    row[column(served, "sessions", name)] = value
    lines[number] = ",".join(row)
    served.sessions = "\r\n".join(lines) + "\r\n"


def silent_space(served: Served) -> Any:
    offline = of(served, "status", sensor_status_is_online=False)["data_source_device_id"]
    event = next(
        one
        for one in served.records("events")
        if one["data_source_device_id"] == offline and "curb_space_id" in one
    )
    return of(served, "spaces", curb_space_id=event["curb_space_id"])


def body(served: Served, path: str = "/curbs/zones") -> Any:
    return served.lists[path]


SAMPLES: dict[str, tuple[int, Break]] = {
    "no version": (2, lambda s: body(s).pop("version")),
    "another version": (2, lambda s: body(s).update(version="1.1.0")),
    "a zone that is none": (2, lambda s: body(s).update(time_zone="Melbourne")),
    "a currency that is none": (2, lambda s: body(s).update(currency="dollars")),
    "data of another key": (2, lambda s: body(s).update(data={"areas": []})),
    "a list where the object should be": (
        2,
        lambda s: next(iter(s.by_id.values())).update(data={"zones": [{}]}),
    ),
    "no next": (3, lambda s: s.pages[0]["links"].pop("next")),
    "no end": (3, lambda s: s.pages[-1]["links"].update(next="/more")),
    "an event twice": (
        3,
        lambda s: s.pages[1]["data"]["events"].insert(0, s.pages[0]["data"]["events"][-1]),
    ),
    "seconds": (4, lambda s: of(s, "zones").update(start_date=1_754_265_660)),
    "a time as text": (4, lambda s: of(s, "events").update(event_time="1754265660000")),
    "a time with a fraction": (4, lambda s: of(s, "spaces").update(published_date=1754265660000.5)),
    "updated before its records": (4, lambda s: body(s).update(last_updated=1_700_000_000_000)),
    "an id that is no UUID": (5, lambda s: of(s, "areas").update(curb_area_id="7001")),
    "an id twice": (5, lambda s: body(s)["data"]["zones"].append(of(s, "zones"))),
    "an unknown field": (5, lambda s: of(s, "zones").update(capacity=7)),
    "a field that is missing": (5, lambda s: of(s, "spaces").pop("length")),
    "metres with a fraction": (5, lambda s: of(s, "spaces").update(length=6.1)),
    "a vehicle's plate": (5, lambda s: of(s, "events").update(vehicle_license_plate="ABC123")),
    "no polygon": (6, lambda s: of(s, "zones")["geometry"].update(type="MultiPolygon")),
    "an open ring": (6, lambda s: ring(of(s, "zones")).pop()),
    "a triangle's corners": (6, lambda s: ring(of(s, "spaces")).__delitem__(slice(1, 3))),
    "clockwise": (6, lambda s: ring(of(s, "areas")).reverse()),
    "latitude first": (6, lambda s: swap(of(s, "spaces"))),
    "a bow tie": (6, lambda s: cross(of(s, "spaces"))),
    "a zone of an area that does not know it": (7, lambda s: of(s, "areas")["curb_zone_ids"].clear()),
    "an area of a zone that does not know it": (7, lambda s: of(s, "zones")["curb_area_ids"].clear()),
    "a space of another zone": (
        7,
        lambda s: of(s, "spaces").update(curb_zone_id=s.records("areas")[0]["curb_area_id"]),
    ),
    "a zone that does not know its space": (7, lambda s: of(s, "zones")["curb_space_ids"].clear()),
    "a space outside": (
        7,
        lambda s: [point.__setitem__(1, point[1] + 0.01) for point in ring(of(s, "spaces"))],
    ),
    "a zone outside": (
        7,
        lambda s: [point.__setitem__(1, point[1] + 0.01) for point in ring(of(s, "zones"))],
    ),
    "two spaces on one ground": (7, share_ground),
    "two zones on one ground": (7, take_all),
    "an event in a space that is not": (
        7,
        lambda s: of(s, "events", event_type="park_end").update(
            curb_space_id=s.records("areas")[0]["curb_area_id"]
        ),
    ),
    "a zone that ends before it starts": (
        8,
        lambda s: of(s, "zones").update(end_date=of(s, "zones")["start_date"]),
    ),
    "policies that ended before they began": (
        8,
        lambda s: earlier(s).update(end_date=earlier(s)["start_date"] - 1),
    ),
    "a policy that is not served": (9, lambda s: body(s, "/curbs/policies")["data"]["policies"].clear()),
    "two of one priority": (10, two_of_one_priority),
    "rules of one class": (10, lambda s: [p["rules"].append(p["rules"][0]) for p in s.records("policies")]),
    "a clock of 24": (11, lambda s: span(s).update(time_of_day_end="24:00")),
    "a clock of one digit": (11, lambda s: span(s).update(time_of_day_start="7:30")),
    "a span over midnight": (
        11,
        lambda s: span(s).update(time_of_day_start="22:00", time_of_day_end="06:00"),
    ),
    "no days": (11, lambda s: span(s).update(days_of_week=[])),
    "a month of 13": (11, lambda s: span(s).update(months=[13])),
    "an exception from nothing": (
        11,
        lambda s: (span(s).pop("designated_period", None), span(s).update(designated_period_except=True)),
    ),
    "a day that is none": (5, lambda s: span(s).update(days_of_week=["Monday"])),
    "an activity that is none": (5, lambda s: rule(s).update(activity="parking allowed")),
    "no time at all": (12, lambda s: rule(s).update(max_stay=0)),
    "a price for what is forbidden": (
        12,
        lambda s: rule(s, "no parking").update(rate=[{"rate": 0, "rate_unit": "hour"}]),
    ),
    "a price below nothing": (12, lambda s: priced(s)["rate"][0].update(rate=-1)),
    "a gap between prices": (12, lambda s: priced(s)["rate"][0].update(start_duration=5)),
    "a price that ends too soon": (12, lambda s: priced(s)["rate"][0].update(end_duration=5)),
    "an unknown event": (5, lambda s: of(s, "events").update(event_type="parked")),
    "published before it happened": (
        14,
        lambda s: of(s, "events").update(event_publication_time=of(s, "events")["event_time"] - 1),
    ),
    "published after the last update": (14, lambda s: s.pages[0].update(last_updated=1_754_270_000_000)),
    "oldest first": (14, lambda s: s.pages[0]["data"]["events"].reverse()),
    "a bare point": (
        14,
        lambda s: of(s, "events").update(event_location=of(s, "events")["event_location"]["geometry"]),
    ),
    "a place without a moment": (14, lambda s: of(s, "events")["event_location"]["properties"].clear()),
    "a departure without its zone": (
        14,
        lambda s: of(s, "events", event_type="park_end").pop("curb_zone_id"),
    ),
    "a departure without a session": (
        14,
        lambda s: of(s, "events", event_type="park_end").pop("event_session_id"),
    ),
    "a departure of another session": (
        15,
        lambda s: of(s, "events", event_type="park_end").update(
            event_session_id=of(s, "zones")["curb_zone_id"]
        ),
    ),
    "two departures": (15, lambda s: in_order(s, "park_start")[0].update(event_type="park_end")),
    "lost twice": (
        15,
        lambda s: of(s, "events", event_type="comms_restored").update(event_type="comms_lost"),
    ),
    "a status of its own": (
        15,
        lambda s: of(s, "status", sensor_status_is_online=False).update(sensor_status_is_online=True),
    ),
    "a session of another type": (16, lambda s: put(s, "sessions", "session_type", "Parking")),
    "an unknown column": (16, lambda s: header(s, "sessions", "event_session_id", "session")),
    "an end before the start": (16, lambda s: end_of_a_session(s, "event_time_end", "1754000000000")),
    "half an end": (16, lambda s: end_of_a_session(s, "event_time_end", "")),
    "seconds in a session": (16, lambda s: put(s, "sessions", "event_time_start", "1754265660")),
    "a time that is not its event's": (16, lambda s: end_of_a_session(s, "event_time_end", "1754276999000")),
    "a session twice": (16, lambda s: repeat_row(s, "sessions")),
    "a capital": (17, lambda s: put(s, "aggregates", "curb_place_type", "Zone")),
    "an unknown metric": (17, lambda s: put(s, "aggregates", "metric_type", "occupancy")),
    "a day of another kind": (17, lambda s: put(s, "aggregates", "date", "04/08/2025")),
    "an hour of 25": (17, lambda s: put(s, "aggregates", "hour", "25")),
    "a row twice": (17, lambda s: repeat_row(s, "aggregates")),
    "an hour that is missing": (17, lambda s: drop_row(s, "aggregates", m="turnover", h="12")),
    "another count": (17, lambda s: put(s, "aggregates", "value", "9", m="total_sessions", v="2")),
    "a dwell in hours": (
        17,
        lambda s: put(s, "aggregates", "value", "0.5", m="average_dwell_time", h="12", v="5"),
    ),
    "a percentage": (
        17,
        lambda s: put(s, "aggregates", "value", "27.7778", m="occupancy_percent", v="0.277778"),
    ),
    "unknown in part": (17, lambda s: put(s, "aggregates", "value", "0", m="total_sessions", v="-1")),
    "a silent sensor's space is free": (
        18,
        lambda s: silent_space(s).update(available=False, availability_time=1_754_277_000_000),
    ),
    "availability of no time": (
        18,
        lambda s: next(one for one in s.records("spaces") if "available" in one).pop("availability_time"),
    ),
    "availability of tomorrow": (
        18,
        lambda s: of(s, "spaces", available=True).update(availability_time=1_754_377_000_000),
    ),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_broken_sample_is_refused_by_the_point_that_it_breaks(sample: str, served: Served) -> None:
    point, broken = SAMPLES[sample]
    changed = copy.deepcopy(served)
    broken(changed)
    assert any(line.startswith(f"{point}: ") for line in validator.lines(changed))


def test_silence_and_occupancy_are_held_against_what_is_known_of_them(served: Served) -> None:
    every = [line.split(",") for line in served.aggregates.splitlines()[1:]]
    keys = {(kind, name, date, int(hour)) for kind, name, _, date, hour, _ in every}
    heard = dataclasses.replace(served, offline=dict.fromkeys(keys, 0.0))
    assert any("-1 though most was heard" in line for line in validator.breaches(heard))
    silent = dataclasses.replace(served, offline=dict.fromkeys(keys, 0.9))
    assert any("told though most was silent" in line for line in validator.breaches(silent))
    empty = dataclasses.replace(served, occupied=dict.fromkeys(keys, 0.0))
    assert any("occupancy of" in line for line in validator.breaches(empty))


def moved_start(served: Served) -> None:
    of(served, "zones")["start_date"] += 1


def other_ground(served: Served) -> None:
    ring(of(served, "zones"))[1][0] += 1e-7


def forgotten_policies(served: Served) -> None:
    zone = next(zone for zone in served.records("zones") if zone["curb_policy_ids"])
    zone["curb_policy_ids"] = []
    zone["last_updated_date"] += 1


def other_content(served: Served) -> None:
    of(served, "policies")["priority"] += 1


@pytest.mark.parametrize(
    ("point", "change"),
    [(8, moved_start), (8, other_ground), (8, forgotten_policies), (9, other_content)],
)
def test_what_may_not_change_between_two_captures_is_noticed(
    point: int, change: Break, served: Served
) -> None:
    later = copy.deepcopy(served)
    assert validator.changes(served, later) == []
    change(later)
    assert any(line.startswith(f"{point}: ") for line in validator.changes(served, later))


def ok_to_everything(path: str, query: Mapping[str, object], answer: Answer) -> Answer:
    return dataclasses.replace(answer, status=200)


def of_another_type(path: str, query: Mapping[str, object], answer: Answer) -> Answer:
    return dataclasses.replace(answer, headers={"content-type": "application/json"})


def not_found(path: str, query: Mapping[str, object], answer: Answer) -> Answer:
    return dataclasses.replace(answer, status=404) if answer.status == 501 else answer


def farthest_first(path: str, query: Mapping[str, object], answer: Answer) -> Answer:
    if "radius" in query and isinstance(answer.body, dict) and "data" in answer.body:
        answer = copy.deepcopy(answer)
        for rows in answer.body["data"].values():
            rows.reverse()
    return answer


def radius_in_metres(ask: Ask) -> Ask:
    def asked(
        path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        if query and "radius" in query and float(str(query["radius"])) > 0:
            query = {**query, "radius": 100 * float(str(query["radius"]))}
        return ask(path, query, headers)

    return asked


def ignoring(*names: str) -> Callable[[Ask], Ask]:
    """A server that does not look at some parameters."""

    def over(ask: Ask) -> Ask:
        def asked(
            path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
        ) -> Answer:
            return ask(
                path, {key: value for key, value in (query or {}).items() if key not in names}, headers
            )

        return asked

    return over


def changing(change: Callable[[str, Mapping[str, object], Answer], Answer]) -> Callable[[Ask], Ask]:
    def over(ask: Ask) -> Ask:
        def asked(
            path: str, query: Mapping[str, object] | None = None, headers: Mapping[str, str] | None = None
        ) -> Answer:
            return change(path, query or {}, ask(path, query, headers))

        return asked

    return over


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("answers 200 to application/json", changing(ok_to_everything)),
        ("1: /curbs/zones answers 200 application/json to None", changing(of_another_type)),
    ],
)
def test_a_server_of_another_type_is_refused(line: str, server: Callable[[Ask], Ask], city: City) -> None:
    assert any(line in one for one in protocol.media_types(server(city.ask)))


def test_a_server_that_asks_for_no_token_is_refused(city: City) -> None:
    found = protocol.tokens(changing(ok_to_everything)(city.ask), city.token)
    assert any("answers 200 to the authorization" in one for one in found)


def test_a_server_that_does_not_know_what_it_has_not_built_is_refused(city: City) -> None:
    assert any("instead of 501" in one for one in protocol.errors(changing(not_found)(city.ask)))


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("is not sorted by distance", changing(farthest_first)),
        ("m away", radius_in_metres),
        ("answers 200 to {'min_lng'", ignoring("min_lng", "max_lat", "max_lng")),
        ("include_geometry=false shows a geometry", ignoring("include_geometry")),
        ("ignores the time", ignoring("time")),
        ("with {'ids'", ignoring("ids")),
        ("with {'area'", ignoring("area")),
        ("with {'curb_space_id'", ignoring("curb_space_id")),
    ],
)
def test_a_server_that_does_not_listen_is_refused(
    line: str, server: Callable[[Ask], Ask], city: City, served: Served
) -> None:
    assert any(line in one for one in protocol.queries(server(city.ask), served))
