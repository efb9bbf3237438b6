"""Roles, rights and migrations on a real PostgreSQL."""

from pathlib import Path

import psycopg
import pytest

from melpark import secrets
from melpark.errors import RetryableError
from melpark.ingestion.bootstrap import create_roles_and_database
from melpark.ingestion.database import connect
from melpark.ingestion.migrate import MIGRATIONS, migrate
from melpark.places import CAPTURE_ROLE, LOADER_ROLE, OWNER_ROLE, PUBLICATION, READER_ROLE, Home
from melpark.settings import Settings
from plugins.ports import free_port

ALL = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))


def test_migrations_apply_once(empty_postgres: Settings) -> None:
    create_roles_and_database(empty_postgres)
    assert migrate(empty_postgres) == ALL
    create_roles_and_database(empty_postgres)
    assert migrate(empty_postgres) == []


def test_a_migration_that_was_killed_before_its_note_applies_again(empty_postgres: Settings) -> None:
    create_roles_and_database(empty_postgres)
    migrate(empty_postgres)
    with connect(empty_postgres, OWNER_ROLE) as connection:
        connection.execute("DELETE FROM _yoyo_migration")
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
    assert migrate(empty_postgres) == ALL


def test_a_changed_password_is_set_again(postgres: Settings) -> None:
    with connect(postgres, OWNER_ROLE) as connection:
        connection.execute(f"ALTER ROLE {OWNER_ROLE} PASSWORD 'another'")
    with pytest.raises(RetryableError, match="password authentication failed"):
        connect(postgres, OWNER_ROLE)
    create_roles_and_database(postgres)
    connect(postgres, OWNER_ROLE).close()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (LOADER_ROLE, "DELETE FROM parking.sensor_events"),
        (LOADER_ROLE, "CREATE TABLE parking.mine (a int)"),
        (LOADER_ROLE, "CREATE TABLE public.mine (a int)"),
        (LOADER_ROLE, "CREATE SCHEMA mine"),
        (CAPTURE_ROLE, "INSERT INTO parking.feed_outages VALUES (now(), now() + '1 s', now(), 'live')"),
        (CAPTURE_ROLE, "UPDATE parking_capture.signals SET type = 'log'"),
        (CAPTURE_ROLE, "DELETE FROM parking_capture.heartbeat"),
        (CAPTURE_ROLE, "INSERT INTO parking_capture.gaps (kind, detail) VALUES ('slot_lost', '')"),
        (CAPTURE_ROLE, "CREATE PUBLICATION mine FOR TABLE parking.sensors"),
        (CAPTURE_ROLE, "CREATE TEMPORARY TABLE mine (a int)"),
        (READER_ROLE, "INSERT INTO parking.feed_outages VALUES (now(), now() + '1 s', now(), 'live')"),
        (READER_ROLE, "INSERT INTO parking_capture.signals VALUES ('1', 'execute-snapshot')"),
        (READER_ROLE, "CREATE TEMPORARY TABLE mine (a int)"),
        (CAPTURE_ROLE, "SELECT * FROM parking.rejected_records"),
    ],
)
def test_a_role_may_not_do_anothers_work(postgres: Settings, role: str, statement: str) -> None:
    with connect(postgres, role) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement.encode())
    assert caught.value.sqlstate in ("42501", "25006")


def test_the_capture_role_can_read_and_replicate(postgres: Settings) -> None:
    with connect(postgres, CAPTURE_ROLE) as connection:
        connection.execute("SELECT * FROM parking.sensors")
        slot = "SELECT pg_create_logical_replication_slot('test', 'pgoutput', true)"
        connection.execute(slot)
        names = connection.execute(
            "SELECT tablename FROM pg_publication_tables WHERE pubname = %s", [PUBLICATION]
        ).fetchall()
    assert ("sensors",) in names
    assert ("rejected_records",) not in names


def test_the_capture_role_may_write_its_signals_and_its_heartbeat(postgres: Settings) -> None:
    with connect(postgres, CAPTURE_ROLE) as connection:
        for statement in (
            "INSERT INTO parking_capture.signals VALUES ('1', 'snapshot-window-open')",
            "DELETE FROM parking_capture.signals WHERE id = '1'",
            "INSERT INTO parking_capture.heartbeat VALUES (1, now())",
            "UPDATE parking_capture.heartbeat SET beat_at = now()",
        ):
            assert connection.execute(statement.encode()).rowcount == 1


def test_the_reader_only_reads_unless_it_asks_otherwise(postgres: Settings) -> None:
    with connect(postgres, READER_ROLE) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        connection.execute("SELECT * FROM parking.rejected_records")


def test_sessions_speak_utc_and_say_who_they_are(postgres: Settings) -> None:
    with connect(postgres, application_name="melpark test") as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        assert connection.execute("SHOW application_name").fetchone() == ("melpark test",)


def test_a_postgres_that_is_away_is_a_clear_error_without_the_password(tmp_path: Path) -> None:
    secrets.ensure(Home(tmp_path))
    settings = Settings(home=tmp_path, postgres_port=free_port())
    with pytest.raises(RetryableError, match=f"127.0.0.1:{settings.postgres_port}") as caught:
        connect(settings)
    assert secrets.password(tmp_path, LOADER_ROLE) not in str(caught.value)
