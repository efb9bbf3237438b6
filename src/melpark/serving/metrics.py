"""`/metrics` for Prometheus: what the running stack measures of its stages, and what this server does itself.

A scrape asks no engine. The stack looks at every stage every few seconds and writes what it found into its home
(`status.json`), which is read here; an engine that is away is a gauge, not an error.
"""

import time

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from melpark.places import Home
from melpark.serving.live import LiveState
from melpark.serving.live_answers import LiveAnswers
from melpark.serving.stack_metrics import StackCollector, counter, gauge, gauges

# A page of rows takes milliseconds, a question to the lake up to seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
ENDLESS = b"text/event-stream"


class Requests:
    """Counts the answers of the app within by route, method and status, and times those that end by themselves."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers = Counter(
            "melpark_http_requests_total",
            "Answers of the server, by route as the API's description names it",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "melpark_http_request_duration_seconds",
            "From the request to the end of its answer, live streams left out",
            ("method", "route"),
            buckets=BUCKETS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "other"

        has_begun = False

        async def counted(message: Message) -> None:
            nonlocal has_begun
            await send(message)
            if message["type"] == "http.response.start":
                has_begun = True
                status = str(message["status"])
                scope["melpark.is_endless"] = any(ENDLESS in value for _, value in message["headers"])
                self._answers.labels(method, _route(scope), status).inc()
            elif not message.get("more_body") and not scope.get("melpark.is_endless"):
                self._seconds.labels(method, _route(scope)).observe(time.perf_counter() - began)

        try:
            await self._app(scope, receive, counted)
        except Exception:
            # Its answer is made outside of here, and of every other middleware.
            if not has_begun:
                self._answers.labels(method, _route(scope), "500").inc()
            raise


class LiveCollector(Collector):
    """The live state, its stream and alerts. Read beside the event loop: single numbers, each right by itself."""

    def __init__(self, live: LiveState, answers: LiveAnswers) -> None:
        self._live, self._answers = live, answers

    def collect(self) -> list[Metric]:
        live, stream = self._live, self._live.stream
        return [
            *self._alerts(),
            gauge("melpark_live_ready", "1 when the present is rebuilt from the log", live.is_ready),
            gauge("melpark_live_bays", "Bays of the present", len(live.bays)),
            gauge("melpark_stream_readers", "Readers of the live stream now", len(stream.readers)),
            counter("melpark_stream_batches", "Batches given to the readers", stream.batches),
            counter(
                "melpark_stream_readers_dropped", "Readers let go for they did not keep up", stream.dropped
            ),
        ]

    def _alerts(self) -> list[Metric]:
        """Nothing where Flink is off or its answers are not read yet."""
        if self._answers.not_ready_because:
            return []
        raised = self._answers.raised.copy()
        rows = [((kind,), number) for kind, number in raised.items()]
        return [gauges("melpark_live_alerts_raised", "Alerts of Flink that hold now", ("kind",), rows)]


def registry_of(home: Home, live: LiveState, answers: LiveAnswers) -> CollectorRegistry:
    """Everything that this server tells; a registry of its own for each app."""
    registry = CollectorRegistry()
    registry.register(StackCollector(home))
    registry.register(LiveCollector(live, answers))
    ProcessCollector(registry=registry)
    return registry


def routes(registry: CollectorRegistry) -> APIRouter:
    """`GET /metrics` as Prometheus asks for it."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return router


def _route(scope: Scope) -> str:
    """The route's path as it is described, so that names in paths make no series of their own."""
    route = scope.get("route")
    return str(getattr(route, "path", "other"))
