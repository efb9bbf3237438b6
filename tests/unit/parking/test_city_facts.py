"""Facts about the City's feed and tables on which our rules rest, counted on its own files."""

import csv
import gzip
import math
import statistics
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from cases.historical import OVERSTAYS_2016
from melpark.contracts import BAY_RESTRICTIONS, BAYS, DATASETS, SENSORS, SIGN_PLATES, ZONE_SEGMENTS

pytestmark = pytest.mark.real_data

Record = dict[str, Any]
MONDAY_TO_SUNDAY, MONDAY_TO_FRIDAY = (1, 0), (1, 5)
METRES_A_DEGREE = 111_195


def read(file: Path) -> list[Record]:
    records: list[Record] = orjson.loads(gzip.decompress(file.read_bytes()))
    return records


def newest(capture: Path, dataset: str) -> list[Record]:
    return read(max((capture / dataset).glob("*.json.gz")))


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
def polls(real_capture: Path) -> list[list[Record]]:
    return [read(file) for file in sorted((real_capture / SENSORS.dataset).glob("*.json.gz"))]


@pytest.fixture(scope="module")
def overstays(real_data: Path) -> list[dict[str, str]]:
    with gzip.open(real_data / OVERSTAYS_2016, "rt", newline="") as file:
        return list(csv.DictReader(file))


def test_the_feed_is_refreshed_every_two_minutes(polls: list[list[Record]]) -> None:
    times = [datetime.fromisoformat(max(record["lastupdated"] for record in poll)) for poll in polls]
    assert len(times) == 6
    assert {(time - times[0]).total_seconds() % 120 for time in times} == {0}


def test_a_record_of_the_feed_has_six_fields_a_number_for_an_id_and_times_of_offset_zero(
    polls: list[list[Record]],
) -> None:
    fields = (
        "kerbsideid",
        "lastupdated",
        "location",
        "status_description",
        "status_timestamp",
        "zone_number",
    )
    for record in (record for poll in polls for record in poll):
        assert tuple(sorted(record)) == fields
        assert type(record["kerbsideid"]) is int
        assert record["lastupdated"][-6:] == record["status_timestamp"][-6:] == "+00:00"


def test_no_status_time_runs_backwards_since_2024(polls: list[list[Record]]) -> None:
    times = [{record["kerbsideid"]: record["status_timestamp"] for record in poll} for poll in polls]
    for before, after in pairwise(times):
        assert len(before.keys() & after.keys()) > 3_000
        assert [bay for bay in before.keys() & after.keys() if after[bay] < before[bay]] == []


def test_no_dataset_names_a_price(real_capture: Path) -> None:
    fields = {name for dataset in DATASETS for record in newest(real_capture, dataset) for name in record}
    assert len(fields) > 60
    assert [
        name for name in fields if any(word in name for word in ("price", "tariff", "cost", "fee", "rate"))
    ] == []


def test_a_bays_lastupdated_is_a_date(real_capture: Path) -> None:
    assert {len(bay["lastupdated"]) for bay in newest(real_capture, BAYS.dataset)} == {len("2023-10-31")}


def test_a_repeated_id_lies_on_two_street_segments(bays: dict[str, list[Record]]) -> None:
    repeated = {name: {bay["roadsegmentid"] for bay in rows} for name, rows in bays.items() if len(rows) > 1}
    assert {len(segments) for segments in repeated.values()} == {2}
    assert {"17212", "17242", "17244"} < repeated.keys()


def test_day_0_of_the_older_rules_is_sunday(real_capture: Path) -> None:
    sundays = Counter(
        (bay[f"fromday{slot}"], bay[f"today{slot}"])
        for bay in newest(real_capture, BAY_RESTRICTIONS.dataset)
        for slot in range(1, 7)
        if " SUN " in (bay[f"description{slot}"] or "").upper()
    )
    assert sundays == {(0, 0): 1_478, (6, 0): 7}


def test_the_markers_of_2016_are_in_no_zone_table(
    real_capture: Path, overstays: list[dict[str, str]]
) -> None:
    zones = {
        str(record["parkingzone"])
        for table in (SIGN_PLATES, ZONE_SEGMENTS)
        for record in newest(real_capture, table.dataset)
    }
    assert len(zones) > 700
    assert not zones & {row["street_marker"] for row in overstays}


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
