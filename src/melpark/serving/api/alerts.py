"""What somebody should look at: alerts, as Flink raises and clears them."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from melpark.contracts.live_alerts import LIVE_ALERTS
from melpark.serving.api.columns import Resource, of_contract
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.listing import ListQuery, Word
from melpark.serving.api.present import page

EXAMPLE = {
    "alert_id": "zone_full/7303/2025-08-07T01:05:00Z",
    "kind": "zone_full",
    "place_kind": "zone",
    "place": "7303",
    "state": "raised",
    "raised_at": "2025-08-07T01:05:00Z",
    "cleared_at": None,
    "threshold": 95.0,
    "value": 97.5,
    "detail": "Zone 7303 has been at least 95 % full for 10 minutes.",
}
ALERTS = Resource(
    "alerts",
    "Alert",
    of_contract(LIVE_ALERTS.columns, EXAMPLE),
    ("raised_at", "alert_id"),
    newest_first=True,
)


class AlertQuery(ListQuery):
    """Which alerts."""

    kind: Literal["overstay", "zone_full", "zone_quiet", "feed_quiet"] | None = Field(
        None, description="What was noticed", examples=["zone_full"]
    )
    state: Literal["raised", "cleared"] | None = Field(
        None, description="raised: it still holds", examples=["raised"]
    )
    place: list[Word] = Field(
        [], max_length=50, description="Bay's kerbside_id, zone's number, or melbourne", examples=[["7303"]]
    )


def add(api: APIRouter, context: Context) -> None:
    """Alerts."""

    @api.get(
        "/alerts",
        summary="Alerts, the newest first",
        description="Vehicles that stay too long, zones that are full, zones and a feed that have gone quiet; "
        "raised, and cleared again. Those of the last weeks, as long as the log holds them. 503 where Flink is off.",
        tags=["alerts"],
        **listed(ALERTS, about="present"),
    )
    async def alerts(request: Request, query: Annotated[AlertQuery, Query()]) -> Response:
        context.need_answers()
        rows = (
            row
            for row in context.answers.alerts
            if (query.kind is None or row["kind"] == query.kind)
            and (query.state is None or row["state"] == query.state)
            and (not query.place or row["place"] in query.place)
        )
        return page(request, context, ALERTS, query, rows, context.answers.state_id, limit=query.limit)
