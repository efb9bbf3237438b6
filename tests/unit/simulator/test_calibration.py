"""The simulated feed against the City's, within the tolerances stated here.

The City's numbers are those of data-facts.md; those that it does not give are counted on the captured polls by
`test_real_calibration.py`. "Moved" is a bay whose status time differs between two polls.
"""

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest

from melpark.parking.local_time import MELBOURNE
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.drift import NO_ZONE
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed, Snapshot, tick_of
from melpark.simulator.history import History, Span
from melpark.simulator.records import reference_records, sign_plate_records

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


def live(now: Snapshot) -> np.ndarray:
    return np.asarray(now.heard_at == now.updated_at)


@pytest.mark.parametrize(
    ("day", "hour", "share"),
    [(0, 1.35, 0.32), (0, 11, 0.604), (1, 20, 0.64)],
    ids=["Thursday 01:21", "Thursday 11:00", "Friday 20:00"],
)
def test_the_share_of_bays_shown_as_taken_is_the_citys_within_5_points(
    feed: Feed, day: int, hour: float, share: float
) -> None:
    """Of all bays of a poll, dead sensors too, as the City's shares are counted."""
    assert shown(feed, hour, day).is_present.mean() == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("minutes", "moved", "hidden"), [(12, 500 / 2861, 223 / 500), (28, 827 / 2861, 0.544)]
)
def test_between_two_polls_as_many_bays_move_and_hide_changes_as_in_the_city(
    feed: Feed, minutes: int, moved: float, hidden: float
) -> None:
    before, after = shown(feed, 11), shown(feed, 11, minutes=minutes)
    both = live(before) & live(after)
    has_moved = both & (before.changed_at != after.changed_at)
    assert has_moved.sum() / both.sum() == pytest.approx(moved, abs=0.05)
    same = before.is_present[has_moved] == after.is_present[has_moved]
    assert same.mean() == pytest.approx(hidden, abs=0.08)


@pytest.mark.parametrize(
    ("polled", "next_polled", "median", "median_within", "mean", "mean_within"),
    [("10:59:39", "11:11:39", 19.4, 6, 52.1, 10), ("11:11:39", "11:39:39", 37.3, 6, 70.6, 18)],
)
def test_a_status_that_a_poll_finds_replaced_was_as_old_as_the_citys(
    feed: Feed,
    polled: str,
    next_polled: str,
    median: float,
    median_within: float,
    mean: float,
    mean_within: float,
) -> None:
    """Minutes between the two status times of a moved bay, at the City's own polls; those of a day or more left out."""
    before, after = (
        feed.snapshot(tick_of(datetime.fromisoformat(f"2025-08-07T{clock}").replace(tzinfo=MELBOURNE)))
        for clock in (polled, next_polled)
    )
    moved = live(before) & live(after) & (before.changed_at != after.changed_at)
    minutes = (after.changed_at - before.changed_at)[moved] / 60
    minutes = minutes[minutes < 1_440]
    assert np.median(minutes) == pytest.approx(median, abs=median_within)
    assert np.mean(minutes) == pytest.approx(mean, abs=mean_within)


def test_a_moving_bay_changes_every_33_minutes_on_average_and_half_of_the_times_much_sooner(
    feed: Feed,
) -> None:
    start = int((THURSDAY + timedelta(hours=10)).timestamp())
    changes = feed.truth.changes(start, start + 86_400)
    following = np.append(changes.at[1:], 0)
    begun = ~changes.is_last & (changes.at < start + 3 * 3_600)
    minutes = (following - changes.at)[begun] / 60
    # Ours are the true changes, which no poll of the City's shows; the polled ones are compared above.
    assert np.mean(minutes) == pytest.approx(32.9, abs=6)
    assert 3 <= np.median(minutes) <= 13.8


def test_a_day_of_polls_every_two_minutes_shows_about_six_changes_in_ten_seconds(feed: Feed) -> None:
    begin = datetime(2025, 8, 7, tzinfo=MELBOURNE)
    found = History(feed).found(Span(begin, begin + timedelta(days=1)))
    assert found.sensor_events.num_rows / 86_400 == pytest.approx(0.6, abs=0.12)


def test_between_448_and_802_of_3309_sensors_are_dead(feed: Feed) -> None:
    now = shown(feed, 11)
    assert 448 / 3309 - 0.01 <= 1 - live(now).mean() <= 802 / 3309


def test_a_quarter_of_the_live_bays_is_stuck(feed: Feed) -> None:
    now = shown(feed, 11)
    old = now.updated_at - now.changed_at[live(now)] > 86_400
    assert old.mean() == pytest.approx(796 / 2861, abs=0.05)


def test_seven_percent_of_rows_have_no_zone_within_a_point_and_a_half(feed: Feed) -> None:
    assert (shown(feed, 11).places.zone_numbers == NO_ZONE).mean() == pytest.approx(0.07, abs=0.015)


def test_zones_and_places_drift_as_the_citys_over_weeks(feed: Feed) -> None:
    before, after = shown(feed, 11).places, shown(feed, 11, day=21).places
    assert 3 <= (before.zone_numbers != after.zone_numbers).sum() <= 40
    assert 1 <= (before.longitudes != after.longitudes).sum() <= 14


def test_the_mix_of_codes_is_the_citys_within_2_points_each(feed: Feed) -> None:
    ours = Counter(record["restriction_display"] for record in sign_plate_records(feed.city))
    assert ours.keys() == CODES.keys()
    for code, count in CODES.items():
        assert ours[code] / ours.total() == pytest.approx(count / sum(CODES.values()), abs=0.02)


def test_the_tables_are_as_long_as_the_citys(feed: Feed) -> None:
    lengths = {dataset: len(records) for dataset, records in reference_records(feed.city).items()}
    assert lengths["on-street-parking-bays"] == 23_864
    assert lengths["on-street-car-park-bay-restrictions"] == 4_263
    assert lengths["on-street-car-parking-meters-with-location"] == 1_313
    assert lengths["sign-plates-located-in-each-parking-zone"] == pytest.approx(2_033, rel=0.1)
    assert lengths["parking-zones-linked-to-street-segments"] == pytest.approx(798, rel=0.1)
    assert sum(bay.kerbside_id is None for bay in feed.city.bays) / 23_864 == pytest.approx(0.776, abs=0.001)
