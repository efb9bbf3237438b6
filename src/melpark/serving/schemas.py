"""What the API takes and gives, for checking its input and for OpenAPI."""

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from melpark.contracts import RULE_WINDOWS
from melpark.contracts.sensors import (
    KERBSIDE_ID,
    LATITUDE,
    LONGITUDE,
    STATUS,
    STATUS_CHANGED_AT,
    ZONE_NUMBER,
)
from melpark.contracts.table import IS_RETIRED
from melpark.serving.bays import Bay
from melpark.settings import CITY_ATTRIBUTION, SourceKind

CODE, LIMIT_MINUTES, KIND, IS_METERED = (
    next(column for column in RULE_WINDOWS.columns if column.name == name)
    for name in ("code", "limit_minutes", "kind", "is_metered")
)

Box = tuple[float, float, float, float]
GLOBE: Box = (-180.0, -90.0, 180.0, 90.0)

BAY_EXAMPLE: dict[str, JsonValue] = {
    "kerbside_id": "5691",
    "status": "Unoccupied",
    "status_changed_at": "2025-08-07T01:10:02Z",
    "zone_number": 7303,
    "longitude": 144.9563297765231,
    "latitude": -37.81409629462509,
    "is_online": True,
    "is_retired": False,
    "heard_at": None,
    "observed_at": "2025-08-07T01:11:39Z",
    "committed_at": "2025-08-07T01:11:40.120000Z",
    "rule_status": "restricted",
    "rules": [{"code": "MP2P", "kind": "timed", "limit_minutes": 120, "is_metered": True}],
    "rule_until_at": "2025-08-07T09:00:00Z",
    "permitted_until_at": None,
    "is_overstay": False,
    "overstay_minutes": None,
    "first_breach_at": None,
    "is_suspect": False,
}


def read_box(text: str) -> Box:
    """West, south, east, north in degrees. Raises ValueError when it is no box on the globe."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise ValueError("must be four numbers: west,south,east,north in degrees")
    west, south, east, north = numbers
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("must have west <= east within -180..180 and south <= north within -90..90")
    return west, south, east, north


def read_place(text: str) -> tuple[float, float]:
    """Longitude, latitude in degrees. Raises ValueError when it is no place on the globe."""
    try:
        longitude, latitude = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("must be two numbers: longitude,latitude in degrees") from None
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise ValueError("must have a longitude within -180..180 and a latitude within -90..90")
    return longitude, latitude


def _checked_place(text: str) -> str:
    read_place(text)
    return text


Place = Annotated[str, Field(max_length=60), AfterValidator(_checked_place)]


def _checked_box(text: str) -> str:
    read_box(text)
    return text


class PlaceFilter(BaseModel):
    """Which bays are wanted, by place; a condition that is not given holds for every bay."""

    model_config = ConfigDict(extra="forbid")

    zone: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(
        [], max_length=50, description="Parking zone, or several", examples=[[7303]]
    )
    bbox: Annotated[str, AfterValidator(_checked_box)] | None = Field(
        None,
        max_length=120,
        description="West,south,east,north in degrees, edges included",
        examples=["144.95,-37.82,144.97,-37.81"],
    )
    bay: list[Annotated[str, Field(min_length=1, max_length=32)]] = Field(
        [], max_length=50, description="A bay's kerbside_id, or several", examples=[["5691"]]
    )

    def wanted(self) -> Callable[[Bay], bool] | None:
        """Whether a bay lies where it is wanted; None when every bay does."""
        if not (self.zone or self.bbox or self.bay):
            return None
        zones, ids = frozenset(self.zone), frozenset(self.bay)
        west, south, east, north = read_box(self.bbox) if self.bbox else GLOBE

        def is_wanted(bay: Bay) -> bool:
            return (
                (not zones or bay.zone_number in zones)
                and (not ids or bay.kerbside_id in ids)
                and west <= bay.longitude <= east
                and south <= bay.latitude <= north
            )

        return is_wanted


class StreamFilter(PlaceFilter):
    """Which bays the stream tells of, and from where on."""

    after: str | None = Field(
        None,
        max_length=64,
        description="Id of the last event seen; the header has priority",
        examples=["9f2c01ab-17"],
    )


class BayFilter(PlaceFilter):
    """Which bays are wanted; a condition that is not given holds for every bay."""

    status: Literal["Present", "Unoccupied"] | None = Field(None, description=STATUS.description)

    def select(self, bays: Iterable[Bay]) -> list[Bay]:
        """The bays for which every condition holds."""
        wanted = self.wanted()
        return [
            bay
            for bay in bays
            if (wanted is None or wanted(bay)) and (self.status is None or bay.status == self.status)
        ]


class RuleSchema(BaseModel):
    """A rule in force."""

    model_config = ConfigDict(title="Rule")

    code: str = Field(description=CODE.description, examples=["MP2P"])
    kind: str = Field(description=KIND.description, examples=["timed"])
    limit_minutes: int | None = Field(description=LIMIT_MINUTES.description, examples=[120])
    is_metered: bool = Field(description=IS_METERED.description)


class BaySchema(BaseModel):
    """One sensor's present."""

    model_config = ConfigDict(json_schema_extra={"example": BAY_EXAMPLE}, title="Bay")

    kerbside_id: str = Field(description=KERBSIDE_ID.description)
    status: Literal["Present", "Unoccupied"] = Field(description=STATUS.description)
    status_changed_at: datetime = Field(description=STATUS_CHANGED_AT.description)
    zone_number: int | None = Field(description=ZONE_NUMBER.description)
    longitude: float = Field(description=LONGITUDE.description)
    latitude: float = Field(description=LATITUDE.description)
    is_online: bool = Field(
        description="True while a `lastupdated` of the bay is younger than offline_after; false for a retired bay, "
        "and for every bay while the whole feed is silent"
    )
    is_retired: bool = Field(description=IS_RETIRED.description)
    heard_at: datetime | None = Field(
        description="The bay's own `lastupdated` where older than the feed's; null while it keeps up with "
        "source.feed_updated_at"
    )
    observed_at: datetime = Field(
        description="HTTP Date of the accepted poll that last changed the bay's row"
    )
    committed_at: datetime = Field(description="When PostgreSQL committed that change, by our clock")
    rule_status: Literal["restricted", "unrestricted", "no_rule"] = Field(
        description="Whether a rule is in force now; no_rule where none is known, which is not the same as unrestricted"
    )
    rules: list[RuleSchema] = Field(
        description="The rules in force now. Several of different limits: the plates stand at different bays"
    )
    rule_until_at: datetime | None = Field(
        description="Until then that is so; null when not known, or more than a week away"
    )
    permitted_until_at: datetime | None = Field(
        description="Who stands there may stand until then, under at least one of the rules in force; null when "
        "free, when nothing limits the stay, and when the sensor is silent or suspect"
    )
    is_overstay: bool = Field(
        description="True when the vehicle is certain to have been over by the grace or more, as of the newest poll"
    )
    overstay_minutes: float | None = Field(
        description="Minutes for which it is certain to have been over, as of the newest poll; null where no rule "
        "is known, and when there is no such vehicle"
    )
    first_breach_at: datetime | None = Field(description="When it first was over; null when it was not")
    is_suspect: bool = Field(
        description="True when it seems to stand there for longer than suspect_after: a stuck sensor"
    )


