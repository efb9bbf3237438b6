"""What every route of the API needs, and what answers have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import Response
from starlette.exceptions import HTTPException

from melpark.serving.bays import JSON_OPTIONS
from melpark.serving.live import LiveState


@dataclass(frozen=True)
class Context:
    """The live state, our clock, and the streets' GeoJSON."""

    live: LiveState
    clock: Callable[[], datetime]
    streets: Callable[[], dict[str, Any]]

    def need_ready(self) -> None:
        """Raises HTTPException 503 until the present is rebuilt."""
        if self.live.not_ready_because:
            raise HTTPException(
                503, f"Not ready: {self.live.not_ready_because}. Ask again in a moment.", {"Retry-After": "1"}
            )

    def about(self) -> dict[str, Any]:
        """What stands beside the data of every answer about the present."""
        fresh = self.live.freshness(self.clock())
        return {
            "as_of": fresh.as_of,
            "source": {
                "kind": fresh.source_kind,
                "is_simulated": fresh.is_simulated,
                "observed_at": fresh.observed_at,
                "feed_updated_at": fresh.feed_updated_at,
                "age_seconds": fresh.source_age_seconds,
                "is_stale": fresh.is_stale,
            },
            "attribution": self.live.settings.attribution,
            "last_event_id": self.live.stream.last_event_id,
        }


def json_answer(content: object) -> Response:
    """The content as JSON, times in UTC with Z."""
    return Response(orjson.dumps(content, option=JSON_OPTIONS), media_type="application/json")
