"""The standard's endpoints as an application of its own, mounted at /cds: its errors are not the API's problems."""

import hmac
from collections.abc import Callable, Iterator
from itertools import chain

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from melpark.places import CDS_TOKEN
from melpark.secrets import token
from melpark.serving.cds import curbs, events, metrics
from melpark.serving.cds.lake_reader import Reader
from melpark.serving.cds.parameters import read_uuid
from melpark.serving.cds.protocol import (
    CSV_TYPE,
    JSON_TYPE,
    CdsError,
    author,
    check_accept,
    envelope,
    json_response,
)
from melpark.serving.cds.standard import VERSION, Json, media_type
from melpark.serving.lake import Lake, NotThereYetError
from melpark.settings import Settings

PREFIX = "/cds"
RETRY_SECONDS = "30"
LISTS: dict[str, Callable[..., Json]] = {
    "/curbs/zones": curbs.zones,
    "/curbs/areas": curbs.areas,
    "/curbs/spaces": curbs.spaces,
    "/curbs/policies": curbs.policies,
}
BY_ID: dict[str, Callable[..., Json]] = {
    "/curbs/zones": curbs.zone,
    "/curbs/areas": curbs.area,
    "/curbs/spaces": curbs.space,
    "/curbs/policies": curbs.policy,
}
# Of version 1.1, or optional and not built: they exist in the standard, so they are not unknown.
NOT_BUILT = ("/curbs/objects", "/curbs/objects/{id}", "/events/event")

Endpoint = Callable[[Request], Response]


class Named(Route):
    """Says which route it is by its whole path, for whoever counts the answers outside."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = Route(PREFIX + self.path, self.endpoint)
        await super().handle(scope, receive, send)


def application(settings: Settings, lake: Lake | None = None) -> Starlette:
    """Curbs for everybody, Events and Metrics for whoever has the home's token, unless a setting opens them."""
    reader = Reader(lake or Lake(settings), settings)
    routes = [
        Named("/", _about(reader)),
        *(Named(path, _curbs(reader, answer)) for path, answer in LISTS.items()),
        *(Named(f"{path}/{{id}}", _curb(reader, answer)) for path, answer in BY_ID.items()),
        Named("/events/events", _with_token(settings, _events(reader))),
        Named("/events/status", _with_token(settings, _status(reader))),
        Named("/metrics/sessions", _with_token(settings, _csv(reader, metrics.sessions))),
        Named("/metrics/aggregates", _with_token(settings, _csv(reader, metrics.aggregates))),
        *(Named(path, _not_built, methods=["GET", "POST"]) for path in NOT_BUILT),
        Named("/events/events", _not_built, methods=["POST"]),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            CdsError: _cds_error,
            HTTPException: _http_error,
            NotThereYetError: _not_there_yet,
        },
    )


def _curbs(reader: Reader, answer: Callable[..., Json]) -> Endpoint:
    def endpoint(request: Request) -> Response:
        check_accept(request.headers, JSON_TYPE)
        data = answer(reader, request.query_params)
        return _enveloped(reader, data)

    return endpoint


def _curb(reader: Reader, answer: Callable[..., Json]) -> Endpoint:
    def endpoint(request: Request) -> Response:
        check_accept(request.headers, JSON_TYPE)
        try:
            name = read_uuid(request.path_params["id"])
        except ValueError as error:
            raise CdsError(400, f"{request.path_params['id']} {error}.") from None
        return _enveloped(reader, answer(reader, name, request.query_params))

    return endpoint


def _events(reader: Reader) -> Endpoint:
    def endpoint(request: Request) -> Response:
        check_accept(request.headers, JSON_TYPE)
        page = events.events(reader, request.query_params, f"{PREFIX}/events/events")
        updated_at = max(filter(None, (reader.last_updated(), page.newest_publication)))
        return json_response(envelope(reader.settings, page.data, updated_at, page.links))

    return endpoint


def _status(reader: Reader) -> Endpoint:
    def endpoint(request: Request) -> Response:
        check_accept(request.headers, JSON_TYPE)
        return _enveloped(reader, events.status(reader, request.query_params))

    return endpoint


def _csv(reader: Reader, answer: Callable[..., Iterator[str]]) -> Endpoint:
    def endpoint(request: Request) -> Response:
        check_accept(request.headers, CSV_TYPE)
        lines = answer(reader, request.query_params)
        # The first line is made before the answer begins, so that what is wrong has a status of its own.
        first = next(lines)
        return StreamingResponse(chain([first], lines), media_type=media_type(CSV_TYPE))

    return endpoint


def _enveloped(reader: Reader, data: Json) -> Response:
    updated_at = max(filter(None, (reader.last_updated(), reader.kerb().updated_at)))
    return json_response(envelope(reader.settings, data, updated_at))


def _with_token(settings: Settings, endpoint: Endpoint) -> Endpoint:
    def guarded(request: Request) -> Response:
        if not settings.cds_is_open:
            _check_token(request, token(settings.home, CDS_TOKEN))
        return endpoint(request)

    return guarded


def _check_token(request: Request, expected: str | None) -> None:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    is_right = expected is not None and hmac.compare_digest(given.strip().encode(), expected.encode())
    if scheme.lower() != "bearer" or not is_right:
        raise CdsError(
            401,
            "Events and Metrics need the bearer token of this server (docs/cds.md).",
            headers={"WWW-Authenticate": 'Bearer realm="cds"'},
        )


def _about(reader: Reader) -> Endpoint:
    """What is served here, and what could not be told in the standard's words."""

    def endpoint(request: Request) -> Response:
        kerb = reader.kerb()
        return JSONResponse(
            {
                "standard": "Curb Data Specification",
                "version": VERSION,
                **author(reader.settings),
                "media_types": [media_type(JSON_TYPE), media_type(CSV_TYPE)],
                "endpoints": [
                    *(PREFIX + path for path in LISTS),
                    *(f"{PREFIX}{path}/<id>" for path in BY_ID),
                    *(f"{PREFIX}/events/{name}" for name in ("events", "status")),
                    *(f"{PREFIX}/metrics/{name}" for name in ("sessions", "aggregates")),
                ],
                "counts": {
                    "zones": sum(zone.end_at is None for zone in kerb.zones.values()),
                    "areas": len(kerb.areas),
                    "spaces": len(kerb.spaces),
                    "policies": len(kerb.policies),
                },
                "not_told": dict(kerb.left_out),
            }
        )

    return endpoint


def _not_built(request: Request) -> Response:
    raise CdsError(501, f"{request.method} {request.url.path} is not built; this server speaks {VERSION}.")


def _cds_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CdsError)
    return error.response()


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code if error.status_code in (404, 405) else 404
    text = f"{request.method} {request.url.path} is not offered here; {PREFIX}/ lists what is."
    return CdsError(status, text, headers=error.headers).response()


def _not_there_yet(request: Request, error: Exception) -> Response:
    return CdsError(503, str(error), headers={"Retry-After": RETRY_SECONDS}).response()
