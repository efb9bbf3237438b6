"""The simulated feed against the City's, within the tolerances stated here.

The City's numbers are those of data-facts.md; those that it does not give are counted on the captured polls by
`test_real_calibration.py`. "Moved" is a bay whose status time differs between two polls.

Tolerances are the City's own chance, not the simulator's results: a poll is one draw of a city that goes on, and so is
ours. Two draws of one city differ by more than `ALIKE` standard errors in one case of twenty.
"""

import math
from collections import Counter
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np
import pytest

from melpark.parking.local_time import MELBOURNE
from melpark.simulator import polled
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.drift import NO_ZONE
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed, Snapshot, tick_of
from melpark.simulator.polled import Events
from melpark.simulator.records import reference_records, sign_plate_records, zone_segment_records

ALIKE = 1.96 * math.sqrt(2)
# The same for the greatest of nineteen differences (Bonferroni).
ALIKE_ALL_19 = NormalDist().inv_cdf(1 - 0.05 / 19 / 2) * math.sqrt(2)
# Live bays in the City's polls of 7 August 2025, and how many of them moved in 12 and 28 minutes.
LIVE, MOVED_12, MOVED_28 = 2861, 500, 827
THURSDAY = datetime(2025, 8, 7, tzinfo=MELBOURNE)
CODES = {
    "MP2P": 1039, "2P": 262, "LZ30": 189, "MP3P": 186, "4P": 109, "1P": 74, "PP": 59, "MP4P": 39, "3P": 21,
    "MP1P": 14, "SP": 8, "QP": 8, "FP2P": 6, "HP": 5, "FP15": 5, "FP1P": 4, "DP2P": 2, "5P": 2, "LZ15": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def feed() -> Feed:
    city = build(20250807, Dirt().without_outages())
    return Feed(city, Truth(city))


def shown(feed: Feed, hour: float, day: int = 0, minutes: float = 0) -> Snapshot:
    return feed.snapshot(tick_of(THURSDAY + timedelta(days=day, hours=hour, minutes=minutes)))


def chance(share: float, count: int, alike: float = ALIKE) -> float:
    """By how much the shares of two draws of `count` may differ."""
    return alike * math.sqrt(share * (1 - share) / count)


def live(now: Snapshot) -> np.ndarray:
    return np.asarray(now.heard_at == now.updated_at)


@pytest.mark.parametrize(
    ("day", "hour", "share"),
    [(0, 1.35, 0.323), (0, 11, 0.604), (1, 20, 0.64)],
    ids=["Thursday 01:21", "Thursday 11:00", "Friday 20:00"],
)
def test_the_share_of_bays_shown_as_taken_is_the_citys_within_chance(
    feed: Feed, day: int, hour: float, share: float
) -> None:
    """Of all bays of a poll, dead sensors too, as the City's shares are counted."""
    assert shown(feed, hour, day).is_present.mean() == pytest.approx(share, abs=chance(share, 3309))


@pytest.mark.parametrize(
    ("minutes", "moved", "hidden"), [(12, MOVED_12, 223 / MOVED_12), (28, MOVED_28, 450 / MOVED_28)]
)
def test_between_two_polls_as_many_bays_move_and_hide_changes_as_in_the_city(
    feed: Feed, minutes: int, moved: int, hidden: float
) -> None:
    before, after = shown(feed, 11), shown(feed, 11, minutes=minutes)
    both = live(before) & live(after)
    has_moved = both & (before.changed_at != after.changed_at)
    share = moved / LIVE
    assert has_moved.sum() / both.sum() == pytest.approx(share, abs=chance(share, LIVE))
    same = before.is_present[has_moved] == after.is_present[has_moved]
    assert same.mean() == pytest.approx(hidden, abs=chance(hidden, moved))


@pytest.mark.parametrize(
    ("first", "second", "median", "error_of_median", "mean", "error_of_mean"),
    [("10:59:39", "11:11:39", 19.4, 1.7, 52.1, 5.2), ("11:11:39", "11:39:39", 37.3, 1.9, 70.6, 4.1)],
)
def test_a_status_that_a_poll_finds_replaced_was_as_old_as_the_citys(
    feed: Feed,
    first: str,
    second: str,
    median: float,
    error_of_median: float,
    mean: float,
    error_of_mean: float,
) -> None:
    """Minutes between the two status times of a moved bay, at the City's own polls; those of a day or more left out."""
    before, after = (
        feed.snapshot(tick_of(datetime.fromisoformat(f"2025-08-07T{clock}").replace(tzinfo=MELBOURNE)))
        for clock in (first, second)
    )
    moved = live(before) & live(after) & (before.changed_at != after.changed_at)
    minutes = (after.changed_at - before.changed_at)[moved] / 60
    minutes = minutes[minutes < 1_440]
    assert np.median(minutes) == pytest.approx(median, abs=ALIKE * error_of_median)
    assert np.mean(minutes) == pytest.approx(mean, abs=ALIKE * error_of_mean)


@pytest.fixture(scope="module")
def thursday(feed: Feed) -> Events:
    """What polls at every refresh show of a day."""
    first = tick_of(THURSDAY)
    return polled.events(feed, polled.polls(feed, first, first + 86_400))


def minutes_between(events: Events, seconds: int = 0) -> np.ndarray:
    """Between the changes of a bay that polls show, at every refresh or only every so many seconds."""
    shown = np.ones(len(events.bay), np.bool_)
    if seconds:
        slot = events.changed_at // seconds
        shown[:-1] = (slot[1:] != slot[:-1]) | (events.bay[1:] != events.bay[:-1])
    bay, at = events.bay[shown], events.changed_at[shown]
    minutes: np.ndarray = np.diff(at)[bay[1:] == bay[:-1]] / 60
    return minutes


def test_polls_show_a_live_bay_change_every_33_minutes_on_average(thursday: Events) -> None:
    # data-facts.md gives no spread; a tenth is what its rounded 0.6 changes a second leaves open.
    assert np.mean(minutes_between(thursday)) == pytest.approx(32.9, rel=0.1)


def test_the_median_between_changes_is_the_citys_for_polls_between_two_and_twelve_minutes_apart(
    thursday: Events,
) -> None:
    """data-facts.md does not say how far its polls were apart, and their median hangs on that: every change that
    hides between two polls joins two short times. Nearly half of the City's moved bays hide one in twelve minutes, so
    its true median is far below 13.8.
    """
    assert np.median(minutes_between(thursday)) < 13.8 < np.median(minutes_between(thursday, 720))


def test_a_day_of_polls_every_two_minutes_shows_about_six_changes_in_ten_seconds(thursday: Events) -> None:
    # Rounded to a tenth, as a working day is told from the mean of all days by no more than that.
    assert len(thursday.bay) / 86_400 == pytest.approx(0.6, abs=0.06)


def test_between_448_and_802_of_3309_sensors_are_dead(feed: Feed) -> None:
    now = shown(feed, 11)
    assert 448 / 3309 - 0.01 <= 1 - live(now).mean() <= 802 / 3309


def test_a_quarter_of_the_live_bays_is_stuck(feed: Feed) -> None:
    now = shown(feed, 11)
    old = now.updated_at - now.changed_at[live(now)] > 86_400
    assert old.mean() == pytest.approx(797 / LIVE, abs=chance(797 / LIVE, LIVE))


def test_237_of_3309_rows_have_no_zone_within_chance(feed: Feed) -> None:
    share = (shown(feed, 11).places.zone_numbers == NO_ZONE).mean()
    assert share == pytest.approx(237 / 3309, abs=chance(237 / 3309, 3309))


def test_329_zones_have_1_to_76_sensors_and_half_of_them_no_more_than_6(feed: Feed) -> None:
    zones = shown(feed, 11).places.zone_numbers
    sizes = np.unique(zones[zones != NO_ZONE], return_counts=True)[1]
    assert len(sizes) == pytest.approx(329, rel=0.05)
    assert np.median(sizes) == 6
    assert sizes.min() == 1
    assert 60 <= sizes.max() <= 76


def test_38_of_329_zones_with_sensors_have_no_segment_and_20_several_within_chance(feed: Feed) -> None:
    zones = {sensor.zone.zone_number: sensor.zone for sensor in feed.city.sensors}.values()
    for count, several in ((38, False), (20, True)):
        share = sum(len(zone.segments) > 1 if several else not zone.segments for zone in zones) / len(zones)
        assert share == pytest.approx(count / 329, abs=chance(count / 329, 329))


def test_62_of_714_zones_with_a_segment_have_several_within_chance(feed: Feed) -> None:
    segments = Counter(record["parkingzone"] for record in zone_segment_records(feed.city))
    share = sum(count > 1 for count in segments.values()) / len(segments)
    assert share == pytest.approx(62 / 714, abs=chance(62 / 714, 714))


def test_zones_and_places_drift_as_the_citys_over_weeks(feed: Feed) -> None:
    before, after = shown(feed, 11).places, shown(feed, 11, day=21).places
    assert 3 <= (before.zone_numbers != after.zone_numbers).sum() <= 30
    assert 1 <= (before.longitudes != after.longitudes).sum() <= 10


def test_the_mix_of_codes_is_the_citys_within_chance_also_of_the_rare_ones(feed: Feed) -> None:
    """Of nineteen shares one would differ by more than `ALIKE` standard errors by chance alone."""
    ours = Counter(record["restriction_display"] for record in sign_plate_records(feed.city))
    assert ours.keys() == CODES.keys()
    plates = sum(CODES.values())
    for code, count in CODES.items():
        share = count / plates
        assert ours[code] / ours.total() == pytest.approx(share, abs=chance(share, plates, ALIKE_ALL_19)), (
            code
        )


def test_the_tables_are_as_long_as_the_citys(feed: Feed) -> None:
    lengths = {dataset: len(records) for dataset, records in reference_records(feed.city).items()}
    assert lengths["on-street-parking-bays"] == 23_864
    assert lengths["on-street-car-park-bay-restrictions"] == 4_263
    assert lengths["on-street-car-parking-meters-with-location"] == 1_313
    assert lengths["sign-plates-located-in-each-parking-zone"] == pytest.approx(2_033, rel=0.1)
    assert lengths["parking-zones-linked-to-street-segments"] == pytest.approx(798, rel=0.1)
    assert sum(bay.kerbside_id is None for bay in feed.city.bays) / 23_864 == pytest.approx(0.776, abs=0.001)
