"""Each flaw of the City's data can be switched off by itself, and takes no other with it."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from melpark.simulator.city import City, Zone, build
from melpark.simulator.dirt import MOST, Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import NOBODY, Feed
from melpark.simulator.outages import Failure

SEED = 20250807
# Flaws that a city is built with; the others are of its feed.
OF_THE_TABLES = (
    "share_zones_without_plates",
    "share_zones_without_segment",
    "share_zones_of_several_segments",
    "share_sensors_without_zone",
    "sensors_without_bay",
    "repeated_ids",
    "ids_that_are_no_numbers",
)
NOW = int(datetime(2025, 8, 7, 1, 12, tzinfo=UTC).timestamp())
FOUR_WEEKS = int(timedelta(weeks=4).total_seconds())
YEARS = 10


@cache
def truth() -> Truth:
    return Truth(build(SEED))


def feed_with(dirt: Dirt) -> Feed:
    """A city is built anew only for a flaw of its tables."""
    plain = build(SEED)
    is_of_tables = any(getattr(dirt, name) != getattr(plain.dirt, name) for name in OF_THE_TABLES)
    city = build(SEED, dirt) if is_of_tables else replace(plain, dirt=dirt)
    return Feed(city, truth())


def zones(city: City) -> list[Zone]:
    return list({sensor.zone.zone_number: sensor.zone for sensor in city.sensors}.values())


def ids(city: City) -> Counter[str]:
    return Counter(bay.kerbside_id for bay in city.bays if bay.kerbside_id)


def outages_of(failure: Failure) -> Callable[[Feed], int]:
    def count(feed: Feed) -> int:
        """Within years, for frozen feeds are rare."""
        found = feed.time.outages(NOW, NOW + YEARS * 13 * FOUR_WEEKS)
        return sum(one.failure is failure for one in found)

    return count


def late_seconds(feed: Feed) -> int:
    ticks = NOW + np.arange(10) * 120
    return int((feed.time.updated(ticks) - feed.time.known_until(ticks)).max())


FLAWS: Mapping[str, Callable[[Feed], int]] = {
    "share_zones_without_plates": lambda feed: sum(not zone.signs.plates for zone in zones(feed.city)),
    "share_zones_without_segment": lambda feed: sum(not zone.segments for zone in zones(feed.city)),
    "share_zones_of_several_segments": lambda feed: sum(len(one.segments) > 1 for one in zones(feed.city)),
    "share_sensors_without_zone": lambda feed: sum(one.zone_number is None for one in feed.city.sensors),
    "sensors_without_bay": lambda feed: len(
        {str(one.kerbside_id) for one in feed.city.sensors} - ids(feed.city).keys()
    ),
    "repeated_ids": lambda feed: sum(count > 1 for count in ids(feed.city).values()),
    "ids_that_are_no_numbers": lambda feed: sum(not one.isdigit() for one in ids(feed.city)),
    "epoch_zero_times": lambda feed: int((feed.timeless(NOW + 120 * np.arange(20)) != NOBODY).sum()),
    "share_dead": lambda feed: int(feed.faultiness.lasting.is_dead.sum()),
    "share_stuck": lambda feed: int((~feed.faultiness.lasting.is_dead).sum()),
    "passing_faults_in_four_weeks": lambda feed: (
        len(feed.faultiness.within(NOW, NOW + FOUR_WEEKS).bay) - len(feed.faultiness.lasting.bay)
    ),
    "is_late": late_seconds,
    "zone_changes_a_week": lambda feed: sum(
        shift.zone_number is not None for shift in feed.drift.shifts(NOW, NOW + FOUR_WEEKS)
    ),
    "place_changes_a_week": lambda feed: sum(
        shift.place is not None for shift in feed.drift.shifts(NOW, NOW + FOUR_WEEKS)
    ),
    "stale_feeds": outages_of(Failure.STALE),
    "frozen_feeds": outages_of(Failure.FROZEN),
    "server_errors": outages_of(Failure.SERVER_ERROR),
    "exceeded_quotas": outages_of(Failure.QUOTA),
    "cut_bodies": outages_of(Failure.CUT_BODY),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Dirt)])
def test_each_flaw_can_be_switched_off_alone(name: str) -> None:
    off: dict[str, Any] = {name: False if name == "is_late" else 0}
    feed = feed_with(replace(Dirt(), **off))
    found = {flaw for flaw, count in FLAWS.items() if count(feed)}
    assert found == FLAWS.keys() - {name}


def test_the_city_has_every_flaw_until_it_is_switched_off() -> None:
    feed = feed_with(Dirt())
    assert [flaw for flaw, count in FLAWS.items() if not count(feed)] == []
    assert FLAWS.keys() == {field.name for field in fields(Dirt)}
    none = feed_with(Dirt.none())
    assert [flaw for flaw, count in FLAWS.items() if count(none)] == []


def test_flaws_are_set_by_name_and_the_others_stay_the_citys() -> None:
    assert Dirt.of("") == Dirt()
    assert Dirt.of("share_dead=0, is_late=0,repeated_ids=2") == replace(
        Dirt(), share_dead=0.0, is_late=False, repeated_ids=2
    )
    assert Dirt.of("none") == Dirt.none()
    assert Dirt.of("none,is_late=1") == replace(Dirt.none(), is_late=True)


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ("share_ded=0", "share_ded is no flaw"),
        ("share_dead", "share_dead: nothing is no number"),
        ("share_dead=half", "share_dead: half is no number"),
        ("share_dead=1.5", "share_dead: 1.5 is no number of 0 to 1"),
        ("stale_feeds=-1", "stale_feeds: -1 is no number of 0 to 100"),
        ("stale_feeds=nan", "stale_feeds: nan is no number of 0 to 100"),
        ("repeated_ids=1.5", "repeated_ids: 1.5 is no whole number of 0 to 100"),
        ("sensors_without_bay=9999", "sensors_without_bay: 9999 is no whole number of 0 to 1,000"),
        ("epoch_zero_times=2", "epoch_zero_times: 2 is no number of 0 to 1"),
        ("is_late=0,is_late=1", "is_late is set twice"),
        ("is_late=2", "is_late: 2 is no whole number of 0 to 1"),
    ],
)
def test_every_flaw_that_cannot_be_read_is_named(part: str, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}; none is no flaw$"):
        Dirt.of(f"{part},none")


def test_a_city_can_be_built_with_the_most_of_each_flaw_of_its_tables() -> None:
    most = ",".join(f"{name}={MOST.get(name, 1)}" for name in OF_THE_TABLES)
    assert len(build(SEED, Dirt.of(most)).sensors) == len(build(SEED).sensors)
