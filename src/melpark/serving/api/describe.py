"""What OpenAPI says of a listing: its three forms, its headers, its problems, an example of each."""

import csv
import io
from typing import Any, Literal

from pydantic import BaseModel, Field, JsonValue, create_model

from melpark.serving.api.columns import Resource
from melpark.serving.api.listing import CSV, GEOJSON
from melpark.serving.problems import described
from melpark.serving.schemas import About

ABOUT_EXAMPLE: dict[str, JsonValue] = {
    "as_of": "2025-08-07T01:12:10Z",
    "source": {
        "kind": "portal",
        "is_simulated": False,
        "observed_at": "2025-08-07T01:11:39Z",
        "feed_updated_at": "2025-08-07T01:11:05Z",
        "age_seconds": 65.0,
        "is_stale": False,
    },
    "attribution": "City of Melbourne Open Data, CC BY 4.0",
    "last_event_id": "9f2c01ab-17",
}
HISTORY_EXAMPLE: dict[str, JsonValue] = {
    "attribution": "City of Melbourne Open Data, CC BY 4.0",
    "versions": {"gold.fact_parking_sessions": 41, "gold.dim_locations": 12},
}


class History(BaseModel):
    attribution: str = Field(description="Show it beside the data")
    versions: dict[str, int] = Field(
        description="The versions of the lake's tables that every page of this listing is read at"
    )


def listed(resource: Resource, about: Literal["present", "history"]) -> dict[str, Any]:
    """The response_model and responses of a listing's route."""
    is_history = about == "history"
    beside = HISTORY_EXAMPLE if is_history else ABOUT_EXAMPLE
    fields: dict[str, Any] = {
        resource.name: (list[resource.model()], ...),  # type: ignore[misc]
        "next_cursor": (
            str | None,
            Field(description="Give it as `cursor` for the next page; null on the last one"),
        ),
    }
    model = create_model(
        f"{resource.title}Page", __base__=History if is_history else About, __doc__=None, **fields
    )
    example = {**beside, resource.name: [resource.example], "next_cursor": None}
    content: dict[str, Any] = {
        "application/json": {"example": example},
        CSV: {"schema": {"type": "string"}, "example": _csv_example(resource)},
    }
    if resource.has_place:
        content[GEOJSON] = {"schema": {"type": "object"}, "example": _geojson_example(resource, beside)}
    headers = {
        "ETag": _header("Send it back as If-None-Match: 304 when nothing is new"),
        "Link": _header('The next page, rel="next", where there is one'),
    }
    if not is_history:
        headers["Age"] = _header("Seconds since the source said what is shown")
    problems = described(406, 410, 422, 503) if is_history else described(406, 422, 503)
    unchanged = {304: {"description": "What the If-None-Match header names is still so"}}
    return {
        "response_model": model,
        "responses": {200: {"content": content, "headers": headers}, **unchanged, **problems},
    }


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _csv_example(resource: Resource) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(
        [resource.names, ["" if value is None else value for value in resource.example.values()]]
    )
    return out.getvalue()


def _geojson_example(resource: Resource, beside: dict[str, Any]) -> dict[str, Any]:
    row = dict(resource.example)
    place = [row.pop("longitude"), row.pop("latitude")]
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": row}
    return {"type": "FeatureCollection", **beside, "next_cursor": None, "features": [feature]}
