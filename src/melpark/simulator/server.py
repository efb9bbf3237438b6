"""The portal's HTTP API, played by a process of ours: `/api/explore/v2.1/catalog/datasets/...`."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from melpark.contracts import SENSORS
from melpark.errors import ConfigurationError
from melpark.settings import Settings
from melpark.simulator import dirt
from melpark.simulator.answers import Answer, Clock, Source, UnknownDatasetError, etags_of, longest_hold
from melpark.simulator.behaviour import Behaviour
from melpark.simulator.capture import Capture
from melpark.simulator.city import build
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import Feed, tick_of
from melpark.simulator.history import History
from melpark.simulator.history_files import TruthFolder
from melpark.simulator.outages import Failure
from melpark.simulator.query import Page, QueryError, Record, where
from melpark.simulator.quota import Quota
from melpark.simulator.replay import Replay
from melpark.simulator.simulated import FailingError, Simulated, play

HOST = "127.0.0.1"
CATALOG = "/api/explore/v2.1/catalog/datasets"
EXPORT_PARAMETERS = frozenset({"where", "timezone", "apikey"})
# A cut body promises more than it holds.
LENGTH_OF_CUT_BODY = 600_000
RECORD_PARAMETERS = EXPORT_PARAMETERS | {"limit", "offset"}


def open_source(settings: Settings, truth: Path | None = None) -> Source:
    """The portal that the settings ask for. Raises ConfigurationError when it cannot be played."""
    hold = longest_hold(settings.request_timeout_seconds)
    if settings.source == "replay" and settings.capture_dir is not None:
        capture = Capture.open(settings.capture_dir)
        return Replay(capture, settings.run_number, settings.effective_speed, hold)
    if settings.source == "simulator":
        folder = TruthFolder(truth) if truth else None
        return Simulated(
            play(settings.simulator_seed, dirt.asked_for(settings), _behaviour(settings)),
            settings.effective_speed,
            hold,
            folder,
        )
    raise ConfigurationError(
        f"Source {settings.source} needs no process", "the City plays it", "Ask for simulator or replay"
    )


def history(settings: Settings) -> History:
    """The past of the city that `simulate` plays under these settings."""
    city = build(settings.simulator_seed, dirt.asked_for(settings))
    return History(Feed(city, Truth(city, _behaviour(settings))), settings.offline_after)


def refresh_at(at: datetime) -> datetime:
    """The refresh of the simulated feed at or before an instant."""
    return datetime.fromtimestamp(tick_of(at), UTC)


def _behaviour(settings: Settings) -> Behaviour:
    return Behaviour(overstay_share=settings.simulator_overstay_share)


def create_app(
    settings: Settings, clock: Clock | None = None, quota: Quota | None = None, truth: Path | None = None
) -> ASGIApp:
    """The ASGI application; opens and checks the source before it returns."""
    portal = Portal(open_source(settings, truth), clock or Clock(), quota or Quota())
    # The first poll should not pay for what later ones find in memory.
    portal.source.peek(SENSORS.dataset, portal.clock.now())
    return Starlette(
        routes=[
            Route(f"{CATALOG}/{{dataset}}/exports/json", portal.export),
            Route(f"{CATALOG}/{{dataset}}/records", portal.records),
            Route("/healthz", portal.health),
        ],
        exception_handlers={
            HTTPException: portal.not_found,
            UnknownDatasetError: portal.unknown_dataset,
            QueryError: portal.bad_query,
            QuotaExceededError: portal.quota_exceeded,
            EndingError: portal.ending,
            FailingError: portal.failing,
        },
    )


def run(settings: Settings, truth: Path | None = None) -> None:
    """Serve on 127.0.0.1:source_port until SIGTERM or SIGINT. Raises ConfigurationError.

    `truth` is a folder for what really happens, written day by day; only the simulator knows it.
    """
    if truth is not None and settings.source != "simulator":
        raise ConfigurationError(
            "There is no truth to write", f"the source is {settings.source}", "Leave --truth away"
        )
    try:
        listener = socket.create_server((HOST, settings.source_port))
        # Or the body of an answer waits until its head is acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigurationError(
            f"Port {settings.source_port} (source_port) is not free", why, "Set MELPARK_SOURCE_PORT"
        ) from None
    ending = asyncio.Event()
    with listener:
        app = create_app(settings, Clock(sleep=partial(_sleep_unless, ending)), truth=truth)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        # uvicorn raises the signal once more after its shutdown; a second death would be an unclean one.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            _Server(config, ending).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Lets held answers go as soon as it is told to end."""

    def __init__(self, config: uvicorn.Config, ending: asyncio.Event) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending.set()
        await super().shutdown(sockets)


async def _sleep_unless(ending: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ending.wait(), seconds)
        raise EndingError


