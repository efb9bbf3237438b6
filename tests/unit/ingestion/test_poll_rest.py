"""How long the poller rests between two requests for a dataset."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from melpark.contracts import REFERENCES, SENSORS
from melpark.ingestion.parking_api import ParkingApi
from melpark.ingestion.poll_rows import Outcome
from melpark.ingestion.poller import AFTER_NOTHING_NEW_SECONDS, Poll
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings

REFERENCE_DATASETS = [table.dataset for table in REFERENCES]
PORTAL = {"source": "portal", "portal_url": "https://example.org"}
SIMULATOR = {"source": "simulator"}
OFTEN = {"poll_interval_seconds": 60, "reference_poll_interval_seconds": 3_600}
TWO_MINUTES, A_DAY = 120, 86_400


def rest(dataset: str, changed: dict[str, Any], is_new: bool, elapsed: float) -> float:
    """Seconds after a poll that took `elapsed` seconds and brought something, or nothing."""
    settings = Settings.model_validate(changed)
    poll = Poll(settings, ParkingApi(settings), PostgresLoader(settings), dataset, False, None, False)
    outcome = Outcome(dataset, "accepted", None, datetime(2025, 8, 7, tzinfo=UTC)) if is_new else None
    return poll._rest(outcome, elapsed)


@pytest.mark.parametrize("is_new", [True, False], ids=["something new", "nothing new"])
@pytest.mark.parametrize(
    ("changed", "of_sensors", "of_references"),
    [
        (PORTAL, TWO_MINUTES, A_DAY),
        (SIMULATOR, TWO_MINUTES, A_DAY),
        (PORTAL | OFTEN, 60, 3_600),
        (SIMULATOR | OFTEN, 60, 3_600),
        # The portal goes by our clock, whatever speed is set.
        (PORTAL | {"speed": 60}, TWO_MINUTES, A_DAY),
    ],
    ids=["portal", "simulator", "portal, set", "simulator, set", "portal, with a speed"],
)
def test_sensors_are_polled_every_two_minutes_and_reference_tables_daily_unless_set(
    changed: dict[str, Any], of_sensors: float, of_references: float, is_new: bool
) -> None:
    """From request to request: what the poll itself took is no rest."""
    assert rest(SENSORS.dataset, changed, is_new, elapsed=2.5) == of_sensors - 2.5
    for dataset in REFERENCE_DATASETS:
        assert rest(dataset, changed, is_new, elapsed=2.5) == of_references - 2.5


@pytest.mark.parametrize("dataset", [SENSORS.dataset, REFERENCE_DATASETS[0]])
def test_a_poll_that_took_longer_than_its_interval_is_followed_at_once(dataset: str) -> None:
    assert rest(dataset, PORTAL, True, elapsed=A_DAY + 1) == 0


@pytest.mark.parametrize("dataset", [SENSORS.dataset, REFERENCE_DATASETS[0]])
@pytest.mark.parametrize(
    "changed",
    [{"source": "replay", "capture_dir": Path("capture")}, SIMULATOR | {"speed": 600}],
    ids=["replay", "fast simulator"],
)
def test_a_source_of_another_speed_is_asked_at_once_and_after_nothing_new_soon(
    changed: dict[str, Any], dataset: str
) -> None:
    """It holds its answers itself."""
    assert rest(dataset, changed, True, elapsed=2.5) == 0
    assert rest(dataset, changed, False, elapsed=2.5) == AFTER_NOTHING_NEW_SECONDS
