"""Where a sensor was at an instant, in the standard's words, and the choice of places that a query makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from melpark.serving.cds.kerb import Kerb
from melpark.serving.cds.lake_reader import Reader
from melpark.serving.cds.standard import space_id, zone_id

FIRST_PLACES = """
    SELECT kerbside_id, arg_min(longitude, valid_from_at), arg_min(latitude, valid_from_at)
    FROM silver.sensor_states WHERE list_contains(?, kerbside_id) GROUP BY kerbside_id
"""


@dataclass(frozen=True)
class Place:
    """A sensor at an instant: degrees, and what of zone, areas and space is known."""

    longitude: float
    latitude: float
    zone_id: str | None = None
    area_ids: tuple[str, ...] = ()
    space_id: str | None = None

    def known(self) -> dict[str, Any]:
        """The fields of the standard that can be filled."""
        return {
            **({"curb_zone_id": self.zone_id} if self.zone_id else {}),
            **({"curb_area_ids": list(self.area_ids)} if self.area_ids else {}),
            **({"curb_space_id": self.space_id} if self.space_id else {}),
        }


@dataclass(frozen=True)
class Chosen:
    """The places that a query asks for; a condition that is not given holds for every place."""

    zone_id: str | None = None
    area_id: str | None = None
    space_id: str | None = None

    def holds(self, place: Place) -> bool:
        return (
            (self.zone_id is None or place.zone_id == self.zone_id)
            and (self.area_id is None or self.area_id in place.area_ids)
            and (self.space_id is None or place.space_id == self.space_id)
        )

    def bays(self, kerb: Kerb) -> list[str] | None:
        """The sensors that may ever have been there; None for all of them."""
        wanted: list[set[str]] = []
        if self.zone_id is not None:
            wanted.append(_in_zones(kerb, [self.zone_id]))
        if self.area_id is not None:
            area = kerb.areas.get(self.area_id)
            wanted.append(_in_zones(kerb, area.zone_ids if area else ()))
        if self.space_id is not None:
            space = kerb.spaces.get(self.space_id)
            wanted.append({space.kerbside_id} if space else set())
        return sorted(set.intersection(*wanted)) if wanted else None


def _in_zones(kerb: Kerb, zone_ids: "list[str] | tuple[str, ...]") -> set[str]:
    keys = {kerb.zones[name].location_key for name in zone_ids if name in kerb.zones}
    return {
        kerbside_id
        for kerbside_id, versions in kerb.versions.items()
        if any(version.zone in keys for version in versions)
    }


class Places:
    """The places of some sensors; those that gold does not know yet stand where silver first saw them."""

    def __init__(self, reader: Reader, kerbside_ids: set[str]) -> None:
        self._kerb = reader.kerb()
        unknown = sorted(
            name
            for name in kerbside_ids
            if any(version.longitude is None for version in self._kerb.versions.get(name, ()))
            or name not in self._kerb.versions
        )
        found = reader.lake.rows(FIRST_PLACES, [unknown]).rows if unknown else []
        self._first: Mapping[str, tuple[float, float]] = {name: (x, y) for name, x, y in found}

    def at(self, kerbside_id: str, at: datetime) -> Place | None:
        """Where the sensor was; None for one of which no poll ever told the place."""
        version = self._kerb.version_at(kerbside_id, at)
        if version is None or version.longitude is None or version.latitude is None:
            first = self._first.get(kerbside_id)
            return Place(*first) if first else None
        zone = self._kerb.zones.get(zone_id(version.zone)) if version.zone else None
        if zone is None:
            return Place(version.longitude, version.latitude)
        space = self._kerb.spaces.get(space_id(kerbside_id))
        return Place(
            version.longitude,
            version.latitude,
            zone.id,
            zone.area_ids,
            # Of a bay that has moved the space is where it stands now.
            space.id if space and space.zone_id == zone.id else None,
        )
