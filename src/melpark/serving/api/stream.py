"""Changes as they happen, by server-sent events."""

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Query
from pydantic import AfterValidator
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.types import Receive, Scope, Send

from melpark.serving.api.context import Context
from melpark.serving.problems import described
from melpark.serving.schemas import StreamFilter
from melpark.serving.stream import source_event

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5
# A reader that takes nothing for so long is gone, or too slow to be served.
SEND_SECONDS = 20


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


def add(api: APIRouter, context: Context) -> None:
    """The live stream."""
    live = context.live

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
        chosen: Annotated[StreamFilter, Query()],
        last_event_id: Annotated[
            EventId, Header(description="Sent by EventSource when it reconnects; goes before `after`")
        ] = None,
    ) -> LiveResponse:
        context.need_ready()

        def heartbeat() -> ServerSentEvent:
            return source_event(live.freshness(context.clock()))

        after = last_event_id or chosen.after
        return LiveResponse(
            live.stream.follow(after, heartbeat().encode(), chosen.wanted()),
            ping=HEARTBEAT_SECONDS,
            ping_message_factory=heartbeat,
            send_timeout=SEND_SECONDS,
        )


STREAM_DESCRIPTION = """Events, each with JSON in `data`:

- `bays`: a list of bays that changed, each as in `/api/v1/bays`. Carries an `id`.
- `removed`: a list of `kerbside_id` of bays that are gone. Carries an `id`.
- `source`: freshness as in `/api/v1/freshness`, at each poll and every few seconds as a heartbeat. No `id`.
- `snapshot-needed`: what you hold cannot be continued; fetch `/api/v1/bays` again, then go on here.

Reconnect with `Last-Event-ID` (browsers do) to get what was missed. A reader that does not keep up is let go.

With `zone`, `bbox` or `bay` only bays for which they hold are told, as `/api/v1/bays` with the same filter lists
them; a bay for which they no longer hold is told as `removed`.
"""
STREAM_EXAMPLE = (
    'id: 9f2c01ab-18\r\nevent: bays\r\ndata: [{"kerbside_id":"5691","status":"Present",'
    '"status_changed_at":"2025-08-07T01:10:02Z","zone_number":7303,"longitude":144.956,"latitude":-37.814,'
    '"is_online":true,"is_retired":false,"heard_at":null,"observed_at":"2025-08-07T01:11:39Z",'
    '"committed_at":"2025-08-07T01:11:40.120Z","rule_status":"restricted",'
    '"rules":[{"code":"MP2P","kind":"timed","limit_minutes":120,"is_metered":true}],'
    '"rule_until_at":"2025-08-07T09:00:00Z","permitted_until_at":"2025-08-07T03:10:02Z","is_overstay":false,'
    '"overstay_minutes":0.0,"first_breach_at":null,"is_suspect":false}]\r\n\r\n'
)
