"""So many requests of one address in a minute, spread as it likes: a bucket of tokens that fills evenly."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from melpark.serving.problems import problem

# Asked by whoever watches over the server, however busy it is.
FREE = frozenset({"/healthz", "/readyz", "/metrics"})
REMEMBERED_ADDRESSES = 10_000


@dataclass
class Bucket:
    """`tokens` at the instant `at`."""

    tokens: float
    at: float


RATE_HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


class RateLimit:
    """Answers 429 when the bucket of the asking address is empty. Plain ASGI; used on the event loop only."""

    def __init__(
        self, app: ASGIApp, per_minute: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._per_minute or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        tokens = self._take(client[0] if client else "")
        until_full = math.ceil((self._per_minute - max(tokens, 0)) * 60 / self._per_minute)
        values = (self._per_minute, max(0, math.floor(tokens)), until_full)
        headers = dict(zip(RATE_HEADERS, map(str, values), strict=True))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        app = self._app if tokens >= 0 else self._refusal(tokens)
        await app(scope, receive, send_with_headers)

    def _take(self, address: str) -> float:
        """What is left in the bucket; below 0 when there was no whole token."""
        now = self._monotonic()
        bucket = self._buckets.pop(address, None) or Bucket(self._per_minute, now)
        filled = min(self._per_minute, bucket.tokens + (now - bucket.at) * self._per_minute / 60)
        left = filled - 1
        # Most lately seen last: who is forgotten has long had a full bucket, or is one of very many.
        self._buckets[address] = Bucket(left if left >= 0 else filled, now)
        while len(self._buckets) > REMEMBERED_ADDRESSES:
            self._buckets.popitem(last=False)
        return left

    def _refusal(self, tokens: float) -> ASGIApp:
        wait = max(1, math.ceil(-tokens * 60 / self._per_minute))
        return problem(
            429,
            f"More than {self._per_minute} requests in a minute: ask again in {wait} s, or follow the stream instead.",
            {"Retry-After": str(wait)},
        )
