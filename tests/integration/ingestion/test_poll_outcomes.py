"""Every attempt leaves its row: accepted, refused as a whole, or failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from integration.ingestion.made_up_polls import answer, at, sensor
from melpark.contracts import SENSORS
from melpark.errors import MelParkError, RefusedError, RetryableError, StopError
from melpark.ingestion import poll_rows, postgres_loader
from melpark.ingestion.database import connect
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.places import SUPERUSER
from melpark.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]


def polls(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT outcome, reason, etag, records, kept, rejected FROM parking.polls ORDER BY poll_id")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>busy</html>", "not JSON"),
        (b'[{"kerbsideid": 1', "not JSON"),
        (b'{"error": "busy"}', "not a JSON array"),
        (b"[]", "it holds no record"),
        (b"[1, 2]", "every record was rejected"),
    ],
)
def test_a_senseless_answer_is_refused_whole_and_the_last_state_stands(
    loader: PostgresLoader, query: Query, body: bytes, reason: str
) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    outcome = loader.load(answer(body, 2, etag='"bad"'))
    assert outcome.outcome == "refused"
    assert outcome.reason is not None
    assert outcome.reason.startswith(reason)
    assert query("SELECT is_retired FROM parking.sensors") == [(False,)]
    assert loader.last_etag(SENSORS.dataset) == '"bad"'


def test_an_answer_whose_every_record_contradicts_is_refused_whole(
    loader: PostgresLoader, query: Query
) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    loader.load(answer([sensor(1, 2, changed=-70)], 2))
    assert polls(query)[-1] == ("refused", "every record was rejected", '"2"', 1, 0, 1)
    assert query("SELECT heard_at FROM parking.sensors") == [(None,)]


def test_an_answer_older_than_the_newest_accepted_is_refused_whole(
    loader: PostgresLoader, query: Query
) -> None:
    loader.load(answer([sensor(1, 10)], 10))
    loader.load(answer([sensor(1, 8), sensor(2, 8)], 8))
    outcome, reason, etag, *_ = polls(query)[-1]
    assert (outcome, reason, etag) == ("refused", "older than the poll of 2025-08-07T00:10:00Z", '"8"')
    assert query("SELECT count(*) FROM parking.sensors") == [(1,)]


def test_a_refused_answer_does_not_make_the_next_one_old(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer(b"[]", 10))
    assert loader.load(answer([sensor(1, 8)], 8)).outcome == "accepted"


def test_datasets_do_not_age_each_other(loader: PostgresLoader, query: Query) -> None:
    segment = {"parkingzone": 1, "segment_id": 2, "onstreet": "A", "streetfrom": "B", "streetto": "C"}
    loader.load(answer([sensor(1, 10)], 10))
    dataset = "parking-zones-linked-to-street-segments"
    assert loader.load(answer([segment], 0, dataset)).outcome == "accepted"
    assert loader.last_etag(dataset) == '"0"'
    assert loader.last_etag(SENSORS.dataset) == '"10"'


def test_a_failed_attempt_leaves_a_row_and_the_last_etag(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    number = loader.record_failure(SENSORS.dataset, "it did not answer", at(2), at(3))
    assert query("SELECT outcome FROM parking.polls WHERE poll_id = %s", number) == [("failed",)]
    assert polls(query)[-1] == ("failed", "it did not answer", None, None, None, None)
    assert loader.last_etag(SENSORS.dataset) == '"0"'


def test_before_the_first_poll_there_is_no_etag(loader: PostgresLoader) -> None:
    assert loader.last_etag(SENSORS.dataset) is None


def test_a_refused_record_is_kept_with_its_reason_and_payload(loader: PostgresLoader, query: Query) -> None:
    bad = sensor(2, 0) | {"status_description": "Unknown", "note": "a\x00b"}
    loader.load(answer([sensor(1, 0), bad, 17], 0))
    rows = query(
        "SELECT poll_id, step, reason, record_key, payload FROM parking.rejected_records ORDER BY rejected_id"
    )
    ((poll_id,),) = query("SELECT poll_id FROM parking.polls")
    assert rows == [
        (poll_id, "parse", "unknown_status", "2", bad | {"note": "a\N{REPLACEMENT CHARACTER}b"}),
        (poll_id, "parse", "not_an_object", None, 17),
    ]


def test_a_polls_row_counts_its_records(loader: PostgresLoader, query: Query) -> None:
    records = [sensor(1, 0), sensor(1, 0), sensor(2, 0, zone=None), {}]
    loader.load(answer(records, 0))
    assert query(
        "SELECT outcome, observed_at, feed_updated_at, body_bytes, records, kept, changed, rejected, origin"
        " FROM parking.polls"
    ) == [("accepted", at(0), at(0), len(orjson.dumps(records)), 4, 2, 2, 2, "live")]


def test_a_poll_is_one_transaction(loader: PostgresLoader, query: Query) -> None:
    loader.load(answer([sensor(1, 0), sensor(2, -100)], 0))
    loader.load(answer([sensor(1, 20, changed=19), sensor(3, 20), 17], 20))
    ((writers,),) = query(
        "SELECT count(DISTINCT xmin::text) FROM ("
        " SELECT xmin FROM parking.polls WHERE outcome = 'accepted' AND observed_at = %s"
        " UNION ALL SELECT xmin FROM parking.sensors WHERE observed_at = %s"
        " UNION ALL SELECT xmin FROM parking.sensor_events WHERE observed_at = %s"
        " UNION ALL SELECT xmin FROM parking.sensor_states WHERE observed_at = %s"
        " UNION ALL SELECT xmin FROM parking.feed_outages"
        " UNION ALL SELECT xmin FROM parking.rejected_records) AS written",
        *[at(20)] * 4,
    )
    assert writers == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [(psycopg.errors.AdminShutdown, RetryableError), (psycopg.errors.NumericValueOutOfRange, RefusedError)],
)
def test_an_answer_that_postgres_does_not_take_leaves_nothing(
    loader: PostgresLoader,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
    error: type[psycopg.Error],
    kind: type[MelParkError],
) -> None:
    add_poll = poll_rows.add_poll

    def break_off(*arguments: Any) -> None:
        add_poll(*arguments)
        raise error("the end")

    monkeypatch.setattr(poll_rows, "add_poll", break_off)
    with pytest.raises(kind, match="the end"):
        loader.load(answer([sensor(1, 0)], 0))
    assert polls(query) == query("SELECT 1 FROM parking.sensors") == []
    monkeypatch.undo()
    assert loader.load(answer([sensor(1, 0)], 0)).outcome == "accepted"


def test_a_second_poller_is_told_to_stop(
    postgres: Settings, loader: PostgresLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_loader, "LOCK_TIMEOUT", "50ms")
    loader.last_etag(SENSORS.dataset)
    second = PostgresLoader(postgres)
    with pytest.raises(StopError, match="Another poller is running"):
        second.last_etag(SENSORS.dataset)
    loader.close()
    assert second.last_etag(SENSORS.dataset) is None
    second.close()


def test_a_loader_whose_session_was_ended_opens_another(
    postgres: Settings, loader: PostgresLoader, query: Query
) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    with connect(postgres, SUPERUSER) as connection:
        end_sessions(connection)
    with pytest.raises(RetryableError, match="PostgreSQL"):
        loader.load(answer([sensor(1, 2)], 2))
    assert loader.load(answer([sensor(1, 2)], 2)).outcome == "accepted"


def test_a_full_disk_leaves_nothing_of_a_poll_which_is_loaded_when_there_is_space(
    postgres: Settings, loader: PostgresLoader, query: Query
) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    with connect(postgres, SUPERUSER) as connection, without_space(connection):
        # Not an answer to give up: the poller tries it again until it is taken.
        with pytest.raises(RetryableError, match="No space left on device"):
            loader.load(answer([sensor(1, 2), sensor(2, 2)], 2))
        assert query("SELECT count(*) FROM parking.sensor_events") == [(1,)]
    assert loader.load(answer([sensor(1, 2), sensor(2, 2)], 2)).outcome == "accepted"
    assert query("SELECT count(*) FROM parking.sensor_events") == [(2,)]
    assert len(polls(query)) == 2


@contextmanager
def without_space(connection: Connection[TupleRow]) -> Iterator[None]:
    """Every new poll row is answered as PostgreSQL answers when it cannot extend a file."""
    connection.execute(
        """
        CREATE FUNCTION public.no_space() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE disk_full USING MESSAGE = 'could not extend file "base/5/1": No space left on device';
        END $$;
        CREATE TRIGGER no_space BEFORE INSERT ON parking.polls EXECUTE FUNCTION public.no_space()
        """
    )
    try:
        yield
    finally:
        connection.execute("DROP FUNCTION public.no_space CASCADE")


def end_sessions(connection: Connection[TupleRow]) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'melpark ingest'"
    )
