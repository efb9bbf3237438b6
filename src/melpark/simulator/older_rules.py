"""The older, bay-keyed rules: `on-street-car-park-bay-restrictions`, with the real table's traps.

`bayid` is of another numbering (72 are also some sensor's by chance), a row has six slots, times stand in the year 1,
0 is Sunday so that Monday to Sunday wraps the week, and the disability extension is mostly twice the duration.
"""

import random
from typing import Any

from melpark.simulator.city import City
from melpark.simulator.randomness import stream

ROWS = 4_263
CHANCE_MATCHES = 72
SLOTS = 6
SLOTS_USED = {1: 1_401, 2: 2_278, 3: 367, 4: 135, 5: 57, 6: 25}
SHARE_TWICE = 0.946
# Type, minutes, and how often the first slot has it.
TYPES = (
    ("2P Meter", 120, 1_341), ("1P Meter", 60, 497), ("2P", 120, 389), ("1P", 60, 379),
    ("4P Meter", 240, 327), ("3P Meter", 180, 207), ("2P Ticket A", 120, 145), ("4P Ticket A", 240, 116),
    ("4P", 240, 107), ("3P", 180, 105), ("1/4P", 15, 94), ("1/2P", 30, 89), ("Loading Zone 15M", 15, 69),
    ("Loading Zone 30M", 30, 110), ("2P Disabled Only", 120, 49), ("Clearway (Tow away)", 0, 28),
    ("P 05 Min", 5, 28), ("Disabled Only", 1_440, 27),
)  # fmt: skip
# From day, to day (0 is Sunday), how many all told, and the share of them effective on holidays.
SPANS = ((1, 5, 1_675, 0.0014), (1, 6, 1_582, 0.05), (1, 0, 953, 0.86), (6, 0, 26, 0.5), (0, 0, 27, 0.5))
HOURS = (
    ("07:30", "18:30", 2_365), ("07:30", "23:00", 642), ("07:30", "20:30", 618), ("09:30", "16:00", 129),
    ("10:00", "22:00", 110), ("00:00", "23:59:59", 65), ("07:00", "19:30", 83),
)  # fmt: skip
DAY_NAMES = ("SUN", "M", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    "description", "disabilityext", "duration", "effectiveonph", "endtime", "exemption", "fromday", "starttime",
    "today", "typedesc",
)  # fmt: skip

Slot = dict[str, Any]


def restriction_records(city: City) -> list[Slot]:
    """The whole table, one record per older bay."""
    rng = stream(city.seed, "older rules")
    matches = rng.sample([sensor.kerbside_id for sensor in city.sensors], CHANCE_MATCHES)
    sensors = {sensor.kerbside_id for sensor in city.sensors}
    others = [number for number in range(1_000, 12_000) if number not in sensors]
    ids = matches + rng.sample(others, ROWS - CHANCE_MATCHES)
    used = [slots for slots, rows in SLOTS_USED.items() for _ in range(rows)]
    rng.shuffle(used)
    return [_record(rng, bay_id, slots) for bay_id, slots in zip(ids, used, strict=True)]


def _record(rng: random.Random, bay_id: int, slots: int) -> Slot:
    record: Slot = {"bayid": bay_id, "deviceid": rng.randint(15_000, 29_999)}
    filled = [_slot(rng) for _ in range(slots)] + [dict.fromkeys(FIELDS)] * (SLOTS - slots)
    for field in FIELDS:
        for number, slot in enumerate(filled, start=1):
            record[f"{field}{number}"] = slot[field]
    return record


def _slot(rng: random.Random) -> Slot:
    name, minutes, _ = rng.choices(TYPES, [weight for *_, weight in TYPES])[0]
    first, last, _, on_holidays = rng.choices(SPANS, [span[2] for span in SPANS])[0]
    start, end, _ = rng.choices(HOURS, [hours[2] for hours in HOURS])[0]
    days = DAY_NAMES[first] if first == last else f"{DAY_NAMES[first]}-{DAY_NAMES[last]}"
    return {
        "description": f"{name.upper()} {days} {start}-{end[:5]}",
        "disabilityext": 2 * minutes if rng.random() < SHARE_TWICE else minutes,
        "duration": minutes,
        "effectiveonph": int(rng.random() < on_holidays),
        "endtime": _year_one(end),
        "exemption": "Resident Permit Area 1B" if rng.random() < 0.13 else None,
        "fromday": first,
        "starttime": _year_one(start),
        "today": last,
        "typedesc": name,
    }


def _year_one(time: str) -> str:
    return f"0001-01-01T{time if len(time) == 8 else time + ':00'}+00:00"
