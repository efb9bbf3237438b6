"""A simulated day that went the whole way: poller, PostgreSQL, Debezium, Kafka, bronze, silver, gold."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.stack.replays import replay_to_the_end
from e2e.stack.running import Stack
from melpark.simulator.dirt import Dirt
from truth.simulated_days import SimulatedDays, simulated

# Midnight of a Thursday in Melbourne.
MIDNIGHT = datetime(2025, 8, 6, 14, tzinfo=UTC)
# Every sensor works and stays where it is; zones lack plates and segments as the City's do, and the feed is as late.
SOUND = replace(
    Dirt().without_outages(),
    share_dead=0.0,
    share_stuck=0.0,
    passing_faults_in_four_weeks=0.0,
    epoch_zero_times=0.0,
    zone_changes_a_week=0,
    place_changes_a_week=0,
)


@dataclass(frozen=True)
class Told:
    """The days, and the stack that was told of them and has ended."""

    days: SimulatedDays
    stack: Stack


def tell(stack: Stack, days: SimulatedDays, capture: Path) -> Told:
    """Replay the days to their end."""
    replay_to_the_end(stack, days.write(capture))
    return Told(days, stack)


@pytest.fixture(scope="session")
def told(short_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    days = simulated(MIDNIGHT, timedelta(days=1), 2, SOUND)
    return tell(Stack.on(short_folder / "told"), days, tmp_path_factory.mktemp("day"))
