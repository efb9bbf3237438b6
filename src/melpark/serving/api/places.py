"""What does not change from minute to minute: the street of each bay, and the meter that its driver pays at."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.history import Where, page
from melpark.serving.api.listing import ListQuery, Word

PLACES = Resource(
    "places",
    "Place",
    (
        Column("kerbside_id", str, "The bay", "5691"),
        Column("street", str, "Its street, or Unknown", "Little Collins Street"),
        Column(
            "street_description",
            str,
            "The street and the streets it lies between there, or Unknown",
            "Little Collins Street between Russell Street and Exhibition Street",
        ),
        Column("location_key", str, "Its location: parking zone by street segment", "7303-20131"),
        Column("meter_id", str | None, "The nearest meter of its street; null without one near", "871A"),
        Column("has_credit_card", bool | None, "That meter takes credit cards; null without one", True),
        Column("has_tap_and_go", bool | None, "That meter takes contactless cards; null without one", True),
    ),
    ("kerbside_id",),
)
STATEMENT = """
SELECT
    kerbside_id,
    street,
    street_description,
    location_key,
    nullif(meter_id, 'none') AS meter_id,
    CASE WHEN meter_id <> 'none' THEN has_credit_card END AS has_credit_card,
    CASE WHEN meter_id <> 'none' THEN has_tap_and_go END AS has_tap_and_go
FROM gold.dim_bays
"""


class PlaceQuery(ListQuery):
    """Of which bays."""

    bay: list[Word] = Field(
        [], max_length=50, description="A bay's kerbside_id, or several", examples=[["5691"]]
    )
    street: list[Word] = Field(
        [], max_length=50, description="Street, or several", examples=[["Little Collins Street"]]
    )


def add(api: APIRouter, context: Context) -> None:
    """Streets and meters of bays."""

    @api.get(
        "/places",
        summary="Street and meter of each bay",
        description="From gold: bays with a sensor as they are now, retired ones left out.",
        tags=["bays"],
        **listed(PLACES, about="history"),
    )
    def places(request: Request, query: Annotated[PlaceQuery, Query()]) -> Response:
        where = Where()
        where.put("is_current AND NOT is_retired")
        where.one_of("kerbside_id", query.bay)
        where.one_of("street", query.street)
        parameters: list[Any] = where.parameters
        return page(request, context, PLACES, query, f"{STATEMENT}{where.text}", parameters)
