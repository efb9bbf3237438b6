"""Two readings of the same plates: by when the simulator's cars must leave, and what the domain says of their stays."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from melpark.parking.overstays import GRACE, Verdict, judge
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.rules import Coverage, Window
from melpark.parking.stays import Beginning, Ending, Stay
from melpark.simulator import truth_tables
from melpark.simulator.city import build
from melpark.simulator.deadlines import minute_of
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed
from melpark.simulator.records import sign_plate_records

ONE_ZONE_IN = 11
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def feed() -> Feed:
    city = build(20250807, Dirt.none())
    return Feed(city, Truth(city))


@pytest.fixture(scope="module")
def plates(feed: Feed) -> Mapping[int, frozenset[Plate]]:
    """The plates of every eleventh zone, as the portal serves them."""
    found = defaultdict(set)
    for record in sign_plate_records(feed.city):
        if record["parkingzone"] % ONE_ZONE_IN == 0:
            found[record["parkingzone"]].add(
                Plate(
                    record["restriction_days"],
                    minute_of(record["time_restrictions_start"][:5]),
                    minute_of(record["time_restrictions_finish"][:5]),
                    record["restriction_display"],
                )
            )
    return {zone: frozenset(plates) for zone, plates in found.items()}


def calendar(
    plates: Mapping[int, frozenset[Plate]], day: datetime
) -> dict[int, tuple[Coverage, list[Window]]]:
    """By zone; without those whose bays stand under one of two limits, for no plate tells which."""
    found = {}
    for zone, of_zone in plates.items():
        version = Version(zone, day - DAY, day + 4 * DAY, of_zone)
        made = list(windows([version]))
        if not any(window.is_ambiguous for window in made):
            found[zone] = version.coverage, made
    return found


def stay_of(row: Mapping[str, Any]) -> Stay:
    came, left = row["arrival_at"], row["departure_at"]
    return Stay(came, came, came, left, left, Beginning.OBSERVED, Ending.OBSERVED, False, False)


@pytest.mark.parametrize(
    "day",
    [datetime(2025, 8, 6, tzinfo=UTC), datetime(2025, 10, 4, tzinfo=UTC), datetime(2025, 11, 3, tzinfo=UTC)],
    ids=["a Wednesday", "clocks go forward", "Cup Day"],
)
def test_the_domain_finds_the_overstays_of_the_simulators_truth_to_the_minute(
    feed: Feed, plates: Mapping[int, frozenset[Plate]], day: datetime
) -> None:
    rules = calendar(plates, day)
    whole = truth_tables.stays(feed, day, day + DAY)
    rows = whole.filter(pc.is_in(whole["zone_number"], pa.array(rules, pa.int32()))).to_pylist()
    overstays = 0
    for row in rows:
        coverage, of_zone = rules[row["zone_number"]]
        found = judge(stay_of(row), row["zone_number"], of_zone, [coverage])
        assert found.overstay_min_minutes == found.overstay_max_minutes
        assert found.overstay_min_minutes == pytest.approx(row["overstay_minutes"], abs=1 / 60)
        is_overstay = row["overstay_minutes"] * 60 >= GRACE.total_seconds()
        assert (found.verdict is Verdict.OVERSTAY) == is_overstay
        if row["overstay_minutes"] > 0:
            assert found.first_breach_at == row["leave_by_at"]
        overstays += is_overstay
    assert len(rows) > 1_000
    assert overstays > 20
