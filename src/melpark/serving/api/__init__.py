"""The routes under /api/v1, one module for each resource."""

from fastapi import APIRouter

from melpark.serving.api import bays, freshness, stream
from melpark.serving.api.context import Context


def routes(context: Context) -> APIRouter:
    """The whole API."""
    api = APIRouter(prefix="/api/v1")
    for resource in (bays, stream, freshness):
        resource.add(api, context)
    return api
