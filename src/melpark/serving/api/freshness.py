"""How old the data is, and the streets of the map."""

from fastapi import APIRouter, Response

from melpark.serving.api.context import Context, json_answer
from melpark.serving.schemas import FreshnessAnswer, StreetsAnswer


def add(api: APIRouter, context: Context) -> None:
    """Freshness, and streets as lines."""

    @api.get(
        "/freshness",
        summary="How old the data is",
        description="The source's age and the pipeline's age, told apart. Also before the server is ready.",
        response_model=FreshnessAnswer,
        tags=["health"],
    )
    async def fresh() -> Response:
        return json_answer(context.live.freshness(context.clock()))

    @api.get(
        "/streets",
        summary="Streets, fitted to the bays (approximate)",
        description="GeoJSON lines through the bays of each street segment; no open dataset holds the "
        "streets' own geometry. Empty while the bays are not loaded or the database is away.",
        response_model=StreetsAnswer,
        tags=["map"],
    )
    def street_lines() -> Response:
        return json_answer(context.streets())
