import re
from collections import Counter
from statistics import median

import pytest

from melpark.simulator.city import City, build
from melpark.simulator.plates import MIX
from melpark.simulator.records import bay_records, sign_plate_records, zone_segment_records

SEED = 20250807


@pytest.fixture(scope="module")
def city() -> City:
    return build(SEED)


def test_one_seed_is_one_city_and_another_is_another(city: City) -> None:
    assert build.__wrapped__(SEED) == city
    assert build(SEED + 1) != city


@pytest.mark.parametrize("seed", [SEED + 1, SEED])
def test_about_330_zones_hold_3300_sensors(seed: int) -> None:
    city = build(seed)
    sizes = Counter(sensor.zone.zone_number for sensor in city.sensors)
    assert len({sensor.kerbside_id for sensor in city.sensors}) == 3_300
    assert 290 <= len(sizes) <= 370
    assert 5 <= median(sizes.values()) <= 10
    assert max(sizes.values()) <= 76


def test_every_bay_and_sensor_lies_in_melbourne(city: City) -> None:
    points = [bay.point for bay in city.bays]
    points += [(sensor.longitude, sensor.latitude) for sensor in city.sensors]
    for longitude, latitude in points:
        assert 144.936 <= longitude <= 144.989
        assert -37.848 <= latitude <= -37.795


def test_no_two_bays_share_a_place(city: City) -> None:
    assert len({bay.point for bay in city.bays}) == len(city.bays)


def test_seven_percent_of_sensors_show_no_zone(city: City) -> None:
    without = sum(sensor.zone_number is None for sensor in city.sensors)
    assert 0.055 <= without / len(city.sensors) <= 0.085


def test_a_hundred_sensors_have_no_bay_and_most_bays_no_sensor(city: City) -> None:
    sensors = {str(sensor.kerbside_id) for sensor in city.sensors}
    listed = [bay.kerbside_id for bay in city.bays if bay.kerbside_id]
    assert len(sensors - set(listed)) == 100
    assert len(listed) < len(city.bays) / 2


def test_some_bay_ids_repeat_on_another_bay_and_two_are_no_numbers(city: City) -> None:
    ids = Counter(record["kerbsideid"] for record in bay_records(city) if record["kerbsideid"])
    assert sum(count == 2 for count in ids.values()) == 13
    assert sum(not kerbside_id.isdigit() for kerbside_id in ids) == 2


def test_some_zones_with_sensors_have_no_plates(city: City) -> None:
    assert any(not sensor.zone.signs.plates for sensor in city.sensors)


def test_natural_keys_of_reference_records_are_unique(city: City) -> None:
    segments = [(record["parkingzone"], record["segment_id"]) for record in zone_segment_records(city)]
    plates = [tuple(record.values()) for record in sign_plate_records(city)]
    assert max(Counter(segments).values()) == 1
    assert max(Counter(plates).values()) == 1


def test_plates_are_written_as_the_citys(city: City) -> None:
    for record in sign_plate_records(city):
        assert record["time_restrictions_start"] < record["time_restrictions_finish"]
        assert re.fullmatch(r"\d\d:\d\d:00", record["time_restrictions_start"])
        assert record["restriction_days"] in {
            *("Mon-Fri", "Sat-Sun", "Sat", "Mon-Sat", "Mon-Sun", "Sun", "Fri", "Mon-Thu"),
        }
        assert re.fullmatch(
            r"(M|F|D)?P?\d?P|LZ\d\d|[HQSP]P|FP15|(MP|FP|DP)\dP", record["restriction_display"]
        )


def test_metered_two_hours_is_the_commonest_rule_as_in_the_city(city: City) -> None:
    codes = Counter(record["restriction_display"] for record in sign_plate_records(city))
    assert [code for code, _ in codes.most_common(4)] == ["MP2P", "2P", "MP3P", "LZ30"]
    assert 0.4 <= codes["MP2P"] / codes.total() <= 0.6


def test_the_mix_holds_every_code_of_the_city() -> None:
    codes = {plate.code for signs in MIX for plate in signs.plates}
    city = "MP2P 2P LZ30 MP3P 4P 1P PP MP4P 3P MP1P SP QP FP2P HP FP15 FP1P DP2P 5P LZ15"
    assert codes == set(city.split())


def test_a_bay_stands_on_the_segment_of_its_street(city: City) -> None:
    for bay in city.bays[::500]:
        assert bay.segment.description.startswith(f"{bay.segment.street} between ")
        assert bay.segment.street not in (bay.segment.street_from, bay.segment.street_to)
