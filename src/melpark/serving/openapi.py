"""The description of the API, with examples whole, for FastAPI leaves out of them what is null, and with refusals."""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from melpark.serving.problems import described


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Put the routes' examples as they were written, and what refuses any request, into what `app` tells of itself."""
    generated: Callable[[], dict[str, Any]] = app.openapi
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    def with_examples() -> dict[str, Any]:
        is_known = app.openapi_schema is not None
        document = generated()
        if not is_known:
            for route in routes:
                _put_examples(document, route)
                _put_refusals(document, route)
        return document

    app.openapi = with_examples  # type: ignore[method-assign]


def example(content: Any) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with such JSON."""
    return {200: {"content": {"application/json": {"example": content}}}}


def _put_refusals(document: dict[str, Any], route: APIRoute) -> None:
    """What any request may be refused with before its route is asked."""
    operation = document["paths"].get(route.path_format, {}).get("get")
    if operation is not None:
        for status, told in described(400, 413, 414, 429).items():
            operation["responses"].setdefault(str(status), told)


def _put_examples(document: dict[str, Any], route: APIRoute) -> None:
    operation = document["paths"].get(route.path_format, {}).get("get")
    if operation is None:
        return
    for kind, body in route.responses.get(200, {}).get("content", {}).items():
        if "example" in body:
            operation["responses"]["200"]["content"][kind]["example"] = body["example"]
