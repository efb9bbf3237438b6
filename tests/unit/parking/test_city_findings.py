"""Our findings against the City's own, on its historical files."""

import csv
import gzip
import math
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from cases.historical import EVENTS_2017, Confusion, Judged, Listed, confusion, judged_2017, listed_2016
from melpark.parking.local_time import MELBOURNE
from melpark.parking.overstays import GRACE, Verdict
from melpark.parking.rules import Kind
from melpark.parking.sign_texts import read_sign
from melpark.places import PROJECT

pytestmark = pytest.mark.real_data

# The lines of the page as one, for they break anywhere.
PAGE = " ".join((PROJECT / "docs" / "accuracy.md").read_text().split())


@pytest.fixture(scope="module")
def listed(real_data: Path) -> list[Listed]:
    return list(listed_2016(real_data))


@pytest.fixture(scope="module")
def judged(real_data: Path) -> tuple[list[Judged], Counter[str]]:
    return judged_2017(real_data)


@pytest.fixture(scope="module")
def sample(real_data: Path) -> list[dict[str, str]]:
    """The City's sample of 2017 as it is."""
    with gzip.open(real_data / EVENTS_2017, "rt", newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_every_overstay_of_2016_is_found_with_the_citys_minutes(listed: list[Listed]) -> None:
    assert len(listed) == 14_257
    assert sum(row.limit_minutes == 0 for row in listed) == 1_781
    for row in listed:
        assert row.found.verdict is Verdict.OVERSTAY
        assert row.found.overstay_min_minutes == row.found.overstay_max_minutes == row.minutes_over


def test_the_smallest_overstay_that_the_city_lists_is_the_grace(listed: list[Listed]) -> None:
    assert timedelta(minutes=min(row.minutes_over for row in listed)) == GRACE


def test_every_violation_of_2017_is_found_and_39_stays_more(
    judged: tuple[list[Judged], Counter[str]],
) -> None:
    rows, left_out = judged
    assert left_out == {"no sign": 382, "departure not after arrival": 4}
    assert len(rows) == 614
    found = confusion((row.is_overstay, row.is_in_violation) for row in rows)
    assert found == Confusion(both=34, only_ours=39, only_theirs=0, neither=541)


def test_four_of_the_thousand_rows_end_at_once_or_in_1900(sample: list[dict[str, str]]) -> None:
    rows = [
        [
            datetime.strptime(row[name], "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007
            for name in ("ArrivalTime", "DepartureTime")
        ]
        for row in sample
    ]
    ended = [(arrival, departure) for arrival, departure in rows if departure <= arrival]
    assert len(rows) == 1_000
    assert sum(arrival == departure for arrival, departure in ended) == 1
    assert sum(departure.year == 1900 for _, departure in ended) == 3


def minutes(row: Judged) -> float:
    return row.found.overstay_min_minutes or 0


def after(grace: float) -> Callable[[Judged], bool]:
    return lambda row: minutes(row) > 0 and minutes(row) >= grace


@pytest.mark.parametrize(
    ("reading", "is_over", "expected"),
    [
        ("limit, days and hours, grace 5 min (ours)", lambda row: row.is_overstay, (34, 39, 0)),
        ("limit alone, at all hours and days", lambda row: row.by_limit_alone.is_overstay, (34, 45, 0)),
        ("no grace", after(0), (34, 48, 0)),
        ("grace 10 min", after(10), (29, 38, 5)),
        ("grace 15 min", after(15), (28, 34, 6)),
        ("grace 30 min", after(30), (24, 25, 10)),
    ],
)
def test_each_reading_finds_what_the_page_says(
    judged: tuple[list[Judged], Counter[str]],
    reading: str,
    is_over: Callable[[Judged], bool],
    expected: tuple[int, int, int],
) -> None:
    found = confusion((is_over(row), row.is_in_violation) for row in judged[0])
    counts = (found.both, found.only_ours, found.only_theirs)
    assert counts == expected
    cells = [reading, *map(str, counts), f"{found.precision:.3f}", f"{found.recall:.3f}"]
    assert f"| {' | '.join(cells)} |" in PAGE


def limit_of(row: Judged) -> int | None:
    return read_sign(row.sign).rule.limit_minutes


def begins_with_the_rule(row: Judged) -> bool:
    return f"{row.arrival_at.astimezone(MELBOURNE):%H:%M:%S}" == "07:30:00"


def is_in_the_gap(row: Judged) -> bool:
    day = row.arrival_at.astimezone(MELBOURNE).date()
    return date(2017, 7, 31) <= day <= date(2017, 9, 7)


def exempts_residents(row: Judged) -> bool:
    return not {"RPA", "RPE"}.isdisjoint(row.sign.split())


@pytest.mark.parametrize(
    ("is_of_class", "flagged", "of", "said"),
    [
        (lambda row: minutes(row) < 15, 6, 11, "6 of the 11 that were over by 5 to 15 minutes"),
        (lambda row: minutes(row) >= 60, 16, 34, "16 of the 34 that were over by an hour or more"),
        (
            lambda row: row.found.within_disability_extension,
            *(19, 37, "19 of the 37 within that extension"),
        ),
        (lambda row: not row.found.within_disability_extension, 15, 36, "15 of the 36 beyond it"),
        (lambda row: read_sign(row.sign).rule.is_metered, 22, 44, "22 of 44 paid"),
        (lambda row: not read_sign(row.sign).rule.is_metered, 12, 29, "12 of 29 not"),
        (exempts_residents, 5, 6, "residents' permits (5 of 6 are flagged)"),
        (is_in_the_gap, 0, 10, "From 31 July to 7 September none of 10 is flagged"),
        (lambda row: not is_in_the_gap(row), 34, 63, "at other times 34 of 63"),
        (begins_with_the_rule, 3, 12, "Of the 12 that begin at 07:30:00"),
        (lambda row: not begins_with_the_rule(row), 31, 61, "3 are flagged, of the others 31 of 61"),
    ],
)
def test_the_city_flagged_as_many_of_each_class_of_our_overstays_as_the_page_says(
    judged: tuple[list[Judged], Counter[str]],
    is_of_class: Callable[[Judged], bool],
    flagged: int,
    of: int,
    said: str,
) -> None:
    some = [row for row in judged[0] if row.is_overstay and is_of_class(row)]
    assert (sum(row.is_in_violation for row in some), len(some)) == (flagged, of)
    assert said in PAGE


def test_the_page_says_how_long_those_over_were_over(judged: tuple[list[Judged], Counter[str]]) -> None:
    rows = judged[0]
    ours = [row for row in rows if row.is_overstay]
    flagged = [row for row in rows if row.is_in_violation]
    only_ours = [row for row in ours if not row.is_in_violation]
    longer = [
        row
        for row in only_ours
        if any(limit_of(one) == limit_of(row) and minutes(one) < minutes(row) for one in flagged)
    ]
    less = [row for row in rows if 0 < minutes(row) < 5]
    said = (
        f"by at least {min(map(minutes, only_ours)):.1f} minutes",
        f"{len(longer)} of the {len(only_ours)} were over by longer than a stay of the same limit",
        f"none of the {len(less)} that were over by less is flagged",
        f"the shortest that is flagged was over by {min(map(minutes, flagged)):.1f}",
    )
    assert [text for text in said if text not in PAGE] == []
    assert not any(row.is_in_violation for row in less)


def test_the_page_shows_the_confusion_its_recall_and_its_precision(
    judged: tuple[list[Judged], Counter[str]],
) -> None:
    found = confusion((row.is_overstay, row.is_in_violation) for row in judged[0])
    ours, total = found.both + found.only_ours, found.both + found.only_theirs
    low, high = wilson(found.both, ours)
    said = (
        f"| ours: overstay | {found.both} | {found.only_ours} |",
        f"| ours: not | {found.only_theirs} | {found.neither} |",
        f"**Recall {found.recall:.3f}** ({found.both} of {total})",
        f"**Precision {found.precision:.3f}** ({found.both} of {ours}; 95 % interval {low:.2f} to {high:.2f})",
    )
    assert [text for text in said if text not in PAGE] == []


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    z, share = 1.96, hits / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)


def test_an_overstay_that_only_we_find_is_as_long_as_those_the_city_listed_in_2016(
    judged: tuple[list[Judged], Counter[str]],
) -> None:
    only_ours = [row for row in judged[0] if row.is_overstay and not row.is_in_violation]
    assert all((row.by_limit_alone.overstay_min_minutes or 0) >= 5 for row in only_ours)


def test_every_sign_but_one_of_the_sample_has_a_limit_that_can_be_read(
    judged: tuple[list[Judged], Counter[str]], sample: list[dict[str, str]]
) -> None:
    signs = {row["Sign"] for row in sample} - {""}
    assert sum(read_sign(sign).rule.kind is Kind.UNKNOWN for sign in signs) == 1
    assert f"{len(signs)} texts are all read but one" in PAGE
    unread = [row for row in judged[0] if read_sign(row.sign).rule.kind is Kind.UNKNOWN]
    assert [row.sign for row in unread] == ["P/   (621 OFFENCE) M-F 7.30-8.30"]
    assert unread[0].found.verdict is Verdict.UNRESTRICTED
