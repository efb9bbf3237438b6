"""The comparison of a chaos run finds what is planted, each by its name."""

from datetime import UTC, datetime, timedelta

from chaos.comparison import Logged, Row, compare, compare_log

T0 = datetime(2025, 8, 5, tzinfo=UTC)
KEYS = [(bay, T0 + timedelta(minutes=minute)) for bay in ("a", "b") for minute in range(3)]
ROWS = [Row(key, (*key, "Present")) for key in KEYS]
LOG = [
    Logged(partition, 10 + offset, *KEYS[3 * partition + offset])
    for partition in (0, 1)
    for offset in range(3)
]


def test_equal_places_are_clean_in_whatever_order_their_rows_come() -> None:
    found = compare(ROWS, reversed(ROWS))
    assert (found.is_clean, found.rows) == (True, 6)
    assert compare_log(ROWS, reversed(LOG)).is_clean


def test_a_lost_row_is_found() -> None:
    assert compare(ROWS, ROWS[1:]).lost == [KEYS[0]]
    assert compare_log(ROWS, LOG[:-1]).lost == [KEYS[-1]]


def test_a_row_that_is_there_twice_is_found() -> None:
    assert compare(ROWS, [*ROWS, ROWS[2]]).duplicated == [KEYS[2]]
    assert compare_log(ROWS, [*LOG, Logged(1, 13, *KEYS[5])]).duplicated == [KEYS[5]]


def test_a_row_with_another_value_is_found() -> None:
    assert compare(ROWS, [Row(KEYS[0], (*KEYS[0], "Unoccupied")), *ROWS[1:]]).altered == [KEYS[0]]


def test_a_row_that_nobody_wrote_is_found() -> None:
    assert compare(ROWS, [*ROWS, Row(("c", T0))]).invented == [("c", T0)]


def test_an_event_after_a_newer_one_of_its_bay_is_found() -> None:
    turned = [LOG[0], Logged(0, 12, *KEYS[1]), Logged(0, 11, *KEYS[2]), *LOG[3:]]
    assert compare_log(ROWS, turned).disordered == [KEYS[1]]


def test_a_bay_in_two_partitions_has_no_order() -> None:
    assert compare_log(ROWS, [*LOG[:2], Logged(1, 99, *KEYS[2]), *LOG[3:]]).disordered == [KEYS[2]]


def test_what_is_wrong_is_said_with_examples() -> None:
    assert str(compare(ROWS, ROWS[1:])).startswith("5 rows, 1 lost, 0 duplicated")
    assert "'a'" in str(compare(ROWS, ROWS[1:]))
