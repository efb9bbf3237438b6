"""A day of overstays that the City's sensors found in 2016, as a capture of polls of today's feed.

Each pair of a street marker and a limit is a bay; each limit is a zone whose plate says it all week and all day.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from cases.historical import OverstayRow, overstays_2016
from integration.ingestion.portals import BAY, PLATE, REFERENCES, SEGMENT
from melpark.contracts import BAYS, SENSORS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.parking.local_time import DAY as ONE_DAY
from melpark.parking.local_time import local_day, midnight
from melpark.simulator.capture import write_file

DAY = date(2016, 11, 9)
CODES = {5: "SP", 15: "QP", 30: "HP", 60: "1P", 120: "2P", 180: "3P", 240: "4P"}
ZONES = {limit: 7000 + limit for limit in CODES}
POLL = timedelta(minutes=2)
# How long the feed is behind what it tells.
DELAY = timedelta(seconds=50)
Record = dict[str, Any]


@dataclass(frozen=True)
class CityDay:
    """The City's rows by bay (`kerbside_id`) in order of time, and how many were left out by reason."""

    rows: dict[str, list[OverstayRow]]
    left_out: Counter[str] = field(default_factory=Counter)

    def write(self, folder: Path) -> Path:
        """The capture: the references once, the sensors at each poll, from midnight until all have left."""
        start = midnight(DAY) - POLL
        for dataset, records in (REFERENCES | self._references()).items():
            write_file(folder, dataset, start, orjson.dumps(records))
        at = start
        while at <= midnight(DAY + ONE_DAY) + 2 * POLL:
            write_file(folder, SENSORS.dataset, at, orjson.dumps(list(self._sensors(at))))
            at += POLL
        return folder

    def _references(self) -> dict[str, list[Record]]:
        whole_day = {"restriction_days": "Mon-Sun", "time_restrictions_start": "00:00:00"}
        whole_day["time_restrictions_finish"] = "23:59:00"
        return {
            SIGN_PLATES.dataset: [
                PLATE | whole_day | {"parkingzone": ZONES[limit], "restriction_display": code}
                for limit, code in CODES.items()
            ],
            ZONE_SEGMENTS.dataset: [
                SEGMENT | {"parkingzone": zone, "segment_id": zone} for zone in ZONES.values()
            ],
            BAYS.dataset: [
                BAY | _place(bay) | {"kerbsideid": bay, "roadsegmentid": ZONES[rows[0].limit_minutes]}
                for bay, rows in self.rows.items()
            ],
        }

    def _sensors(self, at: datetime) -> Iterator[Record]:
        known_until = at - DELAY
        for bay, rows in self.rows.items():
            changed_at, status = midnight(DAY) - timedelta(hours=2), "Unoccupied"
            for row in rows:
                if row.arrival_at <= known_until:
                    changed_at, status = row.arrival_at, "Present"
                if row.departure_at <= known_until:
                    changed_at, status = row.departure_at, "Unoccupied"
            place = _place(bay)
            yield {
                "lastupdated": known_until.isoformat(),
                "status_timestamp": changed_at.isoformat(),
                "zone_number": ZONES[rows[0].limit_minutes],
                "status_description": status,
                "kerbsideid": int(bay),
                "location": {"lon": place["longitude"], "lat": place["latitude"]},
            }


def city_day(real_data: Path) -> CityDay:
    """The rows of the day that a plate's code can say and that go with the others of their bay."""
    left_out = Counter[str]()
    by_place: dict[tuple[str, int], list[OverstayRow]] = defaultdict(list)
    for row in sorted(overstays_2016(real_data), key=lambda row: row.arrival_at):
        if local_day(row.arrival_at) != DAY:
            continue
        if row.limit_minutes not in CODES:
            left_out[f"no plate says {row.limit_minutes} minutes"] += 1
            continue
        of_bay = by_place[row.street_marker, row.limit_minutes]
        if of_bay and row.arrival_at < of_bay[-1].departure_at:
            left_out["came before the one before it left"] += 1
            continue
        of_bay.append(row)
    rows = {str(10_000 + number): by_place[place] for number, place in enumerate(sorted(by_place))}
    return CityDay(rows, left_out)


def _place(bay: str) -> Record:
    number = int(bay) - 10_000
    return {"longitude": 144.936 + number % 60 / 1200, "latitude": -37.848 + number // 60 / 1200}
