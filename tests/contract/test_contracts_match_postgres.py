"""The contracts and the migrated database say the same, both ways."""

from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from melpark.contracts import CAPTURED, TABLES
from melpark.places import HEARTBEAT, PUBLICATION, SCHEMA, SIGNALS

Session = Connection[TupleRow]


def rows(session: Session, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    return session.execute(statement.encode(), parameters).fetchall()


def test_tables_are_those_of_the_contracts(loader_session: Session) -> None:
    stored = rows(
        loader_session,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
        SCHEMA,
    )
    assert {name for (name,) in stored} == {table.name for table in TABLES}


def test_columns_have_the_contracts_order_type_and_nullability(loader_session: Session) -> None:
    stored = rows(
        loader_session,
        "SELECT table_name, column_name, data_type, is_nullable = 'YES' FROM information_schema.columns"
        " WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        SCHEMA,
    )
    expected = [
        (table.name, column.name, column.type.value, column.nullable)
        for table in sorted(TABLES, key=lambda table: table.name)
        for column in table.columns
    ]
    assert stored == expected


def test_primary_keys_are_the_contracts(loader_session: Session) -> None:
    stored = rows(
        loader_session,
        "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)"
        " FROM information_schema.table_constraints"
        " JOIN information_schema.key_column_usage USING (constraint_schema, constraint_name, table_name)"
        " WHERE constraint_type = 'PRIMARY KEY' AND constraint_schema = %s GROUP BY table_name",
        SCHEMA,
    )
    assert dict(stored) == {table.name: list(table.key) for table in TABLES}


def test_the_publication_holds_what_is_captured_and_what_capture_needs_itself(
    loader_session: Session,
) -> None:
    stored = rows(
        loader_session,
        "SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = %s",
        PUBLICATION,
    )
    own = {tuple(name.split(".")) for name in (SIGNALS, HEARTBEAT)}
    assert set(stored) == {(SCHEMA, table.name) for table in CAPTURED} | own


def test_captured_tables_send_whole_before_images(loader_session: Session) -> None:
    stored = rows(
        loader_session,
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE nspname = %s AND relkind IN ('r', 'p') AND relreplident = 'f'",
        SCHEMA,
    )
    assert {name for (name,) in stored} == {table.name for table in CAPTURED}
