"""The fields of the Curb Data Specification 1.0.1: types, and what is required. Written from its text, not from ours.

A type is a letter as in the reference: U uuid, T time, S text, I integer, N number, B boolean, P polygon, F feature;
a tuple is an enumeration, a list is an array of its one element, a text is an object of that name.
"""

import re
from collections.abc import Iterator
from typing import Any

Type = Any
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ACTIVITIES = (
    "parking",
    "no parking",
    "loading",
    "no loading",
    "unloading",
    "no unloading",
    "stopping",
    "no stopping",
    "travel",
    "no travel",
)
UNITS = ("second", "minute", "hour", "day", "week", "month", "year")
RATE_UNITS = (*UNITS, "quarter")
EVENT_TYPES = (
    "comms_lost",
    "comms_restored",
    "decommissioned",
    "park_start",
    "park_end",
    "scheduled_report",
    "enter_area",
    "exit_area",
)
SOURCE_TYPES = (
    "data_feed",
    "camera",
    "above_ground",
    "in_ground",
    "meter",
    "payment",
    "in_person",
    "other",
)
SIDES = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")
# Vehicle identity is never sent here, though the standard has fields for it.
FORBIDDEN = {"vehicle_id", "vehicle_license_plate", "vehicle_permit_number"}

# By object: field, type, whether it is required.
OBJECTS: dict[str, dict[str, tuple[Type, bool]]] = {
    "envelope": {
        "data": ("any", True),
        "version": ("S", True),
        "time_zone": ("S", True),
        "last_updated": ("T", True),
        "currency": ("S", True),
        "author": ("S", False),
        "license_url": ("S", False),
        "links": ("links", False),
    },
    "links": dict.fromkeys(("first", "last", "prev", "next"), ("any", False)),
    "zone": {
        "curb_zone_id": ("U", True),
        "geometry": ("P", True),
        "curb_policy_ids": (["U"], True),
        "prev_policies": (["previous"], False),
        "published_date": ("T", True),
        "last_updated_date": ("T", True),
        "prev_curb_zone_ids": (["U"], False),
        "start_date": ("T", True),
        "end_date": ("T", False),
        "location_references": (["reference"], False),
        "name": ("S", False),
        "user_zone_id": ("S", False),
        "street_name": ("S", False),
        "cross_street_start_name": ("S", False),
        "cross_street_end_name": ("S", False),
        "length": ("I", False),
        "width": ("I", False),
        "available_space_lengths": (["I"], False),
        "availability_time": ("T", False),
        "parking_angle": (("parallel", "perpendicular", "angled"), False),
        "num_spaces": ("I", False),
        "street_side": (SIDES, False),
        "median": ("B", False),
        "entire_roadway": ("B", False),
        "curb_area_ids": (["U"], False),
        "curb_space_ids": (["U"], False),
    },
    "previous": {
        "curb_policy_ids": (["U"], True),
        "start_date": ("T", True),
        "end_date": ("T", True),
    },
    "reference": {
        "source": ("S", True),
        "ref_id": ("S", True),
        "start": ("I", True),
        "end": ("I", True),
        "side": (("left", "right"), False),
    },
    "area": {
        "curb_area_id": ("U", True),
        "geometry": ("P", True),
        "name": ("S", False),
        "published_date": ("T", True),
        "last_updated_date": ("T", True),
        "curb_zone_ids": (["U"], True),
    },
    "space": {
        "curb_space_id": ("U", True),
        "geometry": ("P", True),
        "name": ("S", False),
        "published_date": ("T", True),
        "last_updated_date": ("T", True),
        "curb_zone_id": ("U", True),
        "length": ("I", True),
        "width": ("I", False),
        "space_number": ("I", False),
        "available": ("B", False),
        "availability_time": ("T", False),
    },
    "policy": {
        "curb_policy_id": ("U", True),
        "published_date": ("T", True),
        "priority": ("I", True),
        "rules": (["rule"], True),
        "time_spans": (["span"], False),
        "data_source_operator_id": (["U"], False),
    },
    "rule": {
        "activity": (ACTIVITIES, True),
        "max_stay": ("I", False),
        "max_stay_unit": (UNITS, False),
        "no_return": ("I", False),
        "no_return_unit": (UNITS, False),
        "user_classes": (["S"], False),
        "rate": (["rate"], False),
    },
    "span": {
        "start_date": ("T", False),
        "end_date": ("T", False),
        "days_of_week": ([DAYS], False),
        "days_of_month": (["I"], False),
        "months": (["I"], False),
        "time_of_day_start": ("S", False),
        "time_of_day_end": ("S", False),
        "designated_period": ("S", False),
        "designated_period_except": ("B", False),
    },
    "rate": {
        "rate": ("I", True),
        "rate_unit": (RATE_UNITS, True),
        "rate_unit_period": (("rolling", "calendar"), False),
        "increment_duration": ("I", False),
        "increment_amount": ("I", False),
        "start_duration": ("I", False),
        "end_duration": ("I", False),
        "maximum_fee": ("I", False),
    },
    "event": {
        "event_id": ("U", True),
        "event_type": (EVENT_TYPES, True),
        "event_purpose": ("S", False),
        "event_location": ("F", True),
        "event_time": ("T", True),
        "event_publication_time": ("T", True),
        "event_session_id": ("U", False),
        "curb_zone_id": ("U", False),
        "curb_area_ids": (["U"], False),
        "curb_space_id": ("U", False),
        "data_source_type": (SOURCE_TYPES, True),
        "data_source_operator_id": ("U", False),
        "data_source_operator_name": ("S", False),
        "data_source_device_id": ("U", True),
        "data_source_device_name": ("S", False),
        "data_source_manufacturer": ("S", False),
        "data_source_model": ("S", False),
        "sensor_status_is_commissioned": ("B", False),
        "sensor_status_is_online": ("B", False),
        "vehicle_length": ("I", False),
        "vehicle_type": ("S", False),
        "vehicle_propulsion_types": (["S"], False),
        "vehicle_blocked_lane_types": (["S"], False),
        "actual_cost": ("I", False),
    },
    "status": {
        "data_source_device_id": ("U", True),
        "data_source_type": (SOURCE_TYPES, True),
        "data_source_operator_id": ("U", False),
        "sensor_status_is_commissioned": ("B", False),
        "sensor_status_is_online": ("B", False),
    },
}
SESSION_COLUMNS = {
    "session_type": True,
    "event_session_id": False,
    "event_id_start": False,
    "event_id_end": False,
    "event_location_start_latitude": False,
    "event_location_start_longitude": False,
    "event_location_end_latitude": False,
    "event_location_end_longitude": False,
    "event_time_start": False,
    "event_time_end": False,
    "curb_zone_id": False,
    "curb_area_ids": False,
    "curb_space_id": False,
    "vehicle_length": False,
    "vehicle_type": False,
}
AGGREGATE_COLUMNS = ("curb_place_type", "curb_place_id", "metric_type", "date", "hour", "value")
METRIC_TYPES = ("total_sessions", "turnover", "average_dwell_time", "occupancy_percent")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The tenth digit: seconds since 1970 have ten, milliseconds thirteen.
LEAST_TIME = 10**12


