"""Small lakes made by hand and written by delta-rs: what silver and gold would hold, without an engine."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from melpark.contracts import SENSORS
from melpark.parking.local_time import local_day, midnight
from melpark.places import Home
from melpark.processing import catalogue

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_POLL = datetime(2025, 8, 4, 0, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")
GOLD = {
    "dim_bays": pa.schema(
        [
            ("kerbside_id", pa.string()),
            ("location_key", pa.string()),
            ("zone_number", pa.int32()),
            ("segment_id", pa.int32()),
            ("longitude", pa.float64()),
            ("latitude", pa.float64()),
            ("is_retired", pa.bool_()),
            ("valid_from_at", TIME),
            ("valid_to_at", TIME),
        ]
    ),
    "dim_locations": pa.schema([("location_key", pa.string()), ("description", pa.string())]),
    "int_bay_times": pa.schema(
        [
            ("kerbside_id", pa.string()),
            ("location_key", pa.string()),
            ("start_at", TIME),
            ("end_at", TIME),
            ("is_online", pa.bool_()),
            ("is_occupied", pa.bool_()),
            ("local_date", pa.date32()),
        ]
    ),
}


def location_key(zone: int | None, segment: int | None) -> str:
    return f"{'none' if zone is None else zone}-{'none' if segment is None else segment}"


@dataclass
class MadeLake:
    """Rows that are written with `commit`; a later one overwrites the tables that it names, or all, with all rows."""

    home: Home
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))

    def commit(self, *only: str) -> "MadeLake":
        catalogue.create(self.home)
        for name in only or {*GOLD, *self.rows}:
            is_gold = name in GOLD
            path = (self.home.gold / name) if is_gold else self.home.silver(name)
            schema = GOLD[name] if is_gold else pa.schema(DeltaTable(path).schema().to_arrow())
            coordinates = {} if is_gold else {"topic": "made", "partition": 0}
            rows = [coordinates | {"offset": at} | row for at, row in enumerate(self.rows[name])]
            write_deltalake(path, pa.Table.from_pylist(rows, schema), mode="overwrite")
        return self

    def poll(self, at: datetime, feed_at: datetime | None = None) -> None:
        self.rows["polls"].append(
            {
                "poll_id": len(self.rows["polls"]) + 1,
                "dataset": SENSORS.dataset,
                "outcome": "accepted",
                "observed_at": at,
                "feed_updated_at": feed_at or at,
                "origin": "live",
            }
        )

    def bay(
        self,
        name: str,
        zone: int | None,
        segment: int | None,
        place: tuple[float, float] | None,
        since: datetime = BEGINNING,
        until: datetime | None = None,
        is_retired: bool = False,
    ) -> None:
        """A version of a bay in gold."""
        longitude, latitude = place or (None, None)
        self.rows["dim_bays"].append(
            {
                "kerbside_id": name,
                "location_key": location_key(zone, segment),
                "zone_number": zone,
                "segment_id": segment,
                "longitude": longitude,
                "latitude": latitude,
                "is_retired": is_retired,
                "valid_from_at": since,
                "valid_to_at": until,
            }
        )

    def state(
        self,
        name: str,
        place: tuple[float, float],
        since: datetime = FIRST_POLL,
        until: datetime | None = None,
        observed_at: datetime | None = None,
        is_online: bool = True,
        is_retired: bool = False,
        origin: str = "live",
    ) -> None:
        """A stretch of a sensor's liveness in silver."""
        self.rows["sensor_states"].append(
            {
                "kerbside_id": name,
                "valid_from_at": since,
                "valid_to_at": until,
                "is_current": until is None,
                "is_online": is_online,
                "is_retired": is_retired,
                "longitude": place[0],
                "latitude": place[1],
                "observed_at": observed_at or since,
                "origin": origin,
            }
        )

    def event(self, name: str, status: str, at: datetime, observed_at: datetime | None = None) -> None:
        """A status change, seen two minutes later unless said otherwise."""
        seen_at = observed_at or at + timedelta(minutes=2)
        self.rows["sensor_events"].append(
            {
                "kerbside_id": name,
                "status": status,
                "is_present": int(status == "Present"),
                "status_changed_at": at,
                "observed_at": seen_at,
                "heard_at": seen_at,
                "origin": "live",
            }
        )

    def outage(self, start_at: datetime, end_at: datetime) -> None:
        self.rows["feed_outages"].append(
            {"start_at": start_at, "end_at": end_at, "observed_at": end_at, "origin": "live"}
        )

    def plate(
        self,
        zone: int,
        days: str,
        start: int,
        finish: int,
        code: str,
        since: datetime = FIRST_POLL,
        until: datetime | None = None,
        is_assumed: bool = True,
        is_retired: bool = False,
    ) -> None:
        """A version of a plate; minutes after midnight."""
        self.rows["sign_plates"].append(
            {
                "zone_number": zone,
                "days": days,
                "start_minute": start,
                "finish_minute": finish,
                "code": code,
                "is_retired": is_retired,
                "observed_at": since,
                "valid_from_at": since,
                "valid_to_at": until,
                "is_current": until is None,
                "is_assumed": is_assumed,
            }
        )

    def kerb_bay(self, segment: int, place: tuple[float, float]) -> None:
        self.rows["bays"].append(
            {
                "bay_key": f"{segment}:{place[1]}:{place[0]}",
                "road_segment_id": segment,
                "longitude": place[0],
                "latitude": place[1],
                "is_retired": False,
                "observed_at": FIRST_POLL,
                "valid_from_at": FIRST_POLL,
                "is_current": True,
                "is_assumed": True,
            }
        )

    def location(self, zone: int, segment: int, description: str) -> None:
        self.rows["dim_locations"].append(
            {"location_key": location_key(zone, segment), "description": description}
        )

    def time(
        self,
        name: str,
        zone: int | None,
        segment: int | None,
        start_at: datetime,
        end_at: datetime,
        is_online: bool = True,
        is_occupied: bool = False,
    ) -> None:
        """A stretch of a bay's time in gold, cut at local midnight as gold does."""
        while start_at < end_at:
            day = local_day(start_at)
            until = min(end_at, _next_midnight(day))
            self.rows["int_bay_times"].append(
                {
                    "kerbside_id": name,
                    "location_key": location_key(zone, segment),
                    "start_at": start_at,
                    "end_at": until,
                    "is_online": is_online,
                    "is_occupied": is_occupied,
                    "local_date": day,
                }
            )
            start_at = until


def _next_midnight(day: date) -> datetime:
    return midnight(day + timedelta(days=1))
