"""Bays as they are now."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context, json_answer
from melpark.serving.api.describe import ABOUT_EXAMPLE, listed
from melpark.serving.api.listing import LARGEST_PAGE, PagedQuery, Row
from melpark.serving.api.present import page
from melpark.serving.bays import Bay
from melpark.serving.geography import metres
from melpark.serving.openapi import example
from melpark.serving.problems import described
from melpark.serving.schemas import BAY_EXAMPLE, BayAnswer, BayFilter, BaySchema, Place, read_place

KerbsideId = Annotated[
    str, Path(min_length=1, max_length=32, description="The City's id of the bay's sensor", examples=["5691"])
]


class BayQuery(BayFilter, PagedQuery):
    """Which bays, how many of them, and which of their fields."""

    near: Place | None = Field(
        None,
        description="Longitude,latitude in degrees: only bays within `radius_metres` of it",
        examples=["144.9631,-37.8136"],
    )
    radius_metres: float = Field(300, gt=0, le=20_000, description="Of `near`, on the ground", examples=[300])
    limit: int | None = Field(
        None, ge=1, le=LARGEST_PAGE, description="Most bays of one page; all of them without it"
    )

    def select(self, bays: Iterable[Bay]) -> list[Bay]:
        """The bays for which every condition holds."""
        found = super().select(bays)
        if self.near is None:
            return found
        place = read_place(self.near)
        return [bay for bay in found if metres(place, (bay.longitude, bay.latitude)) <= self.radius_metres]


BAYS = Resource(
    "bays",
    "Bay",
    tuple(
        Column(name, field.annotation, field.description or "", BAY_EXAMPLE[name])
        for name, field in BaySchema.model_fields.items()
    ),
    ("kerbside_id",),
)


def add(api: APIRouter, context: Context) -> None:
    """Every bay, and one."""
    live = context.live

    def encoded(row: Row) -> object:
        return live.encoded[row.kerbside_id] if isinstance(row, Bay) else row

    @api.get(
        "/bays",
        summary="Every bay's present",
        description="The last status that each sensor told, what the rules say of it now, and how fresh the source is. "
        "`last_event_id` given to the stream as `after` joins the two without a gap. All bays at once, unless `limit` "
        "is given; pages are in the order of `kerbside_id`, so that no bay is there twice.",
        tags=["bays"],
        **listed(BAYS, about="present"),
    )
    async def bays(request: Request, chosen: Annotated[BayQuery, Query()]) -> Response:
        context.need_ready()
        rows = chosen.select(live.bays.values())
        return page(request, context, BAYS, chosen, rows, live.state_id, limit=chosen.limit, encoded=encoded)

    @api.get(
        "/bays/{kerbside_id}",
        summary="One bay's present",
        response_model=BayAnswer,
        responses=example({**ABOUT_EXAMPLE, "bay": BAY_EXAMPLE}) | described(404, 422, 503),
        tags=["bays"],
    )
    async def bay(kerbside_id: KerbsideId) -> Response:
        context.need_ready()
        found = live.bays.get(kerbside_id)
        if found is None:
            raise HTTPException(404, f"There is no bay {kerbside_id}; /api/v1/bays lists them all.")
        answer = json_answer({**context.about(), "bay": found})
        answer.headers.update(context.age())
        return answer
