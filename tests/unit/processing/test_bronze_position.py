"""Where bronze goes on, and what it must not skip in silence."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import bronze_position
from melpark.processing.bronze_position import Known
from melpark.processing.kafka_log import Last, Span, Topic

AT = datetime(2025, 8, 1, tzinfo=UTC)


def kafka(topic_id: str = "id", **partitions: tuple[int, int]) -> dict[str, Topic]:
    return {"a": Topic(topic_id, {int(name[1:]): Span(*span) for name, span in partitions.items()})}


def test_a_partition_goes_on_after_its_newest_offset_and_a_new_one_from_its_first() -> None:
    now = kafka(p0=(0, 50), p1=(0, 9))
    rows = [("a", 0, "id", 41, AT)]
    positions = bronze_position.of_table(rows, now)

    assert json.loads(bronze_position.starts(now, positions, Known())) == {"a": {"0": 42, "1": 0}}
    assert bronze_position.newest_ids(rows) == {"a": "id"}
    assert bronze_position.gaps(now, positions, Known({"a": "id"})) == []


def test_a_topic_that_lost_its_beginning_before_anything_was_read_is_a_gap() -> None:
    # As when the lake was deleted: Kafka keeps 30 days, what is older is in PostgreSQL only.
    (gap,) = bronze_position.gaps(kafka(p0=(5000, 6000)), {}, Known(), hidden=1)
    assert (gap.first, gap.end) == (0, 5000)
    (gap,) = bronze_position.gaps(kafka(p0=(1, 6000)), {}, Known(), hidden=1)
    assert (gap.first, gap.end) == (0, 1)
    known = Known()
    bronze_position.accept([gap], kafka(p0=(1, 6000)), known)
    assert bronze_position.gaps(kafka(p0=(1, 6000)), {}, known, hidden=1) == []


def test_a_partition_that_kafka_no_longer_has_is_left_out() -> None:
    now = kafka(p0=(0, 50))
    assert json.loads(bronze_position.starts(now, {("a", 0): 42, ("gone", 0): 5}, Known())) == {
        "a": {"0": 42}
    }


def test_old_rows_without_an_id_count_as_the_topics_own() -> None:
    now = kafka(p0=(0, 50))
    rows = [("a", 0, None, 30, AT), ("a", 0, "id", 41, AT)]
    assert bronze_position.of_table(rows, now) == {("a", 0): 42}


def test_offsets_of_a_topic_that_was_made_anew_are_not_those_of_the_old_one() -> None:
    now = kafka("new", p0=(0, 500))
    rows = [("a", 0, "old", 41, AT)]
    positions = bronze_position.of_table(rows, now)
    known = Known(bronze_position.newest_ids(rows))

    found = bronze_position.gaps(now, positions, known)
    assert ["made anew" in str(gap) for gap in found] == [True]
    assert json.loads(bronze_position.starts(now, positions, Known())) == {"a": {"0": 0}}
    bronze_position.accept(found, now, known)
    assert known.ids == {"a": "new"}

    # Some of the new one was read since: the newest id counts.
    rows = [("a", 0, "old", 41, AT), ("a", 0, "new", 3, AT + timedelta(days=1))]
    positions, ids = bronze_position.of_table(rows, now), bronze_position.newest_ids(rows)
    assert (positions, ids) == ({("a", 0): 4}, {"a": "new"})
    assert bronze_position.gaps(now, positions, Known(ids)) == []


@pytest.mark.parametrize(
    ("span", "hidden", "is_gap"),
    [
        ((0, 42), 0, False),
        ((42, 42), 0, False),
        ((43, 43), 1, False),
        ((43, 43), 0, True),
        ((44, 90), 1, True),
        ((0, 41), 1, True),
    ],
    ids=[
        "all is there",
        "all was read",
        "only a marker is gone, by the table",
        "deleted unread, by the checkpoint",
        "deleted unread",
        "shorter than what was read",
    ],
)
def test_what_kafka_deleted_before_it_was_read_is_a_gap(
    span: tuple[int, int], hidden: int, is_gap: bool
) -> None:
    found = bronze_position.gaps(kafka(p0=span), {("a", 0): 42}, Known({"a": "id"}), hidden)
    assert bool(found) is is_gap
    if is_gap:
        with pytest.raises(StopError, match="accept-gap"):
            bronze_position.require_no_gaps(found)


def test_an_accepted_gap_is_no_gap_again_and_is_not_read_twice() -> None:
    now, known = kafka(p0=(90, 99)), Known({"a": "id"})
    bronze_position.accept(bronze_position.gaps(now, {("a", 0): 42}, known), now, known)
    assert bronze_position.gaps(now, {("a", 0): 42}, known) == []
    assert json.loads(bronze_position.starts(now, {("a", 0): 42}, known)) == {"a": {"0": 90}}
    # Later the table is ahead of what was accepted.
    assert json.loads(bronze_position.starts(now, {("a", 0): 95}, known)) == {"a": {"0": 95}}


def test_the_last_record_tells_a_log_whose_end_was_lost_and_written_anew() -> None:
    read = {("a", 0): Last(41, AT), ("a", 1): Last(8, AT), ("b", 0): Last(3, AT), ("c", 0): Last(1, AT)}
    later = AT + timedelta(seconds=1)
    held = {("a", 0): Last(41, AT), ("a", 1): Last(8, later), ("b", 0): Last(4, AT), ("c", 0): None}
    assert bronze_position.rewritten(read, held) == {("a", 1), ("b", 0), ("c", 0)}

    (gap,) = bronze_position.gaps(
        kafka(p0=(0, 50), p1=(0, 90)), {("a", 0): 42, ("a", 1): 9}, Known(), other={("a", 1)}
    )
    assert (gap.partition, gap.is_another_log) == (1, True)


@pytest.mark.parametrize("span", [(3, 30), (3, 60)], ids=["shorter", "grown beyond the old end"])
def test_a_log_that_is_another_one_is_read_from_its_beginning_under_an_id_of_its_own(
    span: tuple[int, int],
) -> None:
    # Both partitions are: of one topic, and one new id.
    raw, known = kafka("i/d", p0=span, p1=span), Known({"a": "i/d"})
    rows: list[tuple[str, int, str | None, int, datetime]] = [("a", 0, None, 11, AT)]
    for life in ("i/d", "i/d#2", "i/d#3"):
        rows += [("a", 0, life, 41, AT), ("a", 1, life, 41, AT)]
        now = bronze_position.with_lives(raw, known.ids)
        positions = bronze_position.of_table(rows, now)
        assert (now["a"].id, positions) == (life, {("a", 0): 42, ("a", 1): 42})
        found = bronze_position.gaps(now, positions, known, other=positions)
        assert len(found) == 2
        bronze_position.accept(found, now, known)

        now = bronze_position.with_lives(raw, known.ids)
        positions = bronze_position.of_table(rows, now)
        assert bronze_position.gaps(now, positions, known, hidden=1) == []
        assert json.loads(bronze_position.starts(now, positions, known)) == {"a": {"0": 3, "1": 3}}
    assert bronze_position.kafka_id(known.ids["a"]) == "i/d"
    # Made anew after all: Kafka's own id counts.
    assert bronze_position.with_lives(kafka("new", p0=span), known.ids)["a"].id == "new"


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
