"""Where can I park for so long near here, from now: free bays whose rule allows it, the nearest first."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from deltalake.exceptions import DeltaError
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from melpark.parking.local_time import MELBOURNE
from melpark.serving.api.context import Context, json_answer
from melpark.serving.api.describe import ABOUT_EXAMPLE
from melpark.serving.api.listing import LARGEST_PAGE
from melpark.serving.bays import Bay, RuleNow
from melpark.serving.geography import metres
from melpark.serving.lake import NotThereYetError, VersionGoneError
from melpark.serving.openapi import example
from melpark.serving.parking_offers import Offer, offer
from melpark.serving.problems import described
from melpark.serving.schemas import About, Place, RuleSchema, read_place

log = logging.getLogger(__name__)

# By bay: when the sensor changed last.
Stuck = Mapping[str, datetime]

EXAMPLE: dict[str, JsonValue] = {
    "kerbside_id": "5691",
    "distance_metres": 84.0,
    "longitude": 144.9563297765231,
    "latitude": -37.81409629462509,
    "zone_number": 7303,
    "free_since_at": "2025-08-07T01:10:02Z",
    "until_at": "2025-08-07T03:12:10Z",
    "rules": [{"code": "MP2P", "kind": "timed", "limit_minutes": 120, "is_metered": True}],
    "reason": "MP2P (120 minutes, paid) holds; until 13:12, then the limit is reached",
}


class ParkingQuery(BaseModel):
    """Where, and for how long."""

    model_config = ConfigDict(extra="forbid")

    near: Place = Field(description="Longitude,latitude in degrees", examples=["144.9631,-37.8136"])
    minutes: int = Field(ge=1, le=1440, description="How long the car will stand there", examples=[90])
    radius_metres: float = Field(
        500, gt=0, le=5_000, description="How far to walk, on the ground", examples=[500]
    )
    limit: int = Field(10, ge=1, le=LARGEST_PAGE, description="Most bays", examples=[10])


class SpotSchema(BaseModel):
    """A free bay in which a car may stand for as long as was asked."""

    model_config = ConfigDict(title="Spot")

    kerbside_id: str = Field(description="The bay")
    distance_metres: float = Field(description="From `near`, on the ground")
    longitude: float = Field(description="Degrees east, WGS 84")
    latitude: float = Field(description="Degrees north, WGS 84")
    zone_number: int = Field(description="Parking zone")
    free_since_at: datetime = Field(description="When the last vehicle left, by the sensor")
    until_at: datetime | None = Field(
        description="Who comes now may stay until then; null when nothing ends it within a day"
    )
    rules: list[RuleSchema] = Field(description="The rules in force now; none where parking is unrestricted")
    reason: str = Field(description="Why, and what ends it, in words and in Melbourne's time")


class ParkingAnswer(About):
    """The nearest first."""

    spots: list[SpotSchema]


def add(api: APIRouter, context: Context) -> None:
    """Where to park."""

    @api.get(
        "/where-to-park",
        summary="Where can I park for N minutes near here, from now",
        description="Free bays whose sensor is heard and whose rules allow the whole stay for certain, the nearest "
        "first. Bays for loading, permits or nobody, bays without a known rule and bays whose overlapping plates do "
        "not all allow it are left out, and so are bays whose sensor is stuck by gold's judgement (it sees nothing "
        "while its neighbours change). While `source.is_stale`, look before you drive.",
        response_model=ParkingAnswer,
        responses=example({**ABOUT_EXAMPLE, "spots": [EXAMPLE]}) | described(422, 503),
        tags=["bays"],
    )
    async def where_to_park(query: Annotated[ParkingQuery, Query()]) -> Response:
        context.need_ready()
        stuck = await asyncio.to_thread(_stuck, context)
        at = context.as_of()
        answer = json_answer({**context.about(), "spots": spots(context, query, at, stuck)})
        answer.headers.update(context.age())
        return answer


def spots(context: Context, query: ParkingQuery, at: datetime, stuck: Stuck) -> list[dict[str, Any]]:
    """The bays offered at an instant, without those whose sensor is stuck; each zone is asked once."""
    place, stay = read_place(query.near), timedelta(minutes=query.minutes)
    near = sorted(
        (distance, bay.kerbside_id, bay)
        for bay in context.live.bays.values()
        if bay.status == "Unoccupied"
        and bay.is_online
        and not _is_stuck(bay, stuck)
        and (distance := metres(place, (bay.longitude, bay.latitude))) <= query.radius_metres
    )
    offers: dict[int | None, Offer | None] = {}
    found: list[dict[str, Any]] = []
    for distance, _, bay in near:
        zone = bay.zone_number
        if zone not in offers:
            offers[zone] = offer(at, stay, zone, context.live.calendar.zone(zone))
        if made := offers[zone]:
            found.append(_spot(bay, distance, made))
        if len(found) == query.limit:
            break
    return found


def _stuck(context: Context) -> Stuck:
    """Bays whose sensor is stuck by gold's last build, and when it changed last; none before the first build, and none
    while gold cannot be read, for the present does not wait for it."""
    try:
        found = context.lake.rows(
            "SELECT kerbside_id, last_changed_at FROM gold.fact_sensor_health WHERE is_stuck"
        )
    except NotThereYetError:
        return {}
    except (VersionGoneError, DeltaError) as error:
        log.warning("Bays with stuck sensors are offered, for gold cannot be read: %s", error)
        return {}
    return dict(found.rows)


def _is_stuck(bay: Bay, stuck: Stuck) -> bool:
    """A sensor that has changed since gold was built plainly sees."""
    return bay.kerbside_id in stuck and bay.status_changed_at <= stuck[bay.kerbside_id]


def _spot(bay: Bay, distance: float, made: Offer) -> dict[str, Any]:
    return {
        "kerbside_id": bay.kerbside_id,
        "distance_metres": round(distance, 1),
        "longitude": bay.longitude,
        "latitude": bay.latitude,
        "zone_number": bay.zone_number,
        "free_since_at": bay.status_changed_at,
        "until_at": made.until_at,
        "rules": [
            RuleNow(window.code, window.kind.value, window.limit_minutes, window.is_metered)
            for window in made.in_force
        ],
        "reason": _reason(made),
    }


def _reason(made: Offer) -> str:
    rules = " and ".join(
        f"{window.code} ({'no limit' if window.limit_minutes is None else f'{window.limit_minutes} minutes'}"
        f"{', paid' if window.is_metered else ''})"
        for window in made.in_force
    )
    begin = f"{rules} holds" if rules else "No rule is in force"
    if made.until_at is None:
        return f"{begin}; nothing ends the stay within a day"
    return f"{begin}; until {made.until_at.astimezone(MELBOURNE):%H:%M}, {made.ends_with}"
