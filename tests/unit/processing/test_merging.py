"""The range by which a merge leaves out files holds every key, and is the same for batches of one day."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from melpark.processing.merging import around, literal

DAY = datetime(2025, 8, 1, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(20))
def test_a_range_holds_all_its_values(seed: int) -> None:
    chance = random.Random(seed)
    times = [DAY + timedelta(microseconds=chance.randrange(10**12)) for _ in range(9)]
    numbers = [chance.randrange(-5000, 5000) for _ in range(9)]
    for values in (times, numbers, [at.date() for at in times]):
        first, last = around(values)
        assert all(first <= value <= last for value in values)


def test_batches_of_one_day_have_one_range() -> None:
    morning, evening = [DAY, DAY + timedelta(hours=1)], [DAY + timedelta(hours=23, minutes=59, seconds=59.5)]
    assert around(morning) == around(evening)
    assert around([1001, 1999]) == around([1500])


def test_the_ends_of_time_have_a_range() -> None:
    ends = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    assert around(ends)[1] == ends[1]
    assert literal(ends[0]) == "TIMESTAMP '0001-01-01 00:00:00.000000+00:00'"
    assert literal(ends[1]) == "TIMESTAMP '9999-12-31 23:59:59.999999+00:00'"
    assert literal(date(2025, 8, 1)) == "DATE '2025-08-01'"
    assert literal(5) == "5L"
