"""Our findings against the City's own, on its historical files."""

from pathlib import Path

import pytest

from cases.historical import confusion, judged_2017, listed_2016
from melpark.parking.overstays import Verdict
from melpark.parking.rules import Kind
from melpark.parking.sign_texts import read_sign

pytestmark = pytest.mark.real_data


def test_every_overstay_of_2016_is_found_with_the_citys_minutes(real_data: Path) -> None:
    rows = list(listed_2016(real_data))
    assert len(rows) == 14_257
    assert sum(row.limit_minutes == 0 for row in rows) == 1_781
    for row in rows:
        assert row.found.verdict is Verdict.OVERSTAY
        assert row.found.overstay_min_minutes == row.found.overstay_max_minutes == row.minutes_over


def test_the_smallest_overstay_that_the_city_lists_is_the_grace(real_data: Path) -> None:
    assert min(row.minutes_over for row in listed_2016(real_data)) == 5


def test_every_violation_of_2017_is_found_and_the_figures_of_the_accuracy_page_hold(real_data: Path) -> None:
    rows, left_out = judged_2017(real_data)
    found = confusion((row.is_overstay, row.is_in_violation) for row in rows)
    assert left_out == {"no sign": 382, "departure not after arrival": 4}
    assert found.only_theirs == 0
    assert found.recall == 1
    assert found.both == 34
    assert found.precision >= 34 / 73


def test_each_overstay_that_only_we_find_is_as_long_as_those_the_city_listed_in_2016(real_data: Path) -> None:
    rows, _ = judged_2017(real_data)
    assert all(
        (row.found.overstay_min_minutes or 0) >= 5
        for row in rows
        if row.is_overstay and not row.is_in_violation
    )


def test_every_sign_but_one_of_the_sample_has_a_limit_that_can_be_read(real_data: Path) -> None:
    rows, _ = judged_2017(real_data)
    unread = {row.sign for row in rows if read_sign(row.sign).rule.kind is Kind.UNKNOWN}
    assert unread == {"P/   (621 OFFENCE) M-F 7.30-8.30"}
