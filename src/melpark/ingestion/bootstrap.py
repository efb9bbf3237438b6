"""Database and roles on a PostgreSQL of our own; a managed one comes with them."""

from psycopg import Connection, sql
from psycopg.rows import TupleRow

from melpark import secrets
from melpark.ingestion.database import connect
from melpark.places import CAPTURE_ROLE, DATABASE, LOADER_ROLE, OWNER_ROLE, READER_ROLE, SUPERUSER
from melpark.settings import Settings

MAINTENANCE_DATABASE = "postgres"
ATTRIBUTES = {
    OWNER_ROLE: "LOGIN",
    LOADER_ROLE: "LOGIN",
    CAPTURE_ROLE: "LOGIN REPLICATION",
    READER_ROLE: "LOGIN",
}


def create_roles_and_database(settings: Settings) -> None:
    """Make roles, their passwords, the database and its rights; a second call only sets them again.

    Raises RetryableError when PostgreSQL does not answer.
    """
    with connect(settings, SUPERUSER, database=MAINTENANCE_DATABASE) as connection:
        for role, attributes in ATTRIBUTES.items():
            _set_role(connection, role, attributes, secrets.password(settings.home, role))
        _create_database(connection)
        _set_rights(connection)
    with connect(settings, SUPERUSER) as connection:
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")


def _set_role(connection: Connection[TupleRow], role: str, attributes: str, password: str) -> None:
    # Hashed here, for PostgreSQL may write statements to its log.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    connection.execute(
        sql.SQL("{verb} ROLE {role} {attributes} PASSWORD {verifier}").format(
            verb=sql.SQL("ALTER" if exists else "CREATE"),
            role=sql.Identifier(role),
            attributes=sql.SQL(attributes),
            verifier=sql.Literal(verifier.decode()),
        )
    )


def _create_database(connection: Connection[TupleRow]) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        return
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE))
    )


def _set_rights(connection: Connection[TupleRow]) -> None:
    database, loader, reader = map(sql.Identifier, (DATABASE, LOADER_ROLE, READER_ROLE))
    guests = sql.SQL(", ").join(map(sql.Identifier, (LOADER_ROLE, CAPTURE_ROLE, READER_ROLE)))
    maintenance = sql.Identifier(MAINTENANCE_DATABASE)
    for statement in (
        sql.SQL("REVOKE ALL ON DATABASE {}, {} FROM PUBLIC").format(database, maintenance),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, guests),
        # Polls are staged in temporary tables.
        sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, loader),
        sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(reader),
    ):
        connection.execute(statement)
