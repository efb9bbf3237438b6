"""The ASGI app: API, live stream, health and the web page in one process."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from melpark.places import STATIC_PAGE, Home
from melpark.serving import api, metrics, openapi, page, problems
from melpark.serving.api.context import Context
from melpark.serving.bays import Change
from melpark.serving.cds import app as cds
from melpark.serving.change_reader import ChangeReader
from melpark.serving.database import Streets
from melpark.serving.guard import Guard
from melpark.serving.lake import Lake
from melpark.serving.live import LiveState
from melpark.serving.live_answers import Answer, LiveAnswers
from melpark.serving.rate_limit import RATE_HEADERS, RateLimit
from melpark.serving.schemas import Health, Readiness
from melpark.settings import Settings

log = logging.getLogger(__name__)

DESCRIPTION = """What every sensor bay of the City of Melbourne says now, and each change as it happens.

Times are UTC (RFC 3339, ending in Z). Errors are `application/problem+json`. Data: {attribution}.
"""

StartReader = Callable[[LiveState, asyncio.AbstractEventLoop], ChangeReader[Change]]
StartAnswers = Callable[[LiveAnswers, asyncio.AbstractEventLoop], ChangeReader[Answer]]
# How late a rule may change on the screen.
TICK_SECONDS = 1.0


def our_clock() -> datetime:
    """Now by this machine."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    live: LiveState,
    start_reader: StartReader | None = None,
    clock: Callable[[], datetime] = our_clock,
    static_page: Path = STATIC_PAGE,
    streets: Callable[[], dict[str, Any]] | None = None,
    start_answers: StartAnswers | None = None,
    answers: LiveAnswers | None = None,
) -> FastAPI:
    """The app over `live`. `start_reader` starts what feeds it, `start_answers` what brings Flink's `answers`.

    Both begin and end with the app.
    """
    found = answers or LiveAnswers()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        readers: list[ChangeReader[Any]] = []
        if start_reader:
            readers.append(start_reader(live, loop))
        if start_answers:
            readers.append(start_answers(found, loop))
        ticking = asyncio.create_task(_tick(live, clock))
        try:
            yield
        finally:
            ticking.cancel()
            for reader in readers:
                reader.stop()
            for reader in readers:
                await asyncio.to_thread(reader.join, 5)

    app = FastAPI(
        title="MelPark",
        summary="Melbourne's on-street parking, live",
        description=DESCRIPTION.format(attribution=settings.attribution),
        version=version("melpark"),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.add_middleware(RateLimit, per_minute=settings.rate_limit_per_minute)
    app.add_middleware(Guard)
    # Outside of both, so that a page may read why it was refused.
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET"],
            allow_headers=["If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Age", "Link", "Attribution", "Retry-After", *RATE_HEADERS],
            max_age=3600,
        )
    registry = metrics.registry_of(Home(settings.home.resolve()), live, found)
    app.add_middleware(metrics.Requests, registry=registry)
    problems.install(app)
    context = Context(live, found, Lake(settings), clock, streets or Streets(settings))
    resources, health = api.routes(context), health_routes(live)
    app.include_router(resources)
    app.include_router(health)
    openapi.install(app, (resources, health))
    app.include_router(metrics.routes(registry))
    app.mount(cds.PREFIX, cds.application(settings))
    page.install(app, static_page)
    return app


async def _tick(live: LiveState, clock: Callable[[], datetime]) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        try:
            live.tick(clock())
        except Exception:
            log.exception("What time alone changes could not be told; it is tried again")


def health_routes(live: LiveState) -> APIRouter:
    """Whether the process is alive, and whether it is ready."""
    health = APIRouter()

    @health.get(
        "/healthz",
        summary="Is the process alive",
        responses=openapi.example({"status": "alive"}),
        tags=["health"],
    )
    async def healthz() -> Health:
        return Health()

    @health.get(
        "/readyz",
        summary="Is the present rebuilt from the log",
        responses=openapi.example({"status": "ready", "bays": 3309}) | problems.described(503),
        tags=["health"],
    )
    async def readyz() -> Readiness:
        if live.not_ready_because:
            raise HTTPException(503, f"Not ready: {live.not_ready_because}.", {"Retry-After": "1"})
        return Readiness(bays=len(live.bays))

    return health
