"""What stops a poll in the loader, loudly, while the last good state stands."""

import logging
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from integration.ingestion.made_up_polls import answer, sensor
from integration.ingestion.portals import REFERENCES
from melpark.contracts import BAYS, SENSORS, ZONE_SEGMENTS
from melpark.ingestion import sources
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]
Record = dict[str, object]


def feed(heard: float, count: int = 200) -> list[Record]:
    return [sensor(bay, heard) for bay in range(count)]


def last_poll(query: Query) -> tuple[Any, ...]:
    return query(
        "SELECT outcome, reason, records, kept, changed, rejected FROM parking.polls ORDER BY poll_id DESC LIMIT 1"
    )[0]


def stands(query: Query) -> bool:
    return query(
        "SELECT count(*), bool_or(is_retired), max(observed_at) = min(observed_at) FROM parking.sensors"
    ) == [(200, False, True)]


def test_a_count_that_falls_too_far_is_refused_and_a_little_less_is_not(
    loader: PostgresLoader, query: Query
) -> None:
    loader.load(answer(feed(0), 0))
    loader.load(answer(feed(2, 159), 2))
    assert last_poll(query)[:3] == (
        "refused",
        "159 records after 200: they fell by more than max_record_fall_share = 0.2",
        159,
    )
    assert stands(query)
    assert loader.load(answer(feed(4, 160), 4)).outcome == "accepted"


def test_too_many_rejects_are_refused_and_kept(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer(feed(0), 0))
    bad = [record | {"status_description": "?"} for record in feed(2)[:41]]
    loader.load(answer(bad + feed(2)[41:], 2))
    outcome, reason, *counts = last_poll(query)
    assert (outcome, counts) == ("refused", [200, 159, None, 41])
    assert reason == "41 of 200 rows were rejected, more than max_rejected_share = 0.2"
    assert query("SELECT count(*), min(reason), min(field) FROM parking.rejected_records") == [
        (41, "unknown_status", "status_description")
    ]
    assert stands(query)


def test_too_many_contradictions_are_refused_too(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer(feed(0), 0))
    loader.load(answer([sensor(bay, 2, changed=-70 if bay < 41 else -60) for bay in range(200)], 2))
    outcome, reason, *counts = last_poll(query)
    assert (outcome, counts) == ("refused", [200, 159, None, 41])
    assert reason.startswith("41 of 200 rows were rejected")
    assert query("SELECT DISTINCT step, reason, field FROM parking.rejected_records") == [
        ("load", "time_runs_backwards", "status_timestamp")
    ]
    assert stands(query)


def test_a_renamed_field_is_refused_by_name(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer(feed(0), 0))
    renamed = [
        {("zone" if name == "zone_number" else name): value for name, value in record.items()}
        for record in feed(2)
    ]
    loader.load(answer(renamed, 2))
    assert last_poll(query)[:2] == ("refused", "field zone_number is in no record; new are zone")
    assert stands(query)


def test_lines_of_json_are_read_and_said(
    loader: PostgresLoader, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    loader.load(answer(feed(0), 0))
    lines = b"\n".join(orjson.dumps(record) for record in feed(2))
    assert loader.load(answer(lines + b"\n{cut", 2)).outcome == "accepted"
    assert query("SELECT note, records, rejected FROM parking.polls ORDER BY poll_id")[1] == (
        "read as lines of JSON", 201, 1
    )  # fmt: skip
    assert query("SELECT reason, payload FROM parking.rejected_records") == [("not_json", "{cut")]
    assert "lines of JSON" in caplog.text
    assert stands(query)


def test_an_answer_that_is_not_json_leaves_its_beginning(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer(b"<html>" + b"x" * 5000, 0))
    ((reason, payload),) = query("SELECT reason, payload FROM parking.rejected_records")
    assert (reason, payload[:7], len(payload)) == ("not_json", "<html>x", 1000)


def test_an_unknown_field_is_kept_counted_and_said_once(
    loader: PostgresLoader, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    for minute in (0, 2):
        loader.load(answer([sensor(1, minute) | {"battery": 3}, sensor(2, minute)], minute))
    assert query("SELECT extra FROM parking.sensors ORDER BY kerbside_id") == [({"battery": 3},), (None,)]
    assert query("SELECT DISTINCT note FROM parking.polls") == [("unknown field battery in 1 records",)]
    assert [record.levelno for record in caplog.records if "battery" in record.message] == [logging.WARNING]


def test_another_poller_does_not_say_an_unknown_field_again_but_the_first_of_another_dataset(
    postgres: Settings, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    zone = REFERENCES[ZONE_SEGMENTS.dataset][0] | {"battery": 3}
    for minute in (0, 2):
        loader = PostgresLoader(postgres)
        loader.load(answer([sensor(1, minute) | {"battery": 3}], minute))
        loader.load(answer([zone | {"onstreet": f"Street {minute}"}], minute, ZONE_SEGMENTS.dataset))
        loader.close()
    said = [record.message.partition(":")[0] for record in caplog.records if "battery" in record.message]
    assert said == [SENSORS.dataset, ZONE_SEGMENTS.dataset]


def test_equal_bytes_of_a_reference_write_their_poll_only_unless_the_parser_is_another(
    loader: PostgresLoader, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = REFERENCES[BAYS.dataset]
    loader.load(answer(records, 0, BAYS.dataset))
    same = loader.load(answer(records, 1, BAYS.dataset))
    assert (same.outcome, same.changed, same.records, same.kept, same.rejected) == ("accepted", 0, 1, 1, 0)
    assert same.note is not None
    assert same.note.startswith("the bytes of poll")
    assert loader.last_etag(BAYS.dataset) == '"1"'
    monkeypatch.setattr("melpark.ingestion.answer_digest.PARSER_VERSION", sources.PARSER_VERSION + 1)
    assert loader.last_etag(BAYS.dataset) is None
    assert loader.load(answer(records, 2, BAYS.dataset)).note is None


def test_of_a_key_that_comes_again_the_newest_is_loaded_whatever_the_batch(
    loader: PostgresLoader, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melpark.ingestion.staged_answer.BATCH_RECORDS", 2)
    records = [sensor(1, 3), sensor(2, 4), sensor(1, 4, "Unoccupied"), sensor(3, 4), sensor(1, 2)]
    outcome = loader.load(answer(records, 4))
    assert (outcome.records, outcome.kept, outcome.rejected) == (5, 3, 2)
    assert query("SELECT status FROM parking.sensors WHERE kerbside_id = '1'") == [("Unoccupied",)]
    assert query("SELECT reason, record_key, payload ->> 'lastupdated' FROM parking.rejected_records") == [
        ("duplicate_key", "1", str(records[4]["lastupdated"])),
        ("duplicate_key", "1", str(records[0]["lastupdated"])),
    ]


def test_a_polls_row_tells_when_its_work_was_done(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    loader.record_failure(SENSORS.dataset, "away", *[answer([], 0).started_at] * 2)
    assert query("SELECT bool_and(finished_at > received_at) FROM parking.polls") == [(True,)]


def test_a_csv_export_loads_like_the_json_one(loader: PostgresLoader, query: Query) -> None:
    (record,) = REFERENCES[ZONE_SEGMENTS.dataset]
    text = ";".join(record) + "\n" + ";".join(str(value) for value in record.values()) + "\n"
    assert loader.load(answer([record], 0, ZONE_SEGMENTS.dataset)).changed == 1
    outcome = loader.load(answer(text.encode(), 1, ZONE_SEGMENTS.dataset))
    assert (outcome.outcome, outcome.changed, outcome.note) == ("accepted", 0, "read as CSV")
