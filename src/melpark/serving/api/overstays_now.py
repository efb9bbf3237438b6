"""Vehicles that are over their limit at this moment."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.listing import ListQuery
from melpark.serving.api.present import page
from melpark.serving.api.zones import RULES
from melpark.serving.schemas import PlaceFilter

OVERSTAYS_NOW = Resource(
    "overstays",
    "OverstayNow",
    (
        Column("kerbside_id", str, "The bay", "5691"),
        Column("zone_number", int | None, "Parking zone", 7303),
        Column("longitude", float, "Degrees east, WGS 84", 144.9563),
        Column("latitude", float, "Degrees north, WGS 84", -37.8141),
        Column("status_changed_at", datetime, "When the vehicle came", "2025-08-07T01:10:02Z"),
        Column("first_breach_at", datetime, "When it first was over", "2025-08-07T03:10:02Z"),
        Column("overstay_minutes", float, "Minutes over for certain, as of the newest poll", 30.48),
        RULES,
    ),
    # Which stays as it is from poll to poll, as minutes do not: pages lose no row.
    ("first_breach_at", "kerbside_id"),
)


class OverstayNowQuery(PlaceFilter, ListQuery):
    """Where."""


def add(api: APIRouter, context: Context) -> None:
    """Overstays of this moment."""

    @api.get(
        "/overstays/now",
        summary="Vehicles that are over their limit now, those over since the earliest first",
        description="Certain by the grace or more, under every rule in force, as of the newest poll less the feed's "
        "delay. Sensors that are silent or suspect say nothing.",
        tags=["bays"],
        **listed(OVERSTAYS_NOW, about="present"),
    )
    async def overstays_now(request: Request, query: Annotated[OverstayNowQuery, Query()]) -> Response:
        context.need_ready()
        wanted = query.wanted()
        rows = (
            {name: getattr(bay, name) for name in OVERSTAYS_NOW.names}
            for bay in context.live.bays.values()
            if bay.is_overstay and (wanted is None or wanted(bay))
        )
        return page(request, context, OVERSTAYS_NOW, query, rows, context.live.state_id, limit=query.limit)
