"""The strict validator: what the Curb Data Specification 1.0.1 demands of data that were served, point by point.

Written from the standard's text, apart from the server: it imports nothing of it. Each breach is a line that begins
with the number of its point. The points that ask the server itself (1, 3, 13) are in `protocol`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

from cds import law, metrics, shapes
from cds.forms import form_of
from cds.served import KINDS, LISTS, Served


def breaches(served: Served) -> list[str]:
    """Everything that is wrong with what was served; empty when nothing is."""
    return list(lines(served))


def lines(served: Served) -> Iterator[str]:
    """One after the other. What has not the form of the standard is not looked into any further."""
    form = [*served.wrong, *forms(served), *metrics.columns(served)]
    yield from form
    if not form:
        for point in POINTS:
            yield from point(served)


def forms(served: Served) -> Iterator[str]:
    for path, body in served.bodies():
        yield from form_of(path, body)


def pages(served: Served) -> Iterator[str]:
    for number, page in enumerate(served.pages):
        links = page.get("links")
        if not isinstance(links, dict) or "next" not in links:
            yield f"3: page {number} has no links.next"
    if served.pages and (served.pages[-1].get("links") or {}).get("next") is not None:
        yield "3: the last page names another one"
    counted = Counter(event["event_id"] for event in served.records("events"))
    for name, count in counted.items():
        if count > 1:
            yield f"3: event {name} is on {count} pages"


def times(served: Served) -> Iterator[str]:
    for path, body in served.lists.items():
        for record in body["data"].get(LISTS[path], ()):
            changed = record.get("last_updated_date", 0)
            if isinstance(changed, int) and changed > body.get("last_updated", 0):
                yield f"4: {path} was last updated before one of its records: {record}"


def ids(served: Served) -> Iterator[str]:
    for name, (kind, key) in KINDS.items():
        if name == "events":
            continue
        counted = Counter(record.get(key) for record in served.records(name))
        for value, count in counted.items():
            if count > 1:
                yield f"5: {count} of {kind} share the id {value}"
    for where, body in served.bodies():
        for found in _names(body) & law.FORBIDDEN:
            yield f"5: {where} holds {found}"


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_names, value.values()))
    return set().union(*map(_names, value)) if isinstance(value, list) else set()


def geometries(served: Served) -> Iterator[str]:
    for name in ("zones", "areas", "spaces"):
        kind, key = KINDS[name]
        for record in served.records(name):
            yield from shapes.polygon_breaches(record.get("geometry"), f"{kind} {record.get(key)}")


def references(served: Served) -> Iterator[str]:
    known = {
        name: {record.get(key): record for record in served.records(name)} for name, (_, key) in KINDS.items()
    }
    zones, areas, spaces = known["zones"], known["areas"], known["spaces"]
    for name, zone in zones.items():
        for area_id in zone.get("curb_area_ids", ()):
            if name not in areas.get(area_id, {}).get("curb_zone_ids", ()):
                yield f"7: zone {name} names area {area_id}, which does not name it"
            elif not _contains(areas[area_id], zone):
                yield f"7: zone {name} is not inside its area {area_id}"
        for space_id in zone.get("curb_space_ids", ()):
            if spaces.get(space_id, {}).get("curb_zone_id") != name:
                yield f"7: zone {name} names space {space_id}, which does not name it"
    for name, area in areas.items():
        for zone_id in area["curb_zone_ids"]:
            if name not in zones.get(zone_id, {}).get("curb_area_ids", ()):
                yield f"7: area {name} names zone {zone_id}, which does not name it"
    for name, space in spaces.items():
        zone = zones.get(space.get("curb_zone_id"), {})
        if name not in zone.get("curb_space_ids", ()):
            yield f"7: space {name} names zone {space.get('curb_zone_id')}, which does not name it"
        elif not _contains(zone, space):
            yield f"7: space {name} is not inside its zone"
    for kind, things in (("spaces", spaces), ("zones", zones)):
        for one, other in shapes.overlaps(
            {name: thing["geometry"] for name, thing in things.items() if _drawable(thing)}
        ):
            yield f"7: {kind} {one} and {other} overlap"
    yield from _places_of_events(served, known)


def _places_of_events(served: Served, known: dict[str, dict[Any, Any]]) -> Iterator[str]:
    for event in served.records("events"):
        space = known["spaces"].get(event.get("curb_space_id"))
        if "curb_space_id" in event and (space is None or space["curb_zone_id"] != event.get("curb_zone_id")):
            yield f"7: event {event['event_id']} is in a space that is not in its zone"
        zone = known["zones"].get(event.get("curb_zone_id"))
        if zone and set(event.get("curb_area_ids", ())) - set(zone.get("curb_area_ids", ())):
            yield f"7: event {event['event_id']} is in areas that its zone is not in"


def _drawable(thing: Any) -> bool:
    return not list(shapes.polygon_breaches(thing.get("geometry"), ""))


def _contains(outer: Any, inner: Any) -> bool:
    return _drawable(outer) and _drawable(inner) and shapes.contains(outer["geometry"], inner["geometry"])


def histories(served: Served) -> Iterator[str]:
    """Point 8 within one capture."""
    for zone in served.records("zones"):
        name = zone.get("curb_zone_id")
        if "end_date" in zone and zone["end_date"] <= zone["start_date"]:
            yield f"8: zone {name} ends before it starts"
        earlier = zone.get("prev_policies", [])
        for one in earlier:
            if one["end_date"] <= one["start_date"]:
                yield f"8: policies of zone {name} ended before they began"
        for newer, older in pairwise(earlier):
            if older["end_date"] > newer["start_date"]:
                yield f"8: earlier policies of zone {name} are not newest first, or overlap"


def changes(before: Served, after: Served) -> list[str]:
    """Points 8 and 9 across two captures, the second later."""
    lines = []
    zones = {zone["curb_zone_id"]: zone for zone in before.records("zones")}
    for zone in after.records("zones"):
        old = zones.get(zone["curb_zone_id"])
        if old is None:
            continue
        if any(old[name] != zone[name] for name in ("start_date", "published_date")):
            lines.append(
                f"8: zone {zone['curb_zone_id']} has another start_date or published_date than before"
            )
        lines += _unannounced(old, zone)
    policies = {policy["curb_policy_id"]: policy for policy in before.records("policies")}
    now = {policy["curb_policy_id"]: policy for policy in after.records("policies")}
    lines += [f"9: policy {name} changed" for name, old in policies.items() if now.get(name, old) != old]
    return lines


def _unannounced(old: Any, zone: Any) -> Iterator[str]:
    lasting = ("geometry", "curb_policy_ids", "curb_space_ids", "curb_area_ids", "name")
    is_changed = any(old.get(name) != zone.get(name) for name in lasting)
    if is_changed and zone["last_updated_date"] <= old["last_updated_date"]:
        yield f"8: zone {zone['curb_zone_id']} changed and last_updated_date did not"
    previous = [one["curb_policy_ids"] for one in zone.get("prev_policies", [])]
    if old["curb_policy_ids"] != zone["curb_policy_ids"] and old["curb_policy_ids"] not in previous:
        yield f"8: zone {zone['curb_zone_id']} has other policies and does not tell of those before"


def cited_policies(served: Served) -> Iterator[str]:
    known = {policy["curb_policy_id"] for policy in served.records("policies")}
    for zone in served.records("zones"):
        earlier = [name for one in zone.get("prev_policies", []) for name in one["curb_policy_ids"]]
        for name in {*zone.get("curb_policy_ids", ()), *earlier} - known:
            yield f"9: policy {name} of zone {zone['curb_zone_id']} is not served"


def priorities(served: Served) -> Iterator[str]:
    known = {policy["curb_policy_id"]: policy for policy in served.records("policies")}
    for policy in known.values():
        classes = [_classes(rule) for rule in policy["rules"]]
        if len(set(classes)) < len(classes):
            yield f"10: rules of policy {policy['curb_policy_id']} share a set of user classes"
    for zone in served.records("zones"):
        of_zone = [known[name] for name in zone.get("curb_policy_ids", ()) if name in known]
        for one, other in combinations(of_zone, 2):
            shared = {*map(_classes, one["rules"])} & {*map(_classes, other["rules"])}
            if one["priority"] == other["priority"] and shared and _meet(one, other):
                yield f"10: two policies of zone {zone['curb_zone_id']} hold at one time with one priority"


def _classes(rule: Any) -> frozenset[str]:
    return frozenset(rule.get("user_classes", ()))


def _meet(one: Any, other: Any) -> bool:
    return any(
        _days(a) & _days(b) and _minutes(a)[0] < _minutes(b)[1] and _minutes(b)[0] < _minutes(a)[1]
        for a in one.get("time_spans", [{}])
        for b in other.get("time_spans", [{}])
    )


def _days(span: Any) -> set[str]:
    return set(span.get("days_of_week", law.DAYS))


def _minutes(span: Any) -> tuple[int, int]:
    def clock(text: str) -> int:
        hours, _, minutes = text.partition(":")
        return int(hours) * 60 + int(minutes)

    return clock(span.get("time_of_day_start", "00:00")), clock(span.get("time_of_day_end", "24:00"))


def spans(served: Served) -> Iterator[str]:
    for policy in served.records("policies"):
        for span in policy.get("time_spans", ()):
            where = f"a span of policy {policy['curb_policy_id']}"
            for name, value in span.items():
                if value == []:
                    yield f"11: {where} has an empty {name}"
                if name.startswith("time_of_day") and not metrics.CLOCK.fullmatch(str(value)):
                    yield f"11: {where} has the clock {value!r}"
                    return
            start, end = _minutes(span)
            if start >= end:
                yield f"11: {where} ends before it starts"
            if "designated_period_except" in span and "designated_period" not in span:
                yield f"11: {where} excepts no period"
            for name, most in (("days_of_month", 31), ("months", 12)):
                if any(not 1 <= number <= most for number in span.get(name, ())):
                    yield f"11: {where} has {name} beyond {most}"


SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def rates(served: Served) -> Iterator[str]:
    for policy in served.records("policies"):
        for rule in policy["rules"]:
            where = f"a rule of policy {policy['curb_policy_id']}"
            if rule.get("max_stay", 1) <= 0:
                yield f"12: {where} allows no time at all"
            steps = rule.get("rate", [])
            if steps and str(rule.get("activity")).startswith("no "):
                yield f"12: {where} prices what it forbids"
            if any(value < 0 for step in steps for value in step.values() if isinstance(value, int)):
                yield f"12: {where} has a rate below nothing"
            if steps and not _tiles(rule, steps):
                yield f"12: the rates of {where} leave a gap, overlap or miss the longest stay"


def _tiles(rule: Any, steps: list[Any]) -> bool:
    units = [SECONDS[step["rate_unit"]] for step in steps]
    ends = [
        step["end_duration"] * unit if "end_duration" in step else None
        for step, unit in zip(steps, units, strict=True)
    ]
    starts = [step.get("start_duration", 0) * unit for step, unit in zip(steps, units, strict=True)]
    unit = SECONDS[rule.get("max_stay_unit", "minute")]
    longest = rule["max_stay"] * unit if "max_stay" in rule else None
    return starts[0] == 0 and ends[:-1] == starts[1:] and ends[-1] in (None, longest)


def events(served: Served) -> Iterator[str]:
    for page in served.pages:
        for event in page["data"]["events"]:
            name = event.get("event_id")
            yield from _location(event)
            if not event["event_time"] <= event["event_publication_time"] <= page["last_updated"]:
                yield f"14: event {name} was not published between its time and last_updated"
            if event["event_type"].startswith("park_") and "event_session_id" not in event:
                yield f"14: event {name} has no session"
    at = [event["event_time"] for event in served.records("events")]
    if any(older > newer for newer, older in pairwise(at)):
        yield "14: events are not newest first"
    yield from _known_places(served)


def _location(event: Any) -> Iterator[str]:
    feature = event.get("event_location") or {}
    point = feature.get("geometry") or {}
    if feature.get("type") != "Feature" or point.get("type") != "Point":
        yield f"14: event {event.get('event_id')} has no Feature of a Point"
        return
    if type(feature.get("properties", {}).get("timestamp")) is not int:
        yield f"14: the location of event {event.get('event_id')} has no timestamp"
    west, south, east, north = shapes.MELBOURNE
    x, y = point.get("coordinates", (0, 0))
    if not (west < x < east and south < y < north):
        yield f"14: event {event.get('event_id')} is not in Melbourne"


def _known_places(served: Served) -> Iterator[str]:
    """A sensor whose events were in a space has a known place: its later parking events carry zone and space."""
    newest_first = defaultdict(list)
    for event in served.records("events"):
        if event["event_type"].startswith("park_"):
            newest_first[event["data_source_device_id"]].append(event)
    for device, of_device in newest_first.items():
        is_placed = False
        for event in reversed(of_device):
            if is_placed and not {"curb_zone_id", "curb_space_id"} <= event.keys():
                yield f"14: event {event['event_id']} of sensor {device} lost its place"
            is_placed = is_placed or "curb_space_id" in event


def devices(served: Served) -> Iterator[str]:
    by_device = defaultdict(list)
    for event in reversed(served.records("events")):
        by_device[event["data_source_device_id"]].append(event)
    online = {
        one["data_source_device_id"]: one.get("sensor_status_is_online") for one in served.records("status")
    }
    for device, of_device in by_device.items():
        yield from _alternate(device, of_device)
        comms = [event["event_type"] for event in of_device if event["event_type"].startswith("comms_")]
        if device in online and comms and online[device] != (comms[-1] == "comms_restored"):
            yield f"15: the status of {device} does not agree with its last {comms[-1]}"


def _alternate(device: str, oldest_first: list[Any]) -> Iterator[str]:
    parking = [event for event in oldest_first if event["event_type"].startswith("park_")]
    for one, other in pairwise(parking):
        if other["event_type"] != "park_end":
            continue
        if one["event_type"] == "park_end":
            yield f"15: two park_end follow each other at {device}"
        elif one.get("event_session_id") != other.get("event_session_id"):
            yield f"15: a park_end at {device} is of another session than the park_start before"
    comms = [event["event_type"] for event in oldest_first if event["event_type"].startswith("comms_")]
    if any(one == other for one, other in pairwise(comms)):
        yield f"15: {device} is lost or restored twice in a row"


def silent_sensors(served: Served) -> Iterator[str]:
    offline = {
        one["data_source_device_id"]
        for one in served.records("status")
        if one.get("sensor_status_is_online") is False
    }
    silent = {
        event.get("curb_space_id")
        for event in served.records("events")
        if event["data_source_device_id"] in offline
    }
    for name in ("spaces", "zones"):
        updated_at = served.lists[f"/curbs/{name}"]["last_updated"]
        told = "available" if name == "spaces" else "available_space_lengths"
        for record in served.records(name):
            key = record[KINDS[name][1]]
            if (told in record) != ("availability_time" in record):
                yield f"18: {key} has {told} or availability_time without the other"
            if record.get("availability_time", 0) > updated_at:
                yield f"18: availability_time of {key} is later than last_updated"
            if key in silent and told in record:
                yield f"18: {key} tells {told} though its sensor is silent"


POINTS = (
    pages,
    times,
    ids,
    geometries,
    references,
    histories,
    cited_policies,
    priorities,
    spans,
    rates,
    events,
    devices,
    metrics.sessions,
    metrics.aggregates,
    silent_sensors,
)
