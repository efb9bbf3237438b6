"""What every route of the API needs, and what answers have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import Response
from starlette.exceptions import HTTPException

from melpark.serving.bays import JSON_OPTIONS
from melpark.serving.lake import Lake
from melpark.serving.live import LiveState
from melpark.serving.live_answers import LiveAnswers


@dataclass(frozen=True)
class Context:
    """The live state, Flink's answers, the lake, our clock, and the streets' GeoJSON."""

    live: LiveState
    answers: LiveAnswers
    lake: Lake
    clock: Callable[[], datetime]
    streets: Callable[[], dict[str, Any]]

    def need_ready(self) -> None:
        """Raises HTTPException 503 until the present is rebuilt."""
        _refuse(self.live.not_ready_because)

    def need_answers(self) -> None:
        """Raises HTTPException 503 where Flink is off, and until its answers are read."""
        if not self.live.settings.live:
            raise HTTPException(
                503, "Windows and alerts are off here; without MELPARK_LIVE=false they are on."
            )
        _refuse(self.answers.not_ready_because)

    def as_of(self) -> datetime:
        """Now by the source's clock. Raises HTTPException 503 before the first poll."""
        now = self.live.as_of(self.clock())
        if now is None:
            _refuse("no poll has been accepted yet")
        assert now is not None
        return now

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

    def about_history(self, versions: Mapping[str, int]) -> dict[str, Any]:
        """What stands beside rows of the lake: the versions of its tables that they were read at."""
        return {"attribution": self.live.settings.attribution, "versions": dict(versions)}

    def age(self) -> dict[str, str]:
        """The Age header: how old what the source says is, in seconds; nothing before the first poll."""
        fresh = self.live.freshness(self.clock())
        ages = [age for age in (fresh.source_age_seconds, fresh.pipeline_age_seconds) if age is not None]
        return {"Age": str(int(max(ages)))} if ages else {}


def _refuse(reason: str | None) -> None:
    if reason:
        raise HTTPException(503, f"Not ready: {reason}. Ask again in a moment.", {"Retry-After": "1"})


def json_answer(content: object) -> Response:
    """The content as JSON, times in UTC with Z."""
    return Response(orjson.dumps(content, option=JSON_OPTIONS), media_type="application/json")
