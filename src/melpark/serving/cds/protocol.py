"""What every answer of the standard has in common: its media type, its envelope, its errors."""

from collections.abc import Mapping
from datetime import datetime

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response

from melpark.serving.cds.standard import (
    CSV_TYPE,
    CURRENCY,
    JSON_TYPE,
    NEGOTIATED_VERSION,
    TIME_ZONE,
    VERSION,
    Json,
    media_type,
    milliseconds,
)
from melpark.settings import Settings

LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
NAMES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    501: "not_implemented",
    503: "not_ready",
}


class CdsError(Exception):
    """An answer other than the data: status, a sentence for people, details such as each wrong parameter."""

    def __init__(
        self,
        status: int,
        description: str,
        details: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.details = details
        self.headers = headers

    def response(self) -> Response:
        body: Json = {
            "error": NAMES[self.status],
            "error_description": self.description,
            "error_details": list(self.details),
        }
        return json_response(body, self.status, self.headers)


def json_response(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # The content type whole: Starlette would add a charset to what begins with text/ only.
    return Response(orjson.dumps(body), status, headers, media_type=media_type(JSON_TYPE))


def author(settings: Settings) -> Json:
    """Who publishes: simulated data is never attributed to the City."""
    if settings.source == "simulator":
        return {"author": "MelPark simulator"}
    return {"author": "City of Melbourne", "license_url": LICENCE_URL}


def envelope(settings: Settings, data: Json, last_updated: datetime, links: Json | None = None) -> Json:
    """The answer of every endpoint of JSON around its `data`."""
    return {
        "version": VERSION,
        "time_zone": TIME_ZONE,
        "last_updated": milliseconds(last_updated),
        "currency": CURRENCY,
        **author(settings),
        **({} if links is None else {"links": links}),
        "data": data,
    }


def check_accept(headers: Headers, kind: str) -> None:
    """Raises CdsError (406) when the Accept header names neither our type and version nor a range with it."""
    values = headers.getlist("accept")
    if values and not accepts(",".join(values), kind):
        raise CdsError(
            406,
            f"This endpoint answers as {media_type(kind)} only.",
            (f"Accept was {', '.join(values)}",),
        )


def accepts(header: str, kind: str) -> bool:
    """True when an Accept header takes `kind` in our version. The most specific range that fits decides."""
    best, is_taken = -1, False
    for part in filter(None, (part.strip() for part in header.split(","))):
        name, parameters = _range(part)
        rank = _rank(name, parameters, kind)
        if rank > best:
            best, is_taken = rank, _weight(parameters) > 0
        elif rank == best and rank >= 0:
            is_taken = is_taken or _weight(parameters) > 0
    return is_taken


def _range(part: str) -> tuple[str, dict[str, str]]:
    name, *rest = (piece.strip() for piece in part.split(";"))
    pairs = (piece.partition("=") for piece in rest if piece)
    return name.lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}


def _rank(name: str, parameters: Mapping[str, str], kind: str) -> int:
    """How closely a range names our type; -1 when it does not."""
    if name == kind:
        # Without a version it is not known which one is asked for.
        return 2 if parameters.get("version") == NEGOTIATED_VERSION else -1
    return {"application/*": 1, "*/*": 0}.get(name, -1)


def _weight(parameters: Mapping[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0


__all__ = [
    "CSV_TYPE",
    "JSON_TYPE",
    "CdsError",
    "accepts",
    "author",
    "check_accept",
    "envelope",
    "json_response",
]
