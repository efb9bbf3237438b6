"""Bays as they are now."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.exceptions import HTTPException

from melpark.serving.api.context import Context, json_answer
from melpark.serving.problems import described
from melpark.serving.schemas import BayAnswer, BayFilter, BaysAnswer

KerbsideId = Annotated[
    str, Path(min_length=1, max_length=32, description="The City's id of the bay's sensor", examples=["5691"])
]


def add(api: APIRouter, context: Context) -> None:
    """Every bay, and one."""
    live = context.live

    @api.get(
        "/bays",
        summary="Every bay's present",
        description="The last status that each sensor told, whether it is online, how fresh the source is. "
        "`last_event_id` given to the stream as `after` joins the two without a gap.",
        response_model=BaysAnswer,
        responses=described(422, 503),
        tags=["bays"],
    )
    async def bays(chosen: Annotated[BayFilter, Query()]) -> Response:
        context.need_ready()
        return json_answer({**context.about(), "bays": chosen.select(live.bays.values())})

    @api.get(
        "/bays/{kerbside_id}",
        summary="One bay's present",
        response_model=BayAnswer,
        responses=described(404, 422, 503),
        tags=["bays"],
    )
    async def bay(kerbside_id: KerbsideId) -> Response:
        context.need_ready()
        found = live.bays.get(kerbside_id)
        if found is None:
            raise HTTPException(404, f"There is no bay {kerbside_id}; /api/v1/bays lists them all.")
        return json_answer({**context.about(), "bay": found})
