"""The routes under /api/v1, one module for each resource."""

from fastapi import APIRouter

from melpark.serving.api import (
    alerts,
    bays,
    freshness,
    occupancy,
    overstays_now,
    parking,
    places,
    quality,
    sessions,
    stream,
    trends,
    zones,
)
from melpark.serving.api.context import Context

RESOURCES = (
    bays,
    parking,
    overstays_now,
    stream,
    zones,
    places,
    occupancy,
    sessions,
    trends,
    alerts,
    freshness,
    quality,
)


def routes(context: Context) -> APIRouter:
    """The whole API, in one list: the path of a route is then known whole."""
    api = APIRouter(prefix="/api/v1")
    for resource in RESOURCES:
        resource.add(api, context)
    return api
