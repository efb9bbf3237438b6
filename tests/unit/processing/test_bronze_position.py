"""Where bronze goes on, and what it must not skip in silence."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import bronze_position
from melpark.processing.bronze_position import Known
from melpark.processing.kafka_log import Span, Topic

AT = datetime(2025, 8, 1, tzinfo=UTC)


def kafka(topic_id: str = "id", **partitions: tuple[int, int]) -> dict[str, Topic]:
    return {"a": Topic(topic_id, {int(name[1:]): Span(*span) for name, span in partitions.items()})}


def test_a_partition_goes_on_after_its_newest_offset_and_a_new_one_from_its_first() -> None:
    now = kafka(p0=(0, 50), p1=(7, 9))
    positions, ids = bronze_position.of_table([("a", 0, "id", 41, AT)], now)

    assert json.loads(bronze_position.starts(now, positions, Known())) == {"a": {"0": 42, "1": 7}}
    assert ids == {"a": "id"}
    assert bronze_position.gaps(now, positions, ids, Known()) == []


def test_a_partition_that_kafka_no_longer_has_is_left_out() -> None:
    now = kafka(p0=(0, 50))
    assert json.loads(bronze_position.starts(now, {("a", 0): 42, ("gone", 0): 5}, Known())) == {
        "a": {"0": 42}
    }


def test_old_rows_without_an_id_count_as_the_topics_own() -> None:
    now = kafka(p0=(0, 50))
    rows = [("a", 0, None, 30, AT), ("a", 0, "id", 41, AT)]
    assert bronze_position.of_table(rows, now)[0] == {("a", 0): 42}


def test_offsets_of_a_topic_that_was_made_anew_are_not_those_of_the_old_one() -> None:
    now = kafka("new", p0=(0, 500))
    positions, ids = bronze_position.of_table([("a", 0, "old", 41, AT)], now)

    (gap,) = bronze_position.gaps(now, positions, ids, Known())
    assert "made anew" in str(gap)
    assert json.loads(bronze_position.starts(now, positions, Known())) == {"a": {"0": 0}}

    # Some of the new one was read since: the newest id counts.
    rows = [("a", 0, "old", 41, AT), ("a", 0, "new", 3, AT + timedelta(days=1))]
    positions, ids = bronze_position.of_table(rows, now)
    assert (positions, ids) == ({("a", 0): 4}, {"a": "new"})
    assert bronze_position.gaps(now, positions, ids, Known()) == []


@pytest.mark.parametrize(
    ("span", "is_gap"),
    [((0, 42), False), ((42, 42), False), ((43, 43), False), ((44, 90), True), ((0, 41), True)],
    ids=[
        "all is there",
        "all was read",
        "only a marker is gone",
        "deleted unread",
        "shorter than what was read",
    ],
)
def test_what_kafka_deleted_before_it_was_read_is_a_gap(span: tuple[int, int], is_gap: bool) -> None:
    found = bronze_position.gaps(kafka(p0=span), {("a", 0): 42}, {"a": "id"}, Known())
    assert bool(found) is is_gap
    if is_gap:
        with pytest.raises(StopError, match="accept-gap"):
            bronze_position.require_no_gaps(found)


def test_an_accepted_gap_is_no_gap_again_and_is_not_read_twice() -> None:
    now, accepted = kafka(p0=(90, 99)), Known(accepted={"a": {"0": 90}})
    assert bronze_position.gaps(now, {("a", 0): 42}, {"a": "id"}, accepted) == []
    assert json.loads(bronze_position.starts(now, {("a", 0): 42}, accepted)) == {"a": {"0": 90}}
    # Later the table is ahead of what was accepted.
    assert json.loads(bronze_position.starts(now, {("a", 0): 95}, accepted)) == {"a": {"0": 95}}


def test_what_is_kept_is_read_again_and_a_torn_file_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert bronze_position.known(home) == Known()
    bronze_position.keep(home, Known({"a": "id"}, {"a": {"0": 5}}))
    assert bronze_position.known(home) == Known({"a": "id"}, {"a": {"0": 5}})
    (home.checkpoints / "bronze_topics.json").write_text('{"ids": ')
    assert bronze_position.known(home) == Known()


def test_a_checkpoint_goes_on_after_its_last_committed_batch(tmp_path: Path) -> None:
    assert bronze_position.of_checkpoint(tmp_path) is None
    for batch, offset in ((8, 10), (9, 20)):
        for folder in ("offsets", "commits"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "offsets" / str(batch)).write_text(f'v1\n{{}}\n{{"a":{{"0":{offset}}}}}')
    assert bronze_position.of_checkpoint(tmp_path) == {}
    (tmp_path / "commits" / "8").write_text("v1\n{}")
    assert bronze_position.of_checkpoint(tmp_path) == {("a", 0): 10}
