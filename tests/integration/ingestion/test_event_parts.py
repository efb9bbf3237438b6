"""Events lie in parts of a month; a part goes only when silver holds it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from integration.ingestion.made_up_polls import T0, answer, at, sensor
from melpark.errors import RefusedError
from melpark.ingestion.bootstrap import create_roles_and_database
from melpark.ingestion.database import connect
from melpark.ingestion.migrate import MIGRATIONS, migrate
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.ingestion.retention import drop_old_events
from melpark.places import OWNER_ROLE, PUBLICATION, READER_ROLE, SUPERUSER
from melpark.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]
MONTH = 31 * 24 * 60
PARTS = "SELECT relname FROM pg_class WHERE relnamespace = 'parking_parts'::regnamespace AND relkind = 'r' ORDER BY 1"


def parts(query: Query) -> list[str]:
    return [name.removeprefix("sensor_events_") for (name,) in query(PARTS)]


def load(loader: PostgresLoader) -> None:
    """Events of May, July and August 2025, shown by two polls of 7 August."""
    loader.load(answer([sensor(1, 0, changed=-3 * MONTH), sensor(2, 0, changed=-MONTH)], 0))
    loader.load(answer([sensor(1, 2, changed=1), sensor(2, 2, changed=-MONTH)], 2))


def test_the_part_of_a_month_is_made_with_its_first_event(loader: PostgresLoader, query: Query) -> None:
    load(loader)
    assert parts(query) == ["2025_05", "2025_07", "2025_08", "other"]
    assert query("SELECT tableoid::regclass::text FROM parking.sensor_events ORDER BY status_changed_at") == [
        (f"parking_parts.sensor_events_2025_{month}",) for month in ("05", "07", "08")
    ]


def test_a_month_ends_by_utc(loader: PostgresLoader, query: Query) -> None:
    last = (datetime(2025, 8, 1, tzinfo=UTC) - T0) / timedelta(minutes=1)
    loader.load(answer([sensor(1, 0, changed=last), sensor(2, 0, changed=last - 1 / 60)], 0))
    assert parts(query) == ["2025_07", "2025_08", "other"]


def test_an_event_of_a_month_without_part_is_held_all_the_same(
    postgres: Settings, loader: PostgresLoader, query: Query
) -> None:
    with connect(postgres) as session:
        session.execute(
            "INSERT INTO parking.sensor_events VALUES ('9', %s, 'Present', %s, %s, NULL, 'seed')", [at(0)] * 3
        )
    loader.load(answer([sensor(1, 2, changed=1)], 2))
    assert parts(query) == ["other"]
    assert query("SELECT count(*) FROM parking.sensor_events") == [(2,)]


def test_old_parts_are_dropped_when_silver_holds_them(
    postgres: Settings, loader: PostgresLoader, query: Query
) -> None:
    load(loader)
    settings = postgres.model_copy(update={"event_retention_days": 31})
    assert drop_old_events(settings, at(0), at(0)) == ["sensor_events_2025_05"]
    assert query("SELECT count(*) FROM parking.sensor_events") == [(2,)]
    assert drop_old_events(settings, at(0), at(0)) == []
    # The bays are as before, and what is gone does not come again.
    assert loader.load(answer([sensor(1, 4, changed=1), sensor(2, 4, changed=-MONTH)], 4)).changed == 0


@pytest.mark.parametrize("silver", [None, at(-1)])
def test_nothing_is_dropped_that_silver_does_not_hold(
    postgres: Settings, loader: PostgresLoader, query: Query, silver: datetime | None
) -> None:
    load(loader)
    with pytest.raises(RefusedError, match="no event is dropped"):
        drop_old_events(postgres, silver, at(20 * MONTH))
    assert len(parts(query)) == 4


def test_a_part_is_refused_together_with_those_before_it(
    postgres: Settings, loader: PostgresLoader, query: Query
) -> None:
    load(loader)
    with pytest.raises(RefusedError, match="sensor_events_2025_08"):
        drop_old_events(postgres, at(1), at(20 * MONTH))
    assert len(parts(query)) == 4


def test_only_the_loader_may_drop(postgres: Settings) -> None:
    with connect(postgres, READER_ROLE) as session, pytest.raises(psycopg.Error) as caught:
        session.execute("SELECT parking.drop_old_events(now(), now())")
    assert caught.value.sqlstate == "42501"


def test_who_follows_the_log_sees_one_table_and_no_drop(
    postgres: Settings, loader: PostgresLoader, query: Query
) -> None:
    with connect(postgres, SUPERUSER) as watcher:
        watcher.execute("SELECT pg_create_logical_replication_slot('watch', 'pgoutput')")
        try:
            load(loader)
            drop_old_events(postgres.model_copy(update={"event_retention_days": 31}), at(2), at(0))
            messages = [bytes(data) for (data,) in watcher.execute(
                "SELECT data FROM pg_logical_slot_get_binary_changes('watch', NULL, NULL,"
                " 'proto_version', '1', 'publication_names', %s)", [PUBLICATION],
            )]  # fmt: skip
        finally:
            watcher.execute("SELECT pg_drop_replication_slot('watch')")
    names = {message[1:5]: message[5:].split(b"\0")[:2] for message in messages if message[:1] == b"R"}
    written = [names[message[1:5]] for message in messages if message[:1] in (b"I", b"U")]
    assert written.count([b"parking", b"sensor_events"]) == 3
    assert {schema for schema, _ in written} == {b"parking"}
    assert not any(message[:1] in (b"D", b"T") for message in messages)


def test_events_of_a_database_before_the_parts_are_moved(empty_postgres: Settings, tmp_path: Any) -> None:
    create_roles_and_database(empty_postgres)
    first, second = sorted(MIGRATIONS.glob("*.sql"))[:2]
    with connect(empty_postgres, OWNER_ROLE) as owner:
        owner.execute(first.read_bytes())
        rows = [(bay, at(changed), at(0)) for bay, changed in (("1", -3 * MONTH), ("2", -1))]
        for bay, changed, shown in rows:
            owner.execute(
                "INSERT INTO parking.sensor_events VALUES (%s, %s, 'Present', %s, %s, NULL, 'live')",
                [bay, changed, shown, shown],
            )
        for _ in range(2):
            owner.execute(second.read_bytes())
            found = owner.execute(
                "SELECT kerbside_id, status_changed_at, observed_at FROM parking.sensor_events"
            )
            assert sorted(found.fetchall()) == rows
        assert [name for (name,) in owner.execute(PARTS)] == [
            f"sensor_events_{part}" for part in ("2025_05", "2025_08", "other")
        ]
    assert migrate(empty_postgres)


def test_every_part_sends_whole_before_images(loader: PostgresLoader, query: Query) -> None:
    load(loader)
    assert query(
        "SELECT DISTINCT relreplident::text FROM pg_class"
        " WHERE relnamespace = 'parking_parts'::regnamespace AND relkind = 'r'"
    ) == [("f",)]
