"""Sessions of PostgreSQL."""

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from melpark import secrets
from melpark.errors import RetryableError
from melpark.places import DATABASE, LOADER_ROLE
from melpark.settings import Settings

CONNECT_TIMEOUT_SECONDS = 5


def connect(
    settings: Settings,
    role: str = LOADER_ROLE,
    *,
    database: str = DATABASE,
    application_name: str = "melpark",
) -> Connection[TupleRow]:
    """Open an autocommit session in UTC.

    Raises RetryableError when PostgreSQL does not let us in (away, starting, wrong password), and StopError
    when the home holds no passwords. No message holds a password.
    """
    password = secrets.password(settings.home, role)
    try:
        return psycopg.connect(
            host=settings.postgres_host,
            port=settings.postgres_port,
            dbname=database,
            user=role,
            password=password,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name=application_name,
            options="-c timezone=UTC",
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        where = f"{settings.postgres_host}:{settings.postgres_port}"
        raise RetryableError(
            f"PostgreSQL on {where} does not let {role} into {database}",
            first_line(error).replace(password, "***"),
            "Look at `melpark status` and `melpark logs postgres`",
        ) from None


def first_line(error: Exception) -> str:
    """What PostgreSQL said, without its hints and positions."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
