"""What polls of the simulated feed say of its stays holds what really happened, at two and at twelve minutes apart.

The polls are taken here, one after the other, by the definitions of the semantics; the truth knows nothing of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from melpark.parking.overstays import GRACE, Verdict, judge
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.stays import PRESENT, UNOCCUPIED, Beginning, Ending, Event, Present, Stay, stays
from melpark.simulator import truth_tables
from melpark.simulator.city import build
from melpark.simulator.deadlines import minute_of
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed, tick_of
from melpark.simulator.records import sign_plate_records

MORNING = datetime(2025, 8, 6, 22, tzinfo=UTC)
HOURS = timedelta(hours=8)
DAY = timedelta(days=1)
ONE_BAY_IN = 5


@pytest.fixture(scope="module")
def feed() -> Feed:
    """A city in which nothing fails, whose feed is as late as the City's."""
    city = build(20250807, replace(Dirt.none(), is_late=True))
    return Feed(city, Truth(city))


@pytest.fixture(scope="module")
def truth(feed: Feed) -> Mapping[str, list[dict[str, Any]]]:
    """Every stay by bay, also those that began on the day before."""
    found = defaultdict(list)
    for row in truth_tables.stays(feed, MORNING - DAY, MORNING + HOURS).to_pylist():
        found[row["kerbside_id"]].append(row)
    return found


@dataclass
class Polled:
    """The events of a bay, and when it was last heard."""

    events: list[Event] = field(default_factory=list)
    heard_at: datetime | None = None


def poll(feed: Feed, minutes: int) -> dict[str, Polled]:
    """Poll the feed every so many minutes: an event wherever a bay's status time is another than before."""
    bays: dict[str, Polled] = defaultdict(Polled)
    sensors = [str(sensor.kerbside_id) for sensor in feed.city.sensors]
    at = MORNING
    while at < MORNING + HOURS:
        now = feed.snapshot(tick_of(at))
        heard_at = datetime.fromtimestamp(now.updated_at, UTC)
        for number in range(0, len(sensors), ONE_BAY_IN):
            bay = bays[sensors[number]]
            changed_at = datetime.fromtimestamp(int(now.changed_at[number]), UTC)
            if not bay.events or bay.events[-1].status_changed_at != changed_at:
                status = PRESENT if now.is_present[number] else UNOCCUPIED
                bay.events.append(Event(status, changed_at, heard_at, bay.heard_at))
            bay.heard_at = heard_at
        at += timedelta(minutes=minutes)
    return bays


def found_stays(bays: Mapping[str, Polled]) -> Iterator[tuple[str, Stay]]:
    """Those that ended, of whose bays the polls know more than one event."""
    for name, bay in bays.items():
        assert bay.heard_at is not None
        yield from (
            (name, stay) for stay in stays(bay.events, Present(bay.heard_at)) if stay.departure_max_at
        )


@pytest.mark.parametrize(
    ("minutes", "most_hidden", "least_exact"), [(2, 0.05, 0.6), (12, 0, 0)], ids=["2 minutes", "12 minutes"]
)
def test_what_polls_say_of_a_stay_holds_what_happened(
    feed: Feed,
    truth: Mapping[str, list[dict[str, Any]]],
    minutes: int,
    most_hidden: float,
    least_exact: float,
) -> None:
    """A departure counts as known when polls were close; of those a few hide another car that came and left."""
    exact = hidden = bounded = 0
    for name, stay in found_stays(poll(feed, minutes)):
        arrivals = {row["arrival_at"]: row["departure_at"] for row in truth[name]}
        departures = {row["departure_at"]: row["arrival_at"] for row in truth[name]}
        if stay.beginning is Beginning.BOUNDED:
            # Only its departure was seen; it came within the bounds.
            assert stay.arrival_min_at <= departures[stay.departure_max_at] <= stay.arrival_max_at
            bounded += 1
            continue
        left_at = arrivals[stay.arrival_min_at]
        if stay.ending is Ending.OBSERVED:
            exact += left_at == stay.departure_at
            hidden += left_at != stay.departure_at
            assert left_at <= stay.departure_min_at
            continue
        assert stay.departure_max_at is not None
        assert stay.departure_min_at <= left_at <= stay.departure_max_at
        bounded += 1
    assert exact + hidden + bounded > 1_000
    assert hidden <= most_hidden * (exact + hidden)
    assert exact >= least_exact * (exact + hidden + bounded)
    assert bounded > 20


@pytest.mark.parametrize("minutes", [2, 12])
def test_every_stay_that_a_poll_showed_is_there_with_its_exact_arrival(
    feed: Feed, truth: Mapping[str, list[dict[str, Any]]], minutes: int
) -> None:
    bays = poll(feed, minutes)
    shown = {
        (name, event.status_changed_at)
        for name, bay in bays.items()
        for event in bay.events
        if event.status == PRESENT
    }
    told = {
        (name, stay.arrival_at)
        for name, bay in bays.items()
        for stay in stays(bay.events, Present(bay.heard_at or MORNING))
        if stay.beginning is Beginning.OBSERVED
    }
    assert told == shown
    happened = {(name, row["arrival_at"]) for name in bays for row in truth[name]}
    within = {one for one in shown if one[1] >= MORNING}
    assert within <= happened
    assert len(within) > 500


@pytest.mark.parametrize("minutes", [2, 12])
def test_a_verdict_on_bounds_and_on_a_zone_of_two_limits_never_contradicts_the_truth(
    feed: Feed, truth: Mapping[str, list[dict[str, Any]]], minutes: int
) -> None:
    plates = defaultdict(set)
    for record in sign_plate_records(feed.city):
        begin, finish = (record[f"time_restrictions_{end}"][:5] for end in ("start", "finish"))
        plates[record["parkingzone"]].add(
            Plate(
                record["restriction_days"], minute_of(begin), minute_of(finish), record["restriction_display"]
            )
        )
    versions = {
        zone: Version(zone, MORNING - 2 * DAY, MORNING + 3 * DAY, frozenset(of))
        for zone, of in plates.items()
    }
    rules = {zone: list(windows([version])) for zone, version in versions.items()}
    said: dict[Verdict, int] = defaultdict(int)
    for name, stay in found_stays(poll(feed, minutes)):
        row = next((row for row in truth[name] if row["arrival_at"] == stay.arrival_at), None)
        if row is None or (stay.ending is Ending.OBSERVED and row["departure_at"] != stay.departure_at):
            continue
        zone = row["zone_number"]
        found = judge(stay, zone, rules.get(zone, []), [versions[zone].coverage] if zone in versions else [])
        said[found.verdict] += 1
        minutes_over = row["overstay_minutes"]
        if found.verdict is Verdict.OVERSTAY:
            assert minutes_over * 60 >= GRACE.total_seconds()
        if found.verdict is Verdict.WITHIN:
            assert minutes_over * 60 < GRACE.total_seconds()
        if found.verdict in (Verdict.OVERSTAY, Verdict.WITHIN):
            assert found.overstay_min_minutes <= minutes_over + 1 / 60
            assert found.overstay_max_minutes is None or minutes_over <= found.overstay_max_minutes + 1 / 60
    assert said[Verdict.OVERSTAY] > 10
    assert said[Verdict.WITHIN] > 300
    assert said[Verdict.AMBIGUOUS_RULE] > 0
    assert minutes == 2 or said[Verdict.UNCERTAIN_TIME] > 0
