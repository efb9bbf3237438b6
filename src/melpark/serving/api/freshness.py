"""How old the data is, and the streets of the map."""

from fastapi import APIRouter, Response

from melpark.serving.api.context import Context, json_answer
from melpark.serving.openapi import example
from melpark.serving.schemas import FreshnessAnswer, StreetsAnswer

FRESHNESS_EXAMPLE = {
    "as_of": "2025-08-07T01:12:10Z",
    "source_kind": "portal",
    "is_simulated": False,
    "observed_at": "2025-08-07T01:11:39Z",
    "feed_updated_at": "2025-08-07T01:11:05Z",
    "source_age_seconds": 65.0,
    "pipeline_age_seconds": 31.0,
    "is_stale": False,
    "unchanged_seconds": 128.0,
    "is_frozen": False,
    "bays": 3309,
    "last_commit_at": "2025-08-07T01:11:40.120000Z",
    "poll_id": 1204,
}
STREETS_EXAMPLE = {
    "type": "FeatureCollection",
    "attribution": "City of Melbourne Open Data, CC BY 4.0",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [[144.9561, -37.8142], [144.9574, -37.8138]]},
            "properties": {
                "name": "Little Collins Street",
                "description": "Little Collins Street between Russell Street and Exhibition Street",
                "is_approximate": True,
            },
        }
    ],
}


def add(api: APIRouter, context: Context) -> None:
    """Freshness, and streets as lines."""

    @api.get(
        "/freshness",
        summary="How old the data is",
        description="The source's age and the pipeline's age, told apart. Also before the server is ready.",
        response_model=FreshnessAnswer,
        responses=example(FRESHNESS_EXAMPLE),
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
        responses=example(STREETS_EXAMPLE),
        tags=["map"],
    )
    def street_lines() -> Response:
        return json_answer(context.streets())
