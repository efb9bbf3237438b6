"""What stops a poll, and what does not."""

import pytest

from melpark.contracts import SENSORS
from melpark.errors import RefusedError
from melpark.ingestion.guards import Census, check_count, check_fields, check_rejected

NAMES = sorted(SENSORS.source_fields)


def census(*records: object) -> Census:
    found = Census(SENSORS.source_fields)
    for record in records:
        found.take(record)
    return found


def test_a_field_that_is_in_no_record_is_named_with_what_is_new() -> None:
    renamed = {("zone" if name == "zone_number" else name): 1 for name in NAMES}
    with pytest.raises(RefusedError, match=r"field zone_number is in no record; new are zone"):
        check_fields(census(renamed, renamed), SENSORS.source_fields)


def test_a_field_that_is_null_everywhere_or_missing_here_and_there_stops_nothing() -> None:
    check_fields(census(dict.fromkeys(NAMES)), SENSORS.source_fields)
    check_fields(census({}, dict.fromkeys(NAMES), 17), SENSORS.source_fields)


def test_unknown_fields_are_counted() -> None:
    assert census({"a": 1}, {"a": 2, "b": 1}, dict.fromkeys(NAMES)).unknown == {"a": 2, "b": 1}


def test_a_count_that_fell_by_more_than_the_share_is_refused() -> None:
    # A pull of the bays stopped at exactly 10,000 of 23,864.
    with pytest.raises(RefusedError, match="10000 records after 23864"):
        check_count(10_000, 23_864, 0.2)
    check_count(80, 100, 0.2)
    check_count(5000, 3309, 0.2)
    check_count(1, None, 0.2)


@pytest.mark.parametrize("fewer", [79, 1])
def test_the_share_is_exact(fewer: int) -> None:
    with pytest.raises(RefusedError, match="max_record_fall_share"):
        check_count(fewer, 100, 0.2)


def test_of_few_records_a_share_says_nothing() -> None:
    check_count(1, 99, 0.2)
    check_rejected(98, 1, 0.2)


def test_more_rejects_than_the_share_are_refused() -> None:
    check_rejected(20, 80, 0.2)
    with pytest.raises(RefusedError, match="21 of 100 rows were rejected"):
        check_rejected(21, 79, 0.2)
