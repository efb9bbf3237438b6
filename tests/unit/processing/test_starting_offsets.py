"""Where bronze goes on when its checkpoint is gone."""

import json

from melpark.processing.spark_loader import starting_offsets


def test_a_partition_goes_on_after_its_newest_known_offset() -> None:
    assert json.loads(starting_offsets([("a", 0), ("a", 1)], {("a", 0): 41, ("a", 1): 0})) == {
        "a": {"0": 42, "1": 1}
    }


def test_a_partition_that_is_not_in_the_table_is_read_from_its_beginning() -> None:
    assert json.loads(starting_offsets([("a", 0), ("new", 0)], {("a", 0): 41})) == {
        "a": {"0": 42},
        "new": {"0": -2},
    }


def test_a_partition_that_kafka_no_longer_has_is_left_out() -> None:
    assert json.loads(starting_offsets([("a", 0)], {("a", 0): 41, ("gone", 0): 5})) == {"a": {"0": 42}}
