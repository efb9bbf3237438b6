"""How good the data is: what the polls of a day brought, and how the sensors are."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, JsonValue

from melpark.processing.quality import POLLS, SENSORS
from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context, json_answer
from melpark.serving.api.describe import HISTORY_EXAMPLE, History, listed
from melpark.serving.api.history import Where, page
from melpark.serving.api.listing import ListQuery, Word
from melpark.serving.openapi import example
from melpark.serving.problems import described

POLLS_EXAMPLE: dict[str, JsonValue] = {
    "dataset": "on-street-parking-bay-sensors",
    "accepted": 719,
    "refused": 0,
    "failed": 1,
    "records": 2379171,
    "rejected": 2,
    "newest_accepted_at": "2025-08-07T01:11:39Z",
}
SENSORS_EXAMPLE: dict[str, JsonValue] = {
    "sensors": 3309,
    "online": 3080,
    "retired": 12,
    "stale": 217,
    "stuck": 41,
    "suspect": 25,
}
HEALTH = Resource(
    "sensors",
    "SensorHealth",
    (
        Column("kerbside_id", str, "The bay's sensor", "5691"),
        Column("location_key", str, "Its location: parking zone by street segment", "7303-20131"),
        Column("is_online", bool, "It is heard", True),
        Column("is_retired", bool, "The feed no longer holds it", False),
        Column("status", str | None, "Its last status; null when it never had one", "Unoccupied"),
        Column("last_changed_at", datetime | None, "When that began", "2025-08-07T01:10:02Z"),
        Column("online_share", float | None, "Share of the last week in which it was heard, 0 to 1", 0.997),
        Column("is_stale", bool, "The feed holds it and it is not heard", False),
        Column("is_stuck", bool, "It has not changed for days while a neighbour has", False),
        Column("is_suspect", bool, "A vehicle would have been there longer than suspect_after", False),
    ),
    ("kerbside_id",),
)


class PollsOfDataset(BaseModel):
    """Polls of one dataset within the newest day that is known."""

    dataset: str = Field(description="The City's name of it")
    accepted: int = Field(description="Answers taken in")
    refused: int = Field(description="Answers refused as a whole")
    failed: int = Field(description="Attempts without a complete answer")
    records: int = Field(description="Records in the accepted answers")
    rejected: int = Field(description="Records refused one by one, kept with their reason")
    newest_accepted_at: datetime | None = Field(description="HTTP Date of the newest accepted answer")


class SensorCounts(BaseModel):
    """Sensors as they are now."""

    sensors: int = Field(description="All that were ever seen")
    online: int = Field(description="Heard")
    retired: int = Field(description="No longer in the feed")
    stale: int = Field(description="In the feed, not heard")
    stuck: int = Field(description="Unchanged for days while a neighbour has changed")
    suspect: int = Field(description="Present for longer than suspect_after")


class QualityAnswer(History):
    """What to think of the data."""

    polls: list[PollsOfDataset]
    sensors: SensorCounts


class HealthQuery(ListQuery):
    """Which sensors."""

    bay: list[Word] = Field(
        [], max_length=50, description="A bay's kerbside_id, or several", examples=[["5691"]]
    )
    only: list[Annotated[str, Field(pattern="^(stale|stuck|suspect|retired)$")]] = Field(
        [], max_length=4, description="Only those of which one of these holds", examples=[["stuck"]]
    )


def add(api: APIRouter, context: Context) -> None:
    """Data quality."""

    @api.get(
        "/data-quality",
        summary="How good the data is",
        description="What the polls of the newest day brought, by dataset, and how the sensors are.",
        response_model=QualityAnswer,
        responses=example({**HISTORY_EXAMPLE, "polls": [POLLS_EXAMPLE], "sensors": SENSORS_EXAMPLE})
        | described(503),
        tags=["health"],
    )
    def quality() -> Response:
        tables = ("silver.polls", "gold.fact_sensor_health")
        versions = context.lake.versions(*tables)
        polls = context.lake.rows(POLLS, [], {tables[0]: versions[tables[0]]}).records()
        (sensors,) = context.lake.rows(SENSORS, [], {tables[1]: versions[tables[1]]}).records()
        about: dict[str, Any] = context.about_history(versions)
        return json_answer({**about, "polls": polls, "sensors": sensors})

    @api.get(
        "/data-quality/sensors",
        summary="How each sensor is",
        description="From gold.",
        tags=["health"],
        **listed(HEALTH, about="history"),
    )
    def sensors(request: Request, query: Annotated[HealthQuery, Query()]) -> Response:
        where = Where()
        where.one_of("kerbside_id", query.bay)
        if query.only:
            where.put(f"({' OR '.join(f'is_{name}' for name in sorted(set(query.only)))})")
        statement = f"SELECT {', '.join(HEALTH.names)} FROM gold.fact_sensor_health{where.text}"
        return page(request, context, HEALTH, query, statement, where.parameters)
