"""What the standard's answers are made of, read from the lake; the same versions of its tables are read once only."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from melpark.contracts import SENSORS
from melpark.parking.plates import Plate
from melpark.parking.stays import PRESENT
from melpark.serving.cds.kerb import BayVersion, Kerb, KerbRows
from melpark.serving.cds.kerb_build import build
from melpark.serving.cds.policies import PlateVersion
from melpark.serving.lake import Lake
from melpark.settings import Settings

T = TypeVar("T")

KERB_TABLES = ("gold.dim_bays", "gold.dim_locations", "silver.bays", "silver.sign_plates")
AVAILABILITY_TABLES = (
    "silver.sensor_events",
    "silver.sensor_states",
    "silver.feed_outages",
    "silver.polls",
)

BAYS = """
    SELECT kerbside_id, location_key, zone_number, segment_id, longitude, latitude, is_retired,
        valid_from_at, valid_to_at
    FROM gold.dim_bays ORDER BY kerbside_id, valid_from_at
"""
DESCRIPTIONS = "SELECT location_key, description FROM gold.dim_locations"
PLATES = """
    SELECT zone_number, days, start_minute, finish_minute, code, is_retired,
        CASE WHEN is_assumed THEN NULL ELSE valid_from_at END, valid_to_at, observed_at
    FROM silver.sign_plates ORDER BY ALL
"""
KERB_BAYS = """
    SELECT road_segment_id, longitude, latitude FROM silver.bays
    WHERE is_current AND NOT is_retired AND road_segment_id IS NOT NULL
    ORDER BY bay_key
"""
CORRECTED = """
    SELECT road_segment_id, max(valid_from_at) FROM silver.bays
    WHERE NOT is_assumed AND road_segment_id IS NOT NULL
    GROUP BY road_segment_id
"""
# Seeded history goes further back as it is filled in; what was published once must not move with it.
FIRST_SEEN = """
    SELECT kerbside_id, min(observed_at) FROM silver.sensor_states WHERE origin = 'live' GROUP BY kerbside_id
"""
LAST_UPDATED = "SELECT max(observed_at) FROM silver.polls WHERE outcome = 'accepted'"
FEED_AT = """
    SELECT max(feed_updated_at) FROM silver.polls
    WHERE outcome = 'accepted' AND dataset = ? AND (? IS NULL OR feed_updated_at <= ?)
"""
ONLINE = """
    SELECT kerbside_id FROM silver.sensor_states
    WHERE is_online AND NOT is_retired AND valid_from_at <= ? AND (valid_to_at IS NULL OR valid_to_at > ?)
        AND NOT EXISTS (SELECT 1 FROM silver.feed_outages WHERE start_at <= ? AND end_at > ?)
"""
STATUS = """
    SELECT kerbside_id, arg_max(status, status_changed_at), max(status_changed_at)
    FROM silver.sensor_events WHERE status_changed_at <= ?
    GROUP BY kerbside_id
"""


@dataclass(frozen=True)
class Availability:
    """Whether each bay was free; those of which that was not known are not in it.

    `at` is the newest time of the feed by then: it was computed with that knowledge.
    """

    at: datetime | None
    is_free: Mapping[str, bool]


class Remembered(Generic[T]):
    """The last value that was made, while its key stays the same. Threads may call it; one of them makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[object, T] | None = None

    def get(self, key: object, make: Callable[[], T]) -> T:
        with self._lock:
            if self._known is None or self._known[0] != key:
                self._known = key, make()
            return self._known[1]


class Reader:
    """The kerb, the availability and the time of the lake's newest news. Threads may call it.

    Raises NotThereYetError while the lake is not built.
    """

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self.lake = lake
        self.settings = settings
        self._rows: Remembered[KerbRows] = Remembered()
        self._seen: Remembered[Mapping[str, datetime]] = Remembered()
        self._kerb: Remembered[Kerb] = Remembered()
        self._availability: Remembered[Availability] = Remembered()
        self._updated: Remembered[datetime] = Remembered()

    def kerb(self) -> Kerb:
        versions = self.lake.versions(*KERB_TABLES)
        first_seen_at = self._first_seen_at()
        rows = self._rows.get((versions, first_seen_at), lambda: self._kerb_rows(versions, first_seen_at))
        # Gold writes its dimensions anew, mostly with the rows that they had: these are compared sooner than drawn.
        return self._kerb.get(rows, lambda: build(rows, self.settings.holidays_suspend_plates))

    def last_updated(self) -> datetime:
        """When this data last changed, by the source's clock: the newest poll that was accepted."""
        versions = self.lake.versions("silver.polls")

        def read() -> datetime:
            newest = self.lake.rows(LAST_UPDATED, versions=versions).rows[0][0]
            return newest or datetime.fromtimestamp(0, UTC)

        return self._updated.get(versions, read)

    def availability(self, at: datetime | None = None) -> Availability:
        """At an instant, or now: at the newest time of the feed."""
        versions = self.lake.versions(*AVAILABILITY_TABLES)
        if at is None:
            return self._availability.get(versions, lambda: self._read_availability(None, versions))
        return self._read_availability(at, versions)

    def _read_availability(self, at: datetime | None, versions: Mapping[str, int]) -> Availability:
        feed_at = self.lake.rows(FEED_AT, [SENSORS.dataset, at, at], versions).rows[0][0]
        if feed_at is None or (at is not None and at - feed_at >= self.settings.offline_after):
            return Availability(feed_at, {})
        at = at or feed_at
        online = {row[0] for row in self.lake.rows(ONLINE, [at] * 4, versions).rows}
        suspect_after = self.settings.suspect_after_seconds
        is_free = {
            name: status != PRESENT
            for name, status, changed_at in self.lake.rows(STATUS, [at], versions).rows
            # A vehicle that stays too long is taken for a stuck sensor.
            if name in online
            and not (status == PRESENT and (at - changed_at).total_seconds() > suspect_after)
        }
        return Availability(feed_at, is_free)

    def _first_seen_at(self) -> Mapping[str, datetime]:
        """Of each sensor of the live feed. Its states change with every poll, this hardly ever."""
        versions = self.lake.versions("silver.sensor_states")
        return self._seen.get(versions, lambda: dict(self.lake.rows(FIRST_SEEN, versions=versions).rows))

    def _kerb_rows(self, versions: Mapping[str, int], first_seen_at: Mapping[str, datetime]) -> KerbRows:
        kerb_bays: dict[int, list[tuple[float, float]]] = {}
        for segment_id, longitude, latitude in self.lake.rows(KERB_BAYS, versions=versions).rows:
            kerb_bays.setdefault(segment_id, []).append((longitude, latitude))
        return KerbRows(
            bays=[BayVersion(*row) for row in self.lake.rows(BAYS, versions=versions).rows],
            descriptions=dict(self.lake.rows(DESCRIPTIONS, versions=versions).rows),
            plates=[
                PlateVersion(row[0], Plate(*row[1:5]), *row[5:])
                for row in self.lake.rows(PLATES, versions=versions).rows
            ],
            kerb_bays=kerb_bays,
            corrected_at=dict(self.lake.rows(CORRECTED, versions=versions).rows),
            first_seen_at=first_seen_at,
        )
