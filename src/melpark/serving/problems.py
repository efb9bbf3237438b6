"""Errors of the API as application/problem+json (RFC 9457)."""

import logging
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from melpark.errors import RetryableError
from melpark.serving.lake import VersionGoneError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, for machines and people."""

    type: str = Field("about:blank", description="Kind of problem; about:blank says no more than the status")
    title: str = Field(description="The HTTP status in words", examples=["Not Found"])
    status: int = Field(description="The HTTP status", examples=[404])
    detail: str = Field(description="What is wrong and what to do", examples=["There is no bay 7."])


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error answer."""
    body = Problem(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(orjson.dumps(body.model_dump()), status, headers, media_type=MEDIA_TYPE)


def described(*statuses: int) -> dict[int | str, dict[str, object]]:
    """The `responses` of a route that may answer with these problems, for OpenAPI."""
    schema = Problem.model_json_schema()
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _input_problem)
    app.add_exception_handler(VersionGoneError, _gone_problem)
    app.add_exception_handler(RetryableError, _retryable_problem)
    app.add_exception_handler(Exception, _unexpected_problem)


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = f"{request.method} {request.url.path} is not offered here; /openapi.json lists what is."
    return problem(error.status_code, detail, dict(error.headers or {}))


async def _input_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    details = (
        f"{'.'.join(str(part) for part in one['loc'][1:])}: {str(one['msg']).removeprefix('Value error, ')}"
        for one in error.errors()
    )
    return problem(422, "; ".join(details))


async def _gone_problem(request: Request, error: Exception) -> Response:
    return problem(410, str(error))


async def _retryable_problem(request: Request, error: Exception) -> Response:
    return problem(503, str(error), {"Retry-After": "30"})


async def _unexpected_problem(request: Request, error: Exception) -> Response:
    # Starlette logs the traceback itself.
    return problem(500, "The server made a mistake; its log says more.")
