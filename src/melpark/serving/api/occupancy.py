"""How full places were and are, and how many vehicles came and went."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from melpark.contracts.live_occupancy import CITY, LIVE_OCCUPANCY
from melpark.serving.api.columns import Column, Resource, of_contract
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.history import OCCUPANCY_PERCENT, RECENT, Where, page, total
from melpark.serving.api.listing import ListQuery, TimeQuery, Word
from melpark.serving.api.present import page as page_of_present

PlaceKind = Literal["location", "zone", "street", "city"]
PLACES = {
    "location": "occupancy.location_key",
    "zone": "coalesce(CAST(locations.zone_number AS VARCHAR), 'none')",
    "street": "locations.street",
    "city": f"'{CITY}'",
}
# A local day begins at midnight in Melbourne.
STARTS = {
    "quarter_hour": "occupancy.starts_at",
    "hour": "date_trunc('hour', occupancy.starts_at)",
    "day": "timezone('Australia/Melbourne', CAST(occupancy.local_date AS TIMESTAMP))",
}
PLACE = (
    Column("place_kind", str, "location, zone, street or city", "zone"),
    Column(
        "place",
        str,
        "The location's key, the zone's number (none without one), the street or melbourne",
        "7303",
    ),
    Column("starts_at", datetime, "Beginning of the quarter hour, hour or local day", "2025-08-07T01:00:00Z"),
)
OCCUPANCY = Resource(
    "occupancy",
    "Occupancy",
    (
        *PLACE,
        Column("bay_minutes", float, "Minutes of all bays in the feed", 720.0),
        Column("online_minutes", float, "Of those the ones in which the sensor was heard", 690.0),
        Column("occupied_minutes", float, "Of those the ones with a vehicle", 483.0),
        Column("uncertain_minutes", float, "Online minutes in which a change may hide", 4.0),
        Column(
            "occupancy_percent",
            float | None,
            "Occupied of online minutes, 0 to 100; null when the sensors were silent for most of the time",
            70.0,
        ),
    ),
    ("starts_at", "place"),
    newest_first=True,
)
TURNOVER = Resource(
    "turnover",
    "Turnover",
    (
        *PLACE,
        Column("bay_minutes", float, "Minutes of all bays in the feed", 720.0),
        Column("arrivals", int, "Vehicles that came", 9),
        Column("departures", int, "Vehicles that left", 7),
        Column("turnover_per_hour", float | None, "Stays that began per bay and hour", 0.75),
    ),
    ("starts_at", "place"),
    newest_first=True,
)
NOW_EXAMPLE = {
    "place_kind": "zone",
    "place": "7303",
    "window_kind": "tumbling_5",
    "window_start_at": "2025-08-07T01:00:00Z",
    "window_end_at": "2025-08-07T01:05:00Z",
    "bay_seconds": 3600.0,
    "online_seconds": 3300.0,
    "occupied_seconds": 2310.0,
    "uncertain_seconds": 20.0,
    "bays_total": 12,
    "bays_online": 11,
    "bays_occupied": 8,
    "occupancy_percent": 70.0,
    "arrivals": 2,
    "departures": 1,
    "turnover": 24.0,
    "published_at": "2025-08-07T01:08:05Z",
}
OCCUPANCY_NOW = Resource(
    "occupancy",
    "OccupancyNow",
    of_contract(LIVE_OCCUPANCY.columns, NOW_EXAMPLE),
    ("place_kind", "place", "window_kind", "window_start_at"),
)


class OccupancyQuery(TimeQuery):
    """Of which places, in which steps. Without a time the newest day that is known."""

    place_kind: PlaceKind = Field("zone", description="Kind of place to sum over", examples=["zone"])
    place: list[Word] = Field([], max_length=50, description="The place, or several", examples=[["7303"]])
    step: Literal["quarter_hour", "hour", "day"] = Field(
        "hour", description="Length of a row", examples=["hour"]
    )


class OccupancyNowQuery(ListQuery):
    """Of which places, in which windows."""

    place_kind: PlaceKind | None = Field(None, description="Kind of place", examples=["zone"])
    place: list[Word] = Field([], max_length=50, description="The place, or several", examples=[["7303"]])
    window_kind: Literal["now", "tumbling_5", "hopping_30"] | None = Field(
        None, description="The present, or the newest three windows of 5 or of 30 minutes", examples=["now"]
    )


def add(api: APIRouter, context: Context) -> None:
    """Occupancy, then and now, and turnover."""

    @api.get(
        "/occupancy",
        summary="How full places were",
        description="From gold, the newest first. Minutes add up over places and time; percentages do not. "
        "Hours and days that the asked time cuts are told as far as they lie in it.",
        tags=["history"],
        **listed(OCCUPANCY, about="history"),
    )
    def occupancy(request: Request, query: Annotated[OccupancyQuery, Query()]) -> Response:
        statement, parameters = _statement(
            query,
            f"{total('bay_minutes')} AS bay_minutes, {total('online_minutes')} AS online_minutes, "
            f"{total('occupied_minutes')} AS occupied_minutes, "
            f"{total('uncertain_minutes')} AS uncertain_minutes, {OCCUPANCY_PERCENT} AS occupancy_percent",
        )
        return page(request, context, OCCUPANCY, query, statement, parameters)

    @api.get(
        "/turnover",
        summary="How many vehicles came and went",
        description="From gold, the newest first.",
        tags=["history"],
        **listed(TURNOVER, about="history"),
    )
    def turnover(request: Request, query: Annotated[OccupancyQuery, Query()]) -> Response:
        statement, parameters = _statement(
            query,
            f"{total('bay_minutes')} AS bay_minutes, CAST(sum(arrivals) AS BIGINT) AS arrivals, "
            "CAST(sum(departures) AS BIGINT) AS departures, "
            f"60 * sum(arrivals) / nullif({total('bay_minutes')}, 0) AS turnover_per_hour",
        )
        return page(request, context, TURNOVER, query, statement, parameters)

    @api.get(
        "/occupancy/now",
        summary="How full places are",
        description="The present and the newest windows of each place, as Flink publishes them. A window closes when "
        "the polls have passed its end. 503 where Flink is off.",
        tags=["zones"],
        **listed(OCCUPANCY_NOW, about="present"),
    )
    async def occupancy_now(request: Request, query: Annotated[OccupancyNowQuery, Query()]) -> Response:
        context.need_answers()
        rows = (
            row
            for row in context.answers.occupancy
            if (query.place_kind is None or row["place_kind"] == query.place_kind)
            and (query.window_kind is None or row["window_kind"] == query.window_kind)
            and (not query.place or row["place"] in query.place)
        )
        return page_of_present(
            request, context, OCCUPANCY_NOW, query, rows, context.answers.state_id, limit=query.limit
        )


def _statement(query: OccupancyQuery, sums: str) -> tuple[str, list[Any]]:
    place, starts_at = PLACES[query.place_kind], STARTS[query.step]
    where = Where()
    if query.start_at or query.end_at:
        where.within("occupancy.starts_at", query.start_at, query.end_at)
    else:
        where.put(f"occupancy.starts_at > (SELECT max(starts_at) FROM gold.fact_occupancy) - {RECENT}")
    where.one_of(place, query.place)
    return (
        f"SELECT '{query.place_kind}' AS place_kind, {place} AS place, {starts_at} AS starts_at, {sums} "
        "FROM gold.fact_occupancy AS occupancy INNER JOIN gold.dim_locations AS locations "
        f"ON occupancy.location_key = locations.location_key{where.text} GROUP BY ALL",
        where.parameters,
    )
