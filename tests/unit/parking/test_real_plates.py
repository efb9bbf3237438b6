"""The City's 2,033 plates, as counted in the facts of the data."""

import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import orjson
import pytest

from melpark.contracts import SIGN_PLATES
from melpark.ingestion.sources import PARSERS
from melpark.parking.plates import Plate, problem, read
from melpark.parking.rule_calendar import Version, windows
from unit.parking.plate_texts import local

pytestmark = pytest.mark.real_data
COUNTS = {
    "MP2P": 1039, "2P": 262, "LZ30": 189, "MP3P": 186, "4P": 109, "1P": 74, "PP": 59, "MP4P": 39, "3P": 21,
    "MP1P": 14, "SP": 8, "QP": 8, "FP2P": 6, "HP": 5, "FP15": 5, "FP1P": 4, "DP2P": 2, "5P": 2, "LZ15": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def zones(real_capture: Path) -> dict[int, list[Plate]]:
    (path,) = (real_capture / SIGN_PLATES.dataset).iterdir()
    records = orjson.loads(gzip.decompress(path.read_bytes()))
    parsed = PARSERS[SIGN_PLATES.dataset](records, datetime(2026, 1, 15, 6, tzinfo=UTC))
    found = defaultdict(list)
    for item in parsed.kept:
        zone, days, start, finish, code = (
            item.row[name] for name in ("zone_number", "days", "start_minute", "finish_minute", "code")
        )
        assert isinstance(zone, int)
        assert isinstance(start, int)
        assert isinstance(finish, int)
        found[zone].append(Plate(str(days), start, finish, str(code)))
    return found


def pairs(zones: dict[int, list[Plate]]) -> list[tuple[int, Plate, Plate]]:
    """Two plates of a zone that hold on some same weekday."""
    return [
        (zone, first, second)
        for zone, plates in zones.items()
        for first, second in combinations(plates, 2)
        if read(first).weekdays & read(second).weekdays
    ]


def test_all_nineteen_codes_are_there_as_often_as_counted_and_every_plate_is_read(
    zones: dict[int, list[Plate]],
) -> None:
    plates = [plate for found in zones.values() for plate in found]
    assert Counter(plate.code for plate in plates) == COUNTS
    assert {problem(plate) for plate in plates} == {None}
    assert {len(found) for found in zones.values()} == set(range(1, 9))


def test_the_texts_of_days_are_eight(zones: dict[int, list[Plate]]) -> None:
    assert Counter(plate.days for found in zones.values() for plate in found) == {
        "Mon-Fri": 1308, "Sat-Sun": 409, "Sat": 198, "Mon-Sat": 96, "Mon-Sun": 10, "Sun": 10, "Fri": 1, "Mon-Thu": 1
    }  # fmt: skip


def test_86_pairs_in_32_zones_overlap_and_41_have_different_limits(zones: dict[int, list[Plate]]) -> None:
    overlapping = [
        (zone, first, second)
        for zone, first, second in pairs(zones)
        if first.start_minute < second.finish_minute and second.start_minute < first.finish_minute
    ]
    different = [
        zone
        for zone, first, second in overlapping
        if read(first).rule.limit_minutes != read(second).rule.limit_minutes
    ]
    assert (len(overlapping), len({zone for zone, _, _ in overlapping}), len(different)) == (86, 32, 41)
    week = (local("2025-08-04"), local("2025-08-11"))
    found = windows(Version(zone, *week, frozenset(plates)) for zone, plates in zones.items())
    assert {window.zone_number for window in found if window.is_ambiguous} == set(different)


def test_in_299_pairs_one_mp2p_follows_another_and_the_clock_runs_on(zones: dict[int, list[Plate]]) -> None:
    following = [
        zone
        for zone, first, second in pairs(zones)
        if first.code == second.code == "MP2P"
        and (first.finish_minute == second.start_minute or second.finish_minute == first.start_minute)
    ]
    assert len(following) == 299
    week = (local("2025-08-04"), local("2025-08-11"))
    found = windows(Version(zone, *week, frozenset(zones[zone])) for zone in set(following))
    restarted = [
        window
        for window in found
        if window.code == "MP2P" and window.clock_from_at == window.start_at == local("2025-08-05 19:00")
    ]
    assert restarted == []
