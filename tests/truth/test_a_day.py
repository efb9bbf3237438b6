"""A day of polls every two minutes: gold's stays, overstays and occupancy are those that really happened."""

import pytest

from truth.comparison import (
    Compared,
    compare,
    occupancy_differences,
    quarters,
    sessions,
    whole_quarters,
)
from truth.conftest import Told


@pytest.fixture(scope="module")
def compared(told: Told) -> Compared:
    return compare(told.days, sessions(told.stack.settings))


def test_nothing_that_gold_says_of_a_stay_contradicts_the_truth(compared: Compared) -> None:
    found = {kind: those[:3] for kind, those in compared.contradictions.items() if those}
    assert found == {}
    assert compared.stays["exact"] > 1000, compared.lines()


def test_overstays_are_those_that_happened_but_for_what_polls_cannot_tell(compared: Compared) -> None:
    assert compared.overstays["both"] > 50, compared.lines()
    assert compared.precision >= 0.95, compared.lines()
    assert compared.recall >= 0.8, compared.lines()


def test_occupancy_is_the_true_one(told: Told) -> None:
    """Of the day within 0.1 points. One of these bays is 0.28 points of a quarter hour: none is wrong by two."""
    of_gold = whole_quarters(told.days, quarters(told.stack.settings))
    # A vehicle that stands longer than a day is taken for a stuck sensor.
    assert min(one.online_minutes for one in of_gold) >= 15 * (len(told.days.bays) - 1)
    differences = occupancy_differences(told.days, of_gold)
    assert len(differences) > 90
    assert abs(sum(differences.values()) / len(differences)) <= 0.1
    assert max(map(abs, differences.values())) <= 2 * 100 / len(told.days.bays)
