"""Some days of a part of the simulated city: as a capture of its polls, and as what really happened there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from melpark.contracts import BAY_RESTRICTIONS, BAYS, METERS, SENSORS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.simulator import truth_tables
from melpark.simulator.capture import write_file
from melpark.simulator.city import City, Zone, build
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed, Snapshot, tick_of
from melpark.simulator.records import Record, reference_records

SEED = 20250807
# A zone's bays are taken together, so that locations are as large as they are.
ONE_ZONE_IN = 8
DAY = timedelta(days=1)
# A bay changes at least once a day.
LONGEST_STAY = 2 * DAY
Shown = tuple[str, datetime]


@dataclass(frozen=True)
class TrueStay:
    """A stay that really happened."""

    kerbside_id: str
    arrival_at: datetime
    departure_at: datetime
    overstay_minutes: float


@dataclass(frozen=True)
class SimulatedDays:
    """Polls every so many minutes from `start` to `end`, of bays that are told by `feed`."""

    whole: City
    feed: Feed
    start: datetime
    end: datetime
    minutes: int

    @property
    def polled_at(self) -> Iterator[datetime]:
        at = self.start
        while at <= self.end:
            yield at
            at += timedelta(minutes=self.minutes)

    @cached_property
    def bays(self) -> list[str]:
        return [str(sensor.kerbside_id) for sensor in self.feed.city.sensors]

    @cached_property
    def known_until(self) -> list[datetime]:
        """For each poll the time up to which it knows what happened."""
        return [_instant(self.feed.known_until(tick_of(at))) for at in self.polled_at]

    @cached_property
    def faulty(self) -> set[str]:
        """Bays whose sensor failed at some time of these days."""
        found = self.feed.faultiness.within(int((self.start - DAY).timestamp()), int(self.end.timestamp()))
        return {self.bays[bay] for bay in found.bay.tolist()}

    @cached_property
    def shifted(self) -> set[str]:
        """Bays that the feed shows in another zone or place at some time of these days."""
        first, last = int((self.start - DAY).timestamp()), int(self.end.timestamp())
        return {self.bays[shift.bay] for shift in self.feed.drift.shifts(first, last)}

    @cached_property
    def of_several_limits(self) -> set[str]:
        """Bays of zones whose plates have more than one limit: a bay stands under those of one, which no poll tells."""
        sensors = self.feed.city.sensors
        codes = {
            one.zone.zone_number: {plate.code[-2:] for plate in one.zone.signs.plates} for one in sensors
        }
        return {str(one.kerbside_id) for one in sensors if len(codes[one.zone.zone_number]) > 1}

    @cached_property
    def stays(self) -> list[TrueStay]:
        """Every stay that touches these days, also those that began before the first poll."""
        found = []
        day = (self.start - LONGEST_STAY).replace(hour=0, minute=0)
        while day < self.end:
            for row in truth_tables.stays(self.feed, day, day + DAY).to_pylist():
                if row["departure_at"] > self.start and row["arrival_at"] < self.end:
                    found.append(TrueStay(*(row[name] for name in TrueStay.__dataclass_fields__)))
            day += DAY
        return found

    @cached_property
    def arrivals_shown(self) -> set[Shown]:
        """Bay and time of each arrival that some poll showed."""
        return self._changes_shown[0]

    @cached_property
    def unseen_stays_shown(self) -> set[Shown]:
        """Bay and time of each departure that a poll showed of a bay that the poll before showed empty, too."""
        return self._changes_shown[1]

    @cached_property
    def _changes_shown(self) -> tuple[set[Shown], set[Shown]]:
        arrivals: set[Shown] = set()
        unseen: set[Shown] = set()
        before = None
        for at in self.polled_at:
            now = self.feed.snapshot(tick_of(at))
            changed = (
                np.ones(len(self.bays), np.bool_) if before is None else now.changed_at != before.changed_at
            )
            arrivals |= self._at(now, changed & now.is_present)
            if before is not None:
                unseen |= self._at(now, changed & ~now.is_present & ~before.is_present)
            before = now
        return arrivals, unseen

    def _at(self, now: Snapshot, chosen: NDArray[np.bool_]) -> set[Shown]:
        return {
            (self.bays[bay], _instant(int(now.changed_at[bay]))) for bay in np.flatnonzero(chosen).tolist()
        }

    def write(self, folder: Path) -> Path:
        """The capture: the references once, the sensors at each poll."""
        for dataset, records in self._references().items():
            write_file(folder, dataset, self.start, orjson.dumps(records))
        for at in self.polled_at:
            write_file(folder, SENSORS.dataset, at, orjson.dumps(self.feed.records(tick_of(at))))
        return folder

    def _references(self) -> dict[str, list[Record]]:
        of_sensors = {sensor.zone.zone_number for sensor in self.feed.city.sensors}
        # A bay that changes its zone is shown in the next one.
        zones = {zone.zone_number: zone for zone in self.whole.zones if _neighbours(zone) & of_sensors}
        segments = {segment.segment_id for zone in zones.values() for segment in zone.segments}
        streets = {segment.description for zone in zones.values() for segment in zone.segments}
        keeps: dict[str, Any] = {
            BAYS.dataset: lambda row: row["kerbsideid"] in self.bays or row["roadsegmentid"] in segments,
            ZONE_SEGMENTS.dataset: lambda row: row["parkingzone"] in zones,
            SIGN_PLATES.dataset: lambda row: row["parkingzone"] in zones,
            METERS.dataset: lambda row: row["location_description"].partition(",")[0] in streets,
            BAY_RESTRICTIONS.dataset: lambda row: True,
        }
        return {
            dataset: [record for record in records if keeps[dataset](record)]
            for dataset, records in reference_records(self.whole).items()
        }


def simulated(start: datetime, length: timedelta, minutes: int, dirt: Dirt) -> SimulatedDays:
    """Those of every eighth zone that has sensors. What changes its zone or place is drawn for fewer bays."""
    whole = build(SEED, dirt)
    fewer = replace(
        dirt,
        zone_changes_a_week=-(-dirt.zone_changes_a_week // ONE_ZONE_IN),
        place_changes_a_week=-(-dirt.place_changes_a_week // ONE_ZONE_IN),
    )
    zones = set(sorted({sensor.zone.zone_number for sensor in whole.sensors})[::ONE_ZONE_IN])
    sensors = tuple(sensor for sensor in whole.sensors if sensor.zone.zone_number in zones)
    part = replace(whole, sensors=sensors, dirt=fewer)
    return SimulatedDays(whole, Feed(part, Truth(part)), start, start + length, minutes)


def _neighbours(zone: Zone) -> set[int]:
    return {zone.zone_number - 1, zone.zone_number, zone.zone_number + 1}


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
