"""The kerb as the standard sees it: zones, areas, spaces and policies, and the rows of the lake that they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shapely.geometry import Polygon

from melpark.serving.cds.policies import PlateVersion
from melpark.serving.cds.standard import Json


@dataclass(frozen=True)
class BayVersion:
    """A sensor and time in which its place stayed the same: a row of gold.dim_bays. Degrees, UTC."""

    kerbside_id: str
    location_key: str
    zone_number: int | None
    segment_id: int | None
    longitude: float | None
    latitude: float | None
    is_retired: bool
    valid_from_at: datetime
    valid_to_at: datetime | None

    @property
    def zone(self) -> str | None:
        """Its zone's location, where zone and street segment are known: otherwise it is in no zone."""
        is_known = self.zone_number is not None and self.segment_id is not None
        return self.location_key if is_known and not self.is_retired else None


@dataclass(frozen=True)
class KerbRows:
    """What the kerb is built from."""

    bays: Sequence[BayVersion]
    # Of each location, such as "Lonsdale Street between Swanston Street and Russell Street".
    descriptions: Mapping[str, str]
    plates: Sequence[PlateVersion]
    # Longitude and latitude of the kerb's bays by street segment, with a sensor or without.
    kerb_bays: Mapping[int, list[tuple[float, float]]]
    # When the kerb's bays of a street segment were last corrected.
    corrected_at: Mapping[int, datetime]
    # The poll that first showed each sensor, seeded history left out.
    first_seen_at: Mapping[str, datetime]


@dataclass(frozen=True)
class Space:
    """A bay in its zone; `length` in centimetres."""

    id: str
    kerbside_id: str
    zone_id: str
    polygon: Polygon
    length: int
    record: Json


@dataclass(frozen=True)
class Zone:
    """A location, with the sensors that it holds now."""

    id: str
    location_key: str
    polygon: Polygon
    start_at: datetime
    end_at: datetime | None
    area_ids: tuple[str, ...]
    bays: tuple[str, ...]
    record: Json

    def is_valid(self, at: datetime) -> bool:
        return self.start_at <= at and (self.end_at is None or at < self.end_at)


@dataclass(frozen=True)
class Area:
    id: str
    polygon: Polygon
    zone_ids: tuple[str, ...]
    record: Json


@dataclass(frozen=True)
class Kerb:
    """Everything of Curbs but the availability, each by its id, in the order of their ids."""

    zones: Mapping[str, Zone]
    areas: Mapping[str, Area]
    spaces: Mapping[str, Space]
    policies: Mapping[str, Json]
    # By zone.
    space_ids: Mapping[str, Sequence[str]]
    # The versions of each sensor, oldest first.
    versions: Mapping[str, Sequence[BayVersion]]
    updated_at: datetime | None
    # What the kerb cannot tell, in counts.
    left_out: Mapping[str, int] = field(default_factory=dict)

    def spaces_of(self, zone_id: str) -> list[Space]:
        return [self.spaces[name] for name in self.space_ids.get(zone_id, ())]

    def version_at(self, kerbside_id: str, at: datetime) -> BayVersion | None:
        """Where a sensor was at an instant."""
        known = self.versions.get(kerbside_id, ())
        return next((one for one in reversed(known) if one.valid_from_at <= at), None)
