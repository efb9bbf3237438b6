"""The routes under /api/v1: bays, their live stream, freshness and streets."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import AfterValidator
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from melpark.serving.bays import JSON_OPTIONS, Bay
from melpark.serving.live import LiveState
from melpark.serving.problems import described
from melpark.serving.schemas import BayAnswer, BayFilter, BaysAnswer, FreshnessAnswer, StreetsAnswer
from melpark.serving.stream import source_event

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5
# A reader that takes nothing for so long is gone, or too slow to be served.
SEND_SECONDS = 20

KerbsideId = Annotated[
    str, Path(min_length=1, max_length=32, description="The City's id of the bay's sensor", examples=["5691"])
]


def _header_value(value: str | None) -> str | None:
    if value is not None and len(value) > 64:
        raise ValueError("is longer than any event id of this server")
    return value


EventId = Annotated[str | None, AfterValidator(_header_value)]


class LiveResponse(EventSourceResponse):
    """Server-sent events whose reader may be too slow: it is let go without an error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("A reader of the stream took nothing for %s s and was let go", SEND_SECONDS)


def routes(
    live: LiveState, clock: Callable[[], datetime], streets: Callable[[], dict[str, Any]]
) -> APIRouter:
    """The API over the live state. `clock` is our clock, `streets` reads the streets' GeoJSON."""
    api = APIRouter(prefix="/api/v1")

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
        _need_ready(live)
        return _json({**_about(live, clock()), "bays": chosen.select(live.bays.values())})

    @api.get(
        "/bays/{kerbside_id}",
        summary="One bay's present",
        response_model=BayAnswer,
        responses=described(404, 422, 503),
        tags=["bays"],
    )
    async def bay(kerbside_id: KerbsideId) -> Response:
        _need_ready(live)
        found = live.bays.get(kerbside_id)
        if found is None:
            raise HTTPException(404, f"There is no bay {kerbside_id}; /api/v1/bays lists them all.")
        return _json({**_about(live, clock()), "bay": found})

    @api.get(
        "/stream",
        summary="Changes as they happen (server-sent events)",
        description=STREAM_DESCRIPTION,
        response_class=LiveResponse,
        responses={
            200: {"content": {"text/event-stream": {"example": STREAM_EXAMPLE}}},
            **described(422, 503),
        },
        tags=["bays"],
    )
    async def stream(
        after: Annotated[
            EventId,
            Query(description="Id of the last event seen; the header has priority", examples=["9f2c01ab-17"]),
        ] = None,
        last_event_id: Annotated[
            EventId, Header(description="Sent by EventSource when it reconnects")
        ] = None,
    ) -> LiveResponse:
        _need_ready(live)
        first = source_event(live.freshness(clock()))

        def heartbeat() -> ServerSentEvent:
            return source_event(live.freshness(clock()))

        return LiveResponse(
            live.stream.follow(last_event_id or after, first.encode()),
            ping=HEARTBEAT_SECONDS,
            ping_message_factory=heartbeat,
            send_timeout=SEND_SECONDS,
        )

    @api.get(
        "/freshness",
        summary="How old the data is",
        description="The source's age and the pipeline's age, told apart. Also before the server is ready.",
        response_model=FreshnessAnswer,
        tags=["health"],
    )
    async def fresh() -> Response:
        return _json(live.freshness(clock()))

    @api.get(
        "/streets",
        summary="Streets, fitted to the bays (approximate)",
        description="GeoJSON lines through the bays of each street segment; no open dataset holds the "
        "streets' own geometry. Empty while the bays are not loaded or the database is away.",
        response_model=StreetsAnswer,
        tags=["map"],
    )
    def street_lines() -> Response:
        return _json(streets())

    return api


def _about(live: LiveState, now: datetime) -> dict[str, Any]:
    fresh = live.freshness(now)
    return {
        "as_of": fresh.as_of,
        "source": {
            "kind": fresh.source_kind,
            "is_simulated": fresh.is_simulated,
            "observed_at": fresh.observed_at,
            "age_seconds": fresh.source_age_seconds,
            "is_stale": fresh.is_stale,
        },
        "attribution": live.settings.attribution,
        "last_event_id": live.stream.last_event_id,
    }


def _need_ready(live: LiveState) -> None:
    if live.not_ready_because:
        raise HTTPException(
            503, f"Not ready: {live.not_ready_because}. Ask again in a moment.", {"Retry-After": "1"}
        )


def _json(content: Bay | dict[str, Any] | object) -> Response:
    return Response(orjson.dumps(content, option=JSON_OPTIONS), media_type="application/json")


STREAM_DESCRIPTION = """Events, each with JSON in `data`:

- `bays`: a list of bays that changed, each as in `/api/v1/bays`. Carries an `id`.
- `removed`: a list of `kerbside_id` of bays that are gone. Carries an `id`.
- `source`: freshness as in `/api/v1/freshness`, at each poll and every few seconds as a heartbeat. No `id`.
- `snapshot-needed`: what you hold cannot be continued; fetch `/api/v1/bays` again, then go on here.

Reconnect with `Last-Event-ID` (browsers do) to get what was missed. A reader that does not keep up is let go.
"""
STREAM_EXAMPLE = (
    'id: 9f2c01ab-18\r\nevent: bays\r\ndata: [{"kerbside_id":"5691","status":"Present",'
    '"status_changed_at":"2025-08-07T01:10:02Z","zone_number":7303,"longitude":144.956,"latitude":-37.814,'
    '"is_online":true,"is_retired":false,"observed_at":"2025-08-07T01:11:39Z",'
    '"committed_at":"2025-08-07T01:11:40.120Z"}]\r\n\r\n'
)
