"""A day of the City's own overstays of 2016 goes the whole way as polls, and gold finds them with the City's minutes.

Part of `make proof`, some minutes; prints the report that docs/accuracy.md shows.
"""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from cases.historical import OverstayRow
from e2e.stack.replays import replay_to_the_end
from e2e.stack.running import Stack
from truth.city_day import CityDay, city_day
from truth.comparison import Session, sessions

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def day(real_data: Path) -> CityDay:
    return city_day(real_data)


@pytest.fixture(scope="module")
def told(day: CityDay, short_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Session]:
    """Gold's stays, after the day was replayed to its end."""
    stack = Stack.on(short_folder / "city")
    replay_to_the_end(stack, day.write(tmp_path_factory.mktemp("day")))
    return sessions(stack.settings)


def test_every_overstay_of_the_city_is_found_with_its_minutes_or_bounds_that_contain_them(
    day: CityDay, told: list[Session]
) -> None:
    by_arrival = {(one.kerbside_id, one.arrival_min_at): one for one in told}
    counts: Counter[str] = Counter()
    wrong: dict[str, list[object]] = defaultdict(list)
    for bay, rows in day.rows.items():
        for row in rows:
            one = by_arrival.pop((bay, row.arrival_at), None)
            finding = "not told" if one is None else _finding(row, one)
            counts[finding] += 1
            if finding.startswith("not"):
                wrong[finding].append((bay, row, one))
    wrong["told, but not the City's"] = list(by_arrival.values())
    print("\n".join(f"  {count:>6,} {what}" for what, count in (day.left_out + counts).most_common()))
    assert {what: those[:3] for what, those in wrong.items() if those} == {}
    assert counts["an overstay, exact, with the City's minutes"] > 1000


def _finding(row: OverstayRow, one: Session) -> str:
    least, most = one.overstay_min_minutes, one.overstay_max_minutes
    if least is None or most is None or not least <= row.minutes_over <= most:
        return "not within its bounds"
    if one.ending == "observed":
        exact = least == most == row.minutes_over and one.departure_min_at == row.departure_at
        is_right = exact and one.verdict == "overstay"
        return "an overstay, exact, with the City's minutes" if is_right else "not the City's minutes"
    if one.ending != "bounded" or one.verdict not in ("overstay", "uncertain_time"):
        return f"not to be {one.ending} and {one.verdict}"
    return f"bounded around the City's minutes: {one.verdict}"
