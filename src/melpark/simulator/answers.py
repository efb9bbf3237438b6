"""What a played portal answers, whichever kind it is, and the clock by which it paces itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

# No answer is held longer, so that a stopped poller or server is noticed soon.
LONGEST_HOLD_SECONDS = 10.0


class UnknownDatasetError(LookupError):
    """The portal has no dataset of this name: HTTP 404."""


@dataclass(frozen=True)
class Answer:
    """One answer of the portal: `body` is the JSON array, None when there is nothing new (304).

    `observed_at` becomes the HTTP Date; the answer goes out `hold_seconds` from now.
    """

    etag: str
    observed_at: datetime
    body: bytes | None
    hold_seconds: float = 0


class Source(Protocol):
    """A portal that a process of ours plays. `now` is always our clock, in UTC."""

    @property
    def kind(self) -> str:
        """simulator or replay."""

    @property
    def is_done(self) -> bool:
        """True when there is nothing more to give, and all of it was acknowledged."""

    @property
    def acknowledged(self) -> Mapping[str, bool]:
        """For each dataset that MelPark polls: has the ETag of its newest answer come back?"""

    def answer(self, dataset: str, etags: tuple[str, ...], now: datetime) -> Answer:
        """The whole dataset for a client that holds `etags`. Raises UnknownDatasetError."""

    def peek(self, dataset: str, now: datetime) -> Answer:
        """The whole dataset as it is now, acknowledging nothing. Raises UnknownDatasetError."""

    def now(self, now: datetime) -> datetime:
        """The source's time."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Clock:
    """Our clock and how to wait by it."""

    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def etags_of(if_none_match: str | None) -> tuple[str, ...]:
    """The entity tags of an If-None-Match header, without W/ and quotes."""
    parts = (if_none_match or "").split(",")
    return tuple(tag for part in parts if (tag := part.strip().removeprefix("W/").strip('"')))


def longest_hold(request_timeout_seconds: float) -> float:
    """Seconds that an answer may be held: well within the client's own timeout."""
    return min(LONGEST_HOLD_SECONDS, request_timeout_seconds / 2)
