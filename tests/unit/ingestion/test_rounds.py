"""Laws of a single round of polls, as a scheduler of its own asks for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from melpark.contracts import SENSORS
from melpark.errors import ConfigurationError
from melpark.ingestion import poller, rounds
from melpark.settings import Settings

NOW = datetime(2026, 1, 2, tzinfo=UTC)
REFERENCE = rounds.DATASETS[0]


@pytest.mark.parametrize(
    ("dataset", "ago", "is_due"),
    [
        (SENSORS.dataset, None, True),
        (SENSORS.dataset, timedelta(seconds=60), False),
        # A scheduler is not exact: a run a little early is not left out.
        (SENSORS.dataset, timedelta(seconds=110), True),
        (REFERENCE, timedelta(hours=12), False),
        (REFERENCE, timedelta(hours=24), True),
    ],
)
def test_a_dataset_is_due_when_its_interval_is_over(
    dataset: str, ago: timedelta | None, is_due: bool
) -> None:
    asked_at = None if ago is None else NOW - ago
    assert rounds.is_due(Settings(), dataset, asked_at, NOW) is is_due


def test_what_is_no_dataset_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"colour is no dataset.*{REFERENCE}"):
        poller.run(Settings(home=tmp_path), once=True, wanted=rounds.Wanted(("colour",)))


@pytest.mark.parametrize("wanted", [rounds.Wanted((REFERENCE,)), rounds.Wanted(due=True)])
def test_the_endless_poller_asks_everything(wanted: rounds.Wanted, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="need --once"):
        poller.run(Settings(home=tmp_path), wanted=wanted)