class EndingError(Exception):
    """The server ends while it holds an answer: HTTP 503, and the poller asks again with the same ETag."""


class QuotaExceededError(Exception):
    """Too many requests today: HTTP 429."""


class Portal:
    """The endpoints over one source."""

    def __init__(self, source: Source, clock: Clock, quota: Quota) -> None:
        self.source = source
        self.clock = clock
        self.quota = quota

    async def export(self, request: Request) -> Response:
        """The whole dataset as a JSON array, or 304 when there is nothing newer than the client's ETag."""
        self._admit(request, EXPORT_PARAMETERS)
        dataset = request.path_params["dataset"]
        clause = request.query_params.get("where")
        if clause:
            # No ETag: a filtered answer must not acknowledge what was never given whole.
            whole, records = self._peek(dataset)
            return self._respond(orjson.dumps(where(records, clause)), date=whole.observed_at)
        etags = etags_of(request.headers.get("if-none-match"))
        answer = self.source.answer(dataset, etags, self.clock.now())
        if answer.hold_seconds > 0:
            await self.clock.sleep(answer.hold_seconds)
        status = 304 if answer.body is None else 200
        return self._respond(answer.body or b"", status, answer.observed_at, {"ETag": f'"{answer.etag}"'})

    async def records(self, request: Request) -> Response:
        """One page of the dataset as it is now, with the number of all records that fit."""
        self._admit(request, RECORD_PARAMETERS)
        page = Page.parse(request.query_params)
        whole, records = self._peek(request.path_params["dataset"])
        found = where(records, request.query_params.get("where"))
        results = found[page.offset : page.offset + page.limit]
        body = {"total_count": len(found), "results": results}
        return self._respond(orjson.dumps(body), date=whole.observed_at)

    async def health(self, request: Request) -> Response:
        """What is played and how far the poller's acknowledgements reach."""
        body = {
            "status": "ok",
            "kind": self.source.kind,
            "is_done": self.source.is_done,
            "acknowledged": dict(self.source.acknowledged),
        }
        return self._respond(orjson.dumps(body))

    async def not_found(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._refuse(status, "NotFoundError", f"There is no {request.url.path} here.")

    async def unknown_dataset(self, request: Request, error: Exception) -> Response:
        return self._refuse(404, "DatasetNotFoundError", f"The requested dataset {error} does not exist.")

    async def bad_query(self, request: Request, error: Exception) -> Response:
        code = error.code if isinstance(error, QueryError) else "ODSQLError"
        return self._refuse(400, code, str(error))

    async def quota_exceeded(self, request: Request, error: Exception) -> Response:
        body, headers = self.quota.refusal(self.clock.now())
        return self._respond(orjson.dumps(body), 429, headers=headers)

    async def ending(self, request: Request, error: Exception) -> Response:
        return self._refuse(503, "ServiceUnavailable", "The server ends.")

    async def failing(self, request: Request, error: Exception) -> Response:
        """What the portal answers in an outage that the simulator plays."""
        assert isinstance(error, FailingError)
        if error.failure is Failure.QUOTA:
            body, headers = self.quota.refusal(self.clock.now(), error.ends_at)
            return self._respond(orjson.dumps(body), 429, headers=headers)
        if error.failure is Failure.CUT_BODY:
            return self._respond(b'[{"lastupdated":', headers={"Content-Length": str(LENGTH_OF_CUT_BODY)})
        return self._refuse(503, "ServiceUnavailable", "The service is unavailable.")

    def _admit(self, request: Request, allowed: frozenset[str]) -> None:
        """Raises QuotaExceededError, or QueryError for a parameter that would silently be ignored."""
        if not self.quota.take(self.clock.now()):
            raise QuotaExceededError
        unknown = request.query_params.keys() - allowed
        if unknown:
            names = ", ".join(sorted(unknown))
            raise QueryError("InvalidRESTParameterError", f"Not played here: {names}.")
        if request.query_params.get("timezone", "UTC") != "UTC":
            raise QueryError("InvalidRESTParameterError", "Only timezone UTC is played here.")

    def _peek(self, dataset: str) -> tuple[Answer, list[Record]]:
        answer = self.source.peek(dataset, self.clock.now())
        return answer, orjson.loads(answer.body or b"[]")

    def _refuse(self, status: int, code: str, message: str) -> Response:
        return self._respond(orjson.dumps({"error_code": code, "message": message}), status)

    def _respond(
        self,
        body: bytes,
        status: int = 200,
        date: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        date = date or self.source.now(self.clock.now())
        own = {"Date": format_datetime(date, usegmt=True)} | self.quota.headers() | dict(headers or {})
        return Response(body, status, own, media_type=None if status == 304 else "application/json")