class SourceSchema(BaseModel):
    """Where the data comes from and how old it is."""

    model_config = ConfigDict(title="Source")

    kind: SourceKind = Field(description="simulator, portal (the City, live) or replay (of a capture)")
    is_simulated: bool = Field(description="True when no City data is shown")
    observed_at: datetime | None = Field(description="HTTP Date of the newest accepted poll")
    feed_updated_at: datetime | None = Field(description="Newest `lastupdated` in it")
    age_seconds: float | None = Field(description="Source time from the newest `lastupdated` to `as_of`")
    is_stale: bool = Field(description="True when source or pipeline are older than offline_after")


class About(BaseModel):
    as_of: datetime | None = Field(description="Now by the source's clock; null before the first poll")
    source: SourceSchema
    attribution: str = Field(description="Show it beside the data", examples=[CITY_ATTRIBUTION])
    last_event_id: str = Field(description="Give it to the stream as `after`", examples=["9f2c01ab-17"])


class BayAnswer(About):
    bay: BaySchema


class FreshnessAnswer(BaseModel):
    """Ages in seconds; null before the first accepted poll."""

    model_config = ConfigDict(title="Freshness")

    as_of: datetime | None = Field(description="Now by the source's clock")
    source_kind: SourceKind
    is_simulated: bool
    observed_at: datetime | None = Field(description="HTTP Date of the newest accepted poll")
    feed_updated_at: datetime | None = Field(description="Newest `lastupdated` in it")
    source_age_seconds: float | None = Field(description="Source time from feed_updated_at to as_of")
    pipeline_age_seconds: float | None = Field(description="Our time since the newest poll was received")
    is_stale: bool = Field(description="True when one of the ages is unknown or exceeds offline_after")
    unchanged_seconds: float | None = Field(description="Source time since any bay last changed")
    is_frozen: bool = Field(
        description="True when that exceeds frozen_after, however fresh the feed's stamps"
    )
    bays: int = Field(description="Bays known")
    last_commit_at: datetime | None = Field(description="PostgreSQL's commit of the newest change shown")
    poll_id: int | None = Field(description="Number of the newest accepted poll of the sensors")


class StreetLine(BaseModel):
    type: Literal["LineString"] = "LineString"
    coordinates: list[tuple[float, float]] = Field(description="Longitude, latitude")


class StreetProperties(BaseModel):
    name: str = Field(examples=["Little Collins Street"])
    description: str | None = Field(
        description="The street and the streets it lies between there; null where a line joins two over a crossing"
    )
    is_approximate: Literal[True] = Field(description="Fitted to bays, not surveyed")


class Street(BaseModel):
    type: Literal["Feature"] = "Feature"
    geometry: StreetLine
    properties: StreetProperties


class StreetsAnswer(BaseModel):
    """A GeoJSON FeatureCollection."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    attribution: str
    features: list[Street]


class Readiness(BaseModel):
    status: Literal["ready"] = "ready"
    bays: int


class Health(BaseModel):
    status: Literal["alive"] = "alive"
