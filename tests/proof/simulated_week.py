"""A week of the simulated city with the City's own flaws, and a day polled more seldom: held against the truth.

Part of `make proof`, some minutes; prints the report that docs/accuracy.md shows.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.stack.running import Stack
from melpark.simulator.dirt import Dirt
from truth.comparison import (
    bay_days,
    compare,
    occupancy_difference,
    occupancy_differences,
    occupancy_lines,
    quarters,
    sessions,
)
from truth.conftest import MIDNIGHT, SOUND, tell
from truth.simulated_days import simulated

A_WEEK, A_DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """`points`: how far gold's occupancy may be from the true one. The floors are a hundredth or two below what
    docs/accuracy.md reports; the days are the same in every run."""

    length: timedelta
    minutes: int
    dirt: Dirt
    precision: float
    recall: float
    points: float

    def __str__(self) -> str:
        return f"{self.length.days} days, every {self.minutes} minutes"


@pytest.mark.parametrize(
    "case",
    [
        Case(A_WEEK, 2, Dirt().without_outages(), precision=0.92, recall=0.83, points=0.1),
        Case(A_DAY, 2, SOUND, precision=0.96, recall=0.84, points=0.1),
        Case(A_DAY, 5, SOUND, precision=0.95, recall=0.75, points=0.15),
        Case(A_DAY, 15, SOUND, precision=0.96, recall=0.55, points=0.5),
    ],
    ids=str,
)
def test_what_gold_says_is_as_near_the_truth_as_reported_and_never_contradicts_it(
    short_folder: Path, tmp_path: Path, case: Case
) -> None:
    length, minutes, dirt = case.length, case.minutes, case.dirt
    days = simulated(MIDNIGHT, length, minutes, dirt)
    stack = Stack.on(short_folder / f"told-{length.days}-{minutes}")
    settings = tell(stack, days, tmp_path / "capture").stack.settings
    found = compare(days, sessions(settings))
    points = occupancy_difference(days, bay_days(settings))
    print(
        f"\n{length.days} days, polls every {minutes} minutes, {len(days.bays)} bays, {len(days.faulty)} faulty"
    )
    print("\n".join(found.lines()))
    print(f"  occupancy of bays that did not fail: {points:+.2f} points")
    if not days.faulty:
        print("\n".join(occupancy_lines(occupancy_differences(days, quarters(settings)))))
    assert {kind: those[:3] for kind, those in found.contradictions.items() if those} == {}
    assert found.overstays["both"] > 20
    assert found.precision >= case.precision
    assert found.recall >= case.recall
    assert abs(points) <= case.points
