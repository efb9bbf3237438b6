"""Reference rows that the map needs, read from PostgreSQL with the reader's rights."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from melpark.contracts import BAYS
from melpark.errors import MelParkError
from melpark.ingestion.database import connect
from melpark.places import READER_ROLE, SCHEMA
from melpark.serving.streets import fit_streets, geojson
from melpark.settings import Settings

log = logging.getLogger(__name__)

FITTED_STREETS_SECONDS = 300.0
NO_STREETS_SECONDS = 2.0

BAY_PLACES = f"""
    SELECT road_segment_description, longitude, latitude
    FROM {SCHEMA}.{BAYS.name}
    WHERE road_segment_description IS NOT NULL AND NOT is_retired
    ORDER BY bay_key
"""  # noqa: S608 names are constants of the project


def bay_places(settings: Settings) -> list[tuple[str, float, float]]:
    """(segment description, longitude, latitude) of each kerb bay; none while the database is away."""
    try:
        with connect(settings, READER_ROLE, application_name="melpark serve") as connection:
            connection.execute("SET statement_timeout = '5s'")
            return connection.execute(BAY_PLACES).fetchall()
    except (psycopg.Error, MelParkError) as error:
        log.warning("No streets for the map: %s", " ".join(str(error).split()))
        return []


class Streets:
    """The streets' GeoJSON, fitted anew now and then, sooner while there are none. Threads may call it."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, Any] = {}
        self._until = float("-inf")

    def __call__(self) -> dict[str, Any]:
        with self._lock:
            if self._monotonic() >= self._until:
                lines = fit_streets(bay_places(self._settings))
                if lines or not self._known:
                    self._known = geojson(lines, self._settings.attribution)
                self._until = self._monotonic() + (FITTED_STREETS_SECONDS if lines else NO_STREETS_SECONDS)
            return self._known
