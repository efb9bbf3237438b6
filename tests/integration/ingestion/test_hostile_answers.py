"""Answers that nobody should send: each is refused or read with a clear word, and the next poll works."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from integration.ingestion.made_up_polls import answer, sensor
from integration.ingestion.portals import portal, replaying, small_capture
from melpark.contracts import DATASETS, METERS, SENSORS
from melpark.errors import RefusedError
from melpark.ingestion import poller
from melpark.ingestion.answer_format import WHOLE_BYTES
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.postgres_loader import Outcome, PostgresLoader
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
