"""The table of days turns wall clocks into the instants that the time zone's rules give."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from melpark.parking.local_time import MELBOURNE
from melpark.processing.history.local_time import EPOCH, FIRST_DAY, LAST_DAY, MICROSECOND, days

DAYS = {row["day"]: row for row in days().to_pylist()}
TURNS = [
    datetime(year, month, day)  # noqa: DTZ001
    for year in range(FIRST_DAY.year, LAST_DAY.year + 1)
    for month in (4, 10)
    for day in range(1, 8)
]


def by_table(local: datetime) -> set[datetime]:
    day = DAYS[local.date()]
    wall = (local.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
    found = set()
    if wall < day["before_until_us"]:
        found.add(EPOCH + (wall - day["before_us"]) * MICROSECOND)
    if wall >= day["after_from_us"]:
        found.add(EPOCH + (wall - day["after_us"]) * MICROSECOND)
    return found


def by_zone(local: datetime) -> set[datetime]:
    instants = {local.replace(tzinfo=MELBOURNE, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return {instant for instant in instants if instant.astimezone(MELBOURNE).replace(tzinfo=None) == local}


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(TURNS), st.integers(0, 86_399))
def test_a_wall_clock_has_none_one_or_two_instants(day: datetime, seconds: int) -> None:
    local = day + timedelta(seconds=seconds)

    assert by_table(local) == by_zone(local)


def test_the_edges_of_both_turns() -> None:
    def count(text: str) -> int:
        return len(by_table(datetime.fromisoformat(text)))

    assert [count(f"2017-04-02T{time}") for time in ("01:59:59", "02:00:00", "02:59:59", "03:00:00")] == [
        1,
        2,
        2,
        1,
    ]
    assert [count(f"2017-10-01T{time}") for time in ("01:59:59", "02:00:00", "02:59:59", "03:00:00")] == [
        1,
        0,
        0,
        1,
    ]
