"""What the Curb Data Specification's server tells of the captured polls, by the strict validator and the domain."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cds import protocol, validator
from cds.asking import ask_of
from cds.metrics import rows
from cds.served import Ask, Served, collect
from integration.gold import oracle
from integration.lake.conftest import Lake
from melpark.parking.intervals import Interval, intersection, length
from melpark.parking.local_time import MELBOURNE
from melpark.processing import query
from melpark.serving.cds.app import application
from melpark.serving.cds.standard import milliseconds, space_id, zone_id

pytestmark = pytest.mark.real_data

HOUR = timedelta(hours=1)
# Of the City's polls at 00:59, 01:11 and 01:39: in the second hour most sensors were heard for most of it.
START = datetime(2025, 8, 7, 0, tzinfo=UTC)
HOURS = [Interval(START + number * HOUR, START + (number + 1) * HOUR) for number in range(3)]
TIMES = {"start_time": milliseconds(START), "end_time": milliseconds(HOURS[-1].end_at)}
Key = tuple[str, str, str, int]


@pytest.fixture(scope="module")
def ask(built: Lake) -> Ask:
    changed = {"source": "replay", "cds_is_open": True, "cds_event_days": 366}
    return protocol.checked(ask_of(application(built.settings.model_copy(update=changed)), ""))


@pytest.fixture(scope="module")
def served(ask: Ask) -> Served:
    return collect(ask, TIMES, page_size=5000, by_id=20)


def _places(built: Lake, served: Served) -> dict[str, list[tuple[str, str]]]:
    """The places of each bay, as gold and the areas served say."""
    areas = {zone["curb_zone_id"]: zone["curb_area_ids"] for zone in served.records("zones")}
    spaces = {space["curb_space_id"] for space in served.records("spaces")}
    found = {}
    for name, location in oracle.rows(
        built,
        "SELECT kerbside_id, location_key FROM gold.dim_bays WHERE valid_from_at <= TIMESTAMPTZ '2025-08-07' "
        "AND (valid_to_at IS NULL OR valid_to_at > TIMESTAMPTZ '2025-08-08')",
    ):
        zone = zone_id(location)
        # Of a zone that is over since, its areas are not told.
        if "none" not in location:
            found[name] = [("zone", zone), *(("area", area) for area in areas.get(zone, ()))]
            if space_id(name) in spaces:
                found[name].append(("space", space_id(name)))
    return found


def _bay_times(
    built: Lake, served: Served
) -> Iterator[tuple[tuple[str, str], Interval, timedelta, timedelta]]:
    """Place, hour, time online and time taken, of each bay in each of its places."""
    online = oracle.online(built)
    for name, places in _places(built, served).items():
        time = oracle.time(built, built.history.bays[name], online[name])
        for hour in HOURS:
            heard = length(intersection(time.online, [hour]))
            taken = length(intersection(time.occupied, [hour]))
            for place in places:
                yield place, hour, heard, taken


def test_the_citys_polls_are_told_as_the_standard_demands(built: Lake, served: Served) -> None:
    heard: dict[Key, list[timedelta]] = defaultdict(list)
    taken: dict[Key, list[timedelta]] = defaultdict(list)
    for place, hour, online, occupied in _bay_times(built, served):
        local = hour.start_at.astimezone(MELBOURNE)
        key = (*place, local.date().isoformat(), local.hour)
        heard[key].append(online)
        taken[key].append(occupied)
    sums = {key: sum(of, timedelta()) for key, of in heard.items()}
    known = dataclasses.replace(
        served,
        offline={key: 1 - sums[key] / (len(heard[key]) * HOUR) for key in heard},
        occupied={key: sum(taken[key], timedelta()) / sums[key] for key in heard if sums[key]},
    )
    assert validator.breaches(known) == []
    told = [row for row in rows(served.aggregates) if row["value"] != "-1"]
    assert {row["hour"] for row in told} == {"11"}
    assert len(told) > 5000


def test_every_bay_of_a_known_zone_and_street_is_a_space(built: Lake, served: Served) -> None:
    found = oracle.rows(
        built,
        "SELECT kerbside_id FROM gold.dim_bays "
        "WHERE is_current AND NOT is_retired AND zone_number IS NOT NULL AND segment_id IS NOT NULL",
    )
    # Those that were made up stand all at one place.
    bays = {name for (name,) in found if name.isdigit()}
    assert {space["name"] for space in served.records("spaces") if space["name"].isdigit()} == bays
    assert len(bays) > 3000
    assert len(served.records("zones")) > 300


def test_events_are_those_of_the_polls(built: Lake, served: Served) -> None:
    since = "TIMESTAMPTZ '2026-01-15 05:27:39' - INTERVAL 366 DAY"
    present = query.sql(
        built.settings,
        f"SELECT count(*) FROM silver.sensor_events WHERE status = 'Present' AND status_changed_at >= {since}",
    )[1][0][0]
    starts = [event for event in served.records("events") if event["event_type"] == "park_start"]
    assert len(starts) == present > 3000


def test_the_citys_places_are_found_as_they_are_asked_for(ask: Ask, served: Served) -> None:
    assert list(protocol.queries(ask, served)) == []
