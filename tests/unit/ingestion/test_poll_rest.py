"""How long the poller rests between two requests for a dataset."""

from pathlib import Path
from typing import Any

import pytest

from melpark.contracts import REFERENCES, SENSORS
from melpark.ingestion.parking_api import ParkingApi
from melpark.ingestion.poll_rows import Outcome
from melpark.ingestion.poller import AFTER_NOTHING_NEW_SECONDS, Poll
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings

DAY = 86_400
PORTAL = {"source": "portal", "portal_url": "https://example.org"}
OTHER_PACE = {"poll_interval_seconds": 60, "reference_poll_interval_seconds": 3_600}


def rest(dataset: str, changed: dict[str, Any], is_new: bool, elapsed: float) -> float:
    """Seconds after a poll that took `elapsed`; no engine is asked for them."""
    settings = Settings.model_validate(changed)
    poll = Poll(settings, ParkingApi(settings), PostgresLoader(settings), dataset, False, None, False)
    return poll._rest(OUTCOME if is_new else None, elapsed)