def breaches(kind: str, value: object, where: str) -> Iterator[str]:
    """What in an object breaks the law of its fields: missing, unknown, of another type."""
    if not isinstance(value, dict):
        yield f"5: {where} is no object"
        return
    law = OBJECTS[kind]
    for name in value.keys() - law.keys():
        yield f"5: {where}.{name} is no field of the standard"
    for name, (of_type, is_required) in law.items():
        if name in value:
            yield from _of_type(of_type, value[name], f"{where}.{name}")
        elif is_required:
            yield f"5: {where}.{name} is missing"


def _of_type(of_type: Type, value: object, where: str) -> Iterator[str]:
    if isinstance(of_type, list):
        if not isinstance(value, list):
            yield f"5: {where} is no array"
            return
        for number, item in enumerate(value):
            yield from _of_type(of_type[0], item, f"{where}[{number}]")
    elif isinstance(of_type, tuple):
        if value not in of_type:
            yield f"5: {where} is {value!r}, none of {', '.join(of_type)}"
    elif of_type in OBJECTS:
        yield from breaches(of_type, value, where)
    elif of_type == "T":
        if type(value) is not int or value < LEAST_TIME:
            yield f"4: {where} is {value!r}, no integer of milliseconds"
    elif of_type == "U":
        if not isinstance(value, str) or not UUID.fullmatch(value):
            yield f"5: {where} is {value!r}, no UUID"
    elif of_type in ("S", "I", "N", "B"):
        fits = {
            "S": isinstance(value, str),
            "I": type(value) is int,
            "N": type(value) in (int, float),
            "B": isinstance(value, bool),
        }
        if not fits[of_type]:
            yield f"5: {where} is {value!r}, not of type {of_type}"
