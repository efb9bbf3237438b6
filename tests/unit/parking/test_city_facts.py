"""Facts about the City's tables on which our rules rest, counted on its own files."""

import csv
import gzip
import math
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from cases.historical import OVERSTAYS_2016
from melpark.contracts import BAY_RESTRICTIONS, BAYS, SENSORS

pytestmark = pytest.mark.real_data

Record = dict[str, Any]
MONDAY_TO_SUNDAY, MONDAY_TO_FRIDAY = (1, 0), (1, 5)
METRES_A_DEGREE = 111_195


def newest(capture: Path, dataset: str) -> list[Record]:
    file = max((capture / dataset).glob("*.json.gz"))
    records: list[Record] = orjson.loads(gzip.decompress(file.read_bytes()))
    return records


def metres(one: Record, other: Record) -> float:
    north = one["lat"] - other["lat"]
    east = (one["lon"] - other["lon"]) * math.cos(math.radians(one["lat"]))
    return METRES_A_DEGREE * math.hypot(north, east)


@pytest.fixture(scope="module")
def bays(real_capture: Path) -> dict[str, list[Record]]:
    by_id = defaultdict(list)
    for bay in newest(real_capture, BAYS.dataset):
        if bay["kerbsideid"] is not None:
            by_id[bay["kerbsideid"]].append(bay)
    return by_id


@pytest.fixture(scope="module")
def sensors(real_capture: Path) -> dict[str, Record]:
    return {str(sensor["kerbsideid"]): sensor for sensor in newest(real_capture, SENSORS.dataset)}


@pytest.fixture(scope="module")
def overstays(real_data: Path) -> list[dict[str, str]]:
    with gzip.open(real_data / OVERSTAYS_2016, "rt", newline="") as file:
        return list(csv.DictReader(file))


def test_on_public_holidays_most_slots_of_all_seven_days_hold_and_almost_none_of_monday_to_friday(
    real_capture: Path,
) -> None:
    slots = Counter(
        ((bay[f"fromday{slot}"], bay[f"today{slot}"]), bay[f"effectiveonph{slot}"])
        for bay in newest(real_capture, BAY_RESTRICTIONS.dataset)
        for slot in range(1, 7)
    )
    assert (slots[MONDAY_TO_SUNDAY, 1], slots[MONDAY_TO_SUNDAY, 0]) == (882, 1_020 - 882)
    assert (slots[MONDAY_TO_FRIDAY, 1], slots[MONDAY_TO_FRIDAY, 0]) == (3, 2_114 - 3)


def test_a_hundred_sensors_have_no_bay_row(bays: dict[str, list[Record]], sensors: dict[str, Record]) -> None:
    assert len(sensors.keys() - bays.keys()) == 100


def test_of_bays_with_one_id_the_nearest_is_a_step_from_the_sensor_and_another_up_to_kilometres(
    bays: dict[str, list[Record]], sensors: dict[str, Record]
) -> None:
    repeated = {kerbside_id: rows for kerbside_id, rows in bays.items() if len(rows) > 1}
    away = [
        [metres(sensors[kerbside_id]["location"], bay["location"]) for bay in rows]
        for kerbside_id, rows in repeated.items()
    ]
    assert len(away) == 13
    assert statistics.median(min(of_id) for of_id in away) == pytest.approx(1.6, abs=0.05)
    assert max(max(of_id) for of_id in away) == pytest.approx(4_500, abs=50)


def test_one_bay_of_2016_has_several_limits_by_time_of_day(overstays: list[dict[str, str]]) -> None:
    """In the first week, which is what the captures hold; 1,521 of 2,410 in the whole file."""
    limits = defaultdict(set)
    for row in overstays:
        limits[row["street_marker"]].add(row["limit_minutes"])
    assert (sum(len(of_bay) > 1 for of_bay in limits.values()), len(limits)) == (944, 2_054)


def test_many_stays_of_2016_begin_with_the_rule_and_many_limits_are_0(
    overstays: list[dict[str, str]],
) -> None:
    assert sum(row["arrival_local"].endswith("T07:30") for row in overstays) == 957
    assert sum(row["limit_minutes"] == "0" for row in overstays) == 1_781
