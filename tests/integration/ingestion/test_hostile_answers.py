"""Answers that nobody should send: each is refused or read with a clear word, and the next poll works."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration.ingestion.made_up_polls import answer, at, sensor
from integration.ingestion.portals import portal, replaying, small_capture
from melpark.contracts import DATASETS, METERS, SENSORS
from melpark.errors import RefusedError
from melpark.ingestion import poller
from melpark.ingestion.answer_format import WHOLE_BYTES
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.poll_rows import Outcome
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.ingestion.retention import drop_old_rejects
from melpark.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]
Record = dict[str, object]


def rejected(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT reason, field, record_key FROM parking.rejected_records ORDER BY rejected_id")


def with_field(record: Record, name: bytes, value: bytes) -> bytes:
    return orjson.dumps(record)[:-1] + b',"' + name + b'":' + value + b"}"


@pytest.mark.parametrize("depth", [33, 300, 900])
def test_a_record_nested_too_deep_is_refused_alone_and_kept_in_part(
    loader: PostgresLoader, query: Query, depth: int
) -> None:
    deep = with_field(sensor(1, 0), b"x", b"[" * depth + b"]" * depth)
    body = b"[" + deep + b"," + orjson.dumps(sensor(2, 0)) + b"," + b"[" * depth + b"]" * depth + b"]"
    outcome = loader.load(answer(body, 0))
    assert (outcome.outcome, outcome.kept) == ("accepted", 1)
    assert rejected(query) == [("too_deep", "x", "1"), ("not_an_object", None, None)]
    assert loader.load(answer([sensor(1, 2), sensor(2, 2)], 2)).rejected == 0


def test_a_record_nested_as_deep_as_allowed_is_kept(loader: PostgresLoader, query: Query) -> None:
    body = b"[" + with_field(sensor(1, 0), b"x", b"[" * 32 + b"]" * 32) + b"]"
    assert loader.load(answer(body, 0)).kept == 1


class FaultyLoader(PostgresLoader):
    """A loader with a fault that shows with one dataset."""

    def load(self, answer: Answer, is_refetched: bool = False) -> Outcome:
        if answer.dataset == METERS.dataset:
            raise TypeError("no one\x00 thought of this")
        return super().load(answer, is_refetched)


def test_an_unexpected_error_of_one_dataset_leaves_a_failed_poll_and_ends_no_other(
    postgres: Settings,
    query: Query,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(poller, "PostgresLoader", FaultyLoader)
    polls = "SELECT dataset, outcome FROM parking.polls WHERE outcome = %s"

    async def follow_until_both_were_polled(settings: Settings) -> None:
        following = asyncio.create_task(poller._run(settings, once=False, record=None, refetch=False))
        async with asyncio.timeout(60):
            while len(query(polls, "accepted")) < len(DATASETS) + 1 or len(query(polls, "failed")) < 2:
                await asyncio.wait([following], timeout=0.02)
                assert not following.done()
        following.cancel()
        await following

    with (
        portal(replaying(postgres, small_capture(tmp_path))) as settings,
        caplog.at_level(logging.ERROR),
    ):
        with pytest.raises(RefusedError, match="unexpected error: TypeError: no one"):
            poller.run(settings, once=True)
        asyncio.run(follow_until_both_were_polled(settings))
    assert {dataset for dataset, _ in query(polls, "failed")} == {METERS.dataset}
    assert SENSORS.dataset in {dataset for dataset, _ in query(polls, "accepted")}
    assert "Traceback" in caplog.text


def large(*parts: bytes) -> bytes:
    """An array beyond what is parsed at once."""
    return b"[" + b" " * WHOLE_BYTES + b",".join(parts) + b"]"


@pytest.mark.parametrize("depth", [300, 2_000_000])
def test_a_large_answer_nested_too_deep_is_refused_unread(
    loader: PostgresLoader, query: Query, depth: int
) -> None:
    outcome = loader.load(answer(large(with_field(sensor(1, 0), b"x", b"[" * depth + b"]" * depth)), 0))
    assert outcome.reason == "not read: it is nested deeper than 256"
    assert query("SELECT count(*) FROM parking.sensors") == [(0,)]


def test_a_large_answer_loses_but_the_record_that_is_too_deep(loader: PostgresLoader, query: Query) -> None:
    deep = with_field(sensor(1, 0), b"x", b"[" * 200 + b"]" * 200)
    assert loader.load(answer(large(deep, orjson.dumps(sensor(2, 0))), 0)).kept == 1
    assert rejected(query) == [("too_deep", "x", "1")]


def test_too_many_duplicates_refuse_the_answer_and_leave_a_sample(
    loader: PostgresLoader, query: Query
) -> None:
    body = b"[" + b",".join([orjson.dumps(sensor(1, 0))] * 20_000) + b"]"
    outcome = loader.load(answer(body, 0))
    assert outcome.reason == "19999 of 20000 rows were rejected, more than max_rejected_share = 0.2"
    assert (outcome.kept, outcome.rejected) == (1, 19_999)
    assert outcome.note == "rejected: 1000 duplicate_key; 1000 of 19999 are kept"
    assert query("SELECT reason, count(*) FROM parking.rejected_records GROUP BY 1") == [
        ("duplicate_key", 1000)
    ]


def test_many_duplicates_leave_the_newest_record_of_each_bay(postgres: Settings, query: Query) -> None:
    allowing = PostgresLoader(postgres.model_copy(update={"max_rejected_share": 1.0}))
    try:
        feed = [sensor(bay, -minute) for minute in range(5) for bay in range(4000)]
        assert allowing.load(answer(feed, 0)).kept == 4000
    finally:
        allowing.close()
    assert query("SELECT count(*), min(heard_at), max(heard_at) FROM parking.sensor_events") == [
        (4000, at(0), at(0))
    ]


def test_an_answer_that_begins_with_rejects_alone_is_not_read_to_its_end(
    loader: PostgresLoader, query: Query
) -> None:
    outcome = loader.load(answer([1] * 12_000 + [sensor(1, 0)], 0))
    assert (outcome.outcome, outcome.reason) == ("refused", "the first 5000 records were all rejected")
    assert outcome.note == "rejected: 5000 not_an_object; 1000 of 5000 are kept"
    assert query("SELECT count(*) FROM parking.rejected_records") == [(1000,)]


def test_refused_records_are_dropped_after_their_time(
    loader: PostgresLoader, postgres: Settings, query: Query
) -> None:
    loader.load(answer([sensor(1, 0), 5], 0))
    loader.load(answer([sensor(1, 10), 6], 10))
    settings = postgres.model_copy(update={"rejected_retention_days": 1})
    assert drop_old_rejects(settings, at(24 * 60 + 5)) == 1
    assert query("SELECT payload FROM parking.rejected_records") == [(6,)]
    assert drop_old_rejects(settings, at(24 * 60 + 5)) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"[" + with_field(sensor(1, 0), b"x\\u0000" + b"y" * 300, b"1") + b"]",
        b"KerbsideID,Status_Description,Status_Timestamp,LastUpdated,Zone_Number,Location,X\0"
        + b"y" * 300
        + b"\n"
        b'1,Present,2025-08-06T23:00:00+00:00,2025-08-07T00:00:00+00:00,7001,"-37.81, 144.95",1\n',
    ],
    ids=["JSON", "CSV"],
)
def test_a_strange_name_of_a_field_is_cleaned_and_cut_where_it_is_told(
    loader: PostgresLoader, query: Query, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    outcome = loader.load(answer(body, 0))
    name = "x\N{REPLACEMENT CHARACTER}" + "y" * 197 + "…"
    assert outcome.outcome == "accepted"
    assert (outcome.note or "").endswith(f"unknown field {name} in 1 records")
    assert f"field {name} is not known" in caplog.text


def test_a_lastupdated_that_runs_backwards_does_not_make_the_bay_heard_before_it_was(
    loader: PostgresLoader, query: Query
) -> None:
    for minute in (0, 10):
        loader.load(answer([sensor(1, minute), sensor(2, minute)], minute))
    assert loader.load(answer([sensor(1, 5, "Unoccupied", changed=4), sensor(2, 12)], 12)).rejected == 0
    assert query(
        "SELECT status_changed_at, heard_at, previous_heard_at FROM parking.sensor_events "
        "WHERE status = 'Unoccupied'"
    ) == [(at(4), at(10), at(10))]


CSV_HEAD = "KerbsideID,Status_Description,Status_Timestamp,LastUpdated,Zone_Number,Location\n"
CSV_ROW = '1,Present,2025-08-06T23:00:00+00:00,2025-08-07T00:00:00+00:00,7001,"-37.81, 144.95"\n'


@pytest.mark.parametrize("text", ["\n\n" + CSV_HEAD + CSV_ROW, CSV_HEAD + "\n" + CSV_ROW + "\n  \r\n\n"])
def test_blank_lines_of_a_csv_are_no_records(loader: PostgresLoader, text: str) -> None:
    outcome = loader.load(answer(text.encode(), 0))
    assert (outcome.records, outcome.kept, outcome.rejected) == (1, 1, 0)


def test_an_id_with_a_decimal_point_is_refused_in_csv_as_in_json(
    loader: PostgresLoader, query: Query
) -> None:
    loader.load(answer((CSV_HEAD + CSV_ROW + CSV_ROW.replace("1,Present", "2.0,Present")).encode(), 0))
    loader.load(answer([sensor(1, 0), sensor(1, 0) | {"kerbsideid": 2.0}], 2))
    assert rejected(query) == [("wrong_type", "kerbsideid", None)] * 2
