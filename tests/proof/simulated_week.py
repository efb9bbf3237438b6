"""A week of the simulated city with the City's own flaws, and a day polled more seldom: held against the truth.

Part of `make proof`, some minutes; prints the report that docs/accuracy.md shows.
"""

from datetime import timedelta
from pathlib import Path

import pytest

from e2e.stack.running import Stack
from melpark.simulator.dirt import Dirt
from truth.comparison import compare, occupancy_differences, occupancy_lines, quarters, sessions
from truth.conftest import MIDNIGHT, SOUND, tell
from truth.simulated_days import simulated

A_WEEK, A_DAY = timedelta(days=7), timedelta(days=1)


@pytest.mark.parametrize(
    ("length", "minutes", "dirt"),
    [
        (A_WEEK, 2, Dirt().without_outages()),
        (A_DAY, 2, SOUND),
        (A_DAY, 5, SOUND),
        (A_DAY, 15, SOUND),
    ],
    ids=["a week every 2 minutes", "a day every 2", "a day every 5", "a day every 15"],
)
def test_what_gold_says_does_not_contradict_the_truth(
    short_folder: Path, tmp_path: Path, length: timedelta, minutes: int, dirt: Dirt
) -> None:
    days = simulated(MIDNIGHT, length, minutes, dirt)
    stack = Stack.on(short_folder / f"told-{length.days}-{minutes}")
    settings = tell(stack, days, tmp_path / "capture").stack.settings
    found = compare(days, sessions(settings))
    print(
        f"\n{length.days} days, polls every {minutes} minutes, {len(days.bays)} bays, {len(days.faulty)} faulty"
    )
    print("\n".join(found.lines()))
    if not days.faulty:
        print("\n".join(occupancy_lines(occupancy_differences(days, quarters(settings)))))
    assert {kind: those[:3] for kind, those in found.contradictions.items() if those} == {}
    assert found.overstays["both"] > 20
