"""Versioned SQL, applied in order and once."""

from pathlib import Path
from urllib.parse import quote

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.exceptions import BadMigration, MigrationConflict

from melpark import secrets
from melpark.errors import StopError
from melpark.ingestion.database import connect, first_line
from melpark.places import DATABASE, OWNER_ROLE
from melpark.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x6D656C6D6967


def migrate(settings: Settings) -> list[str]:
    """Apply what is missing, as the owner of the schema, and return its names.

    Two calls at once run one after the other. Raises RetryableError when PostgreSQL does not answer, StopError
    when a migration fails (it is then rolled back, those before it stand).
    """
    with connect(settings, OWNER_ROLE, application_name="melpark migrate") as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            return _apply(settings)
        except (psycopg.Error, BadMigration, MigrationConflict) as error:
            raise StopError(
                "A migration failed", first_line(error), "It was rolled back; mend the cause and start again"
            ) from None


def _apply(settings: Settings) -> list[str]:
    migrations = read_migrations(str(MIGRATIONS))
    with get_backend(_uri(settings)) as backend:
        # Ours is the lock that ends with its process; yoyo's is a row that outlives a kill.
        backend.break_lock()
        with backend.lock():
            missing = backend.to_apply(migrations)
            backend.apply_migrations(missing)
            return [migration.id for migration in missing]


def _uri(settings: Settings) -> str:
    password = quote(secrets.password(settings.home, OWNER_ROLE), safe="")
    return f"postgresql+psycopg://{OWNER_ROLE}:{password}@{settings.postgres_host}:{settings.postgres_port}/{DATABASE}"
