"""Our findings against the City's own, on its historical files."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from cases.historical import Judged, Listed, confusion, judged_2017, listed_2016
from melpark.parking.overstays import GRACE, Verdict
from melpark.parking.rules import Kind
from melpark.parking.sign_texts import read_sign

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def listed(real_data: Path) -> list[Listed]:
    return list(listed_2016(real_data))


@pytest.fixture(scope="module")
def judged(real_data: Path) -> tuple[list[Judged], Counter[str]]:
    return judged_2017(real_data)


def test_every_overstay_of_2016_is_found_with_the_citys_minutes(listed: list[Listed]) -> None:
    assert len(listed) == 14_257
    assert sum(row.limit_minutes == 0 for row in listed) == 1_781
    for row in listed:
        assert row.found.verdict is Verdict.OVERSTAY
        assert row.found.overstay_min_minutes == row.found.overstay_max_minutes == row.minutes_over


def test_the_smallest_overstay_that_the_city_lists_is_the_grace(listed: list[Listed]) -> None:
    assert timedelta(minutes=min(row.minutes_over for row in listed)) == GRACE


def test_every_violation_of_2017_is_found_and_the_figures_of_the_accuracy_page_hold(
    judged: tuple[list[Judged], Counter[str]],
) -> None:
    rows, left_out = judged
    found = confusion((row.is_overstay, row.is_in_violation) for row in rows)
    assert left_out == {"no sign": 382, "departure not after arrival": 4}
    assert len(rows) == 614
    assert found.both == 34
    assert found.recall == 1
    assert found.precision >= 34 / 73


def test_an_overstay_that_only_we_find_is_as_long_as_those_the_city_listed_in_2016(
    judged: tuple[list[Judged], Counter[str]],
) -> None:
    only_ours = [row for row in judged[0] if row.is_overstay and not row.is_in_violation]
    assert all((row.by_limit_alone.overstay_min_minutes or 0) >= 5 for row in only_ours)


def test_every_sign_but_one_of_the_sample_has_a_limit_that_can_be_read(
    judged: tuple[list[Judged], Counter[str]],
) -> None:
    unread = {row.sign for row in judged[0] if read_sign(row.sign).rule.kind is Kind.UNKNOWN}
    assert unread == {"P/   (621 OFFENCE) M-F 7.30-8.30"}
