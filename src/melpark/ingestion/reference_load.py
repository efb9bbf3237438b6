"""Reference tables: insert what is new, update what differs, retire what is gone. Driven by the contract."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import Column, Table
from melpark.ingestion.staged_answer import seen
from melpark.places import SCHEMA

COMPUTED = ("is_retired", "observed_at")


def load_reference(
    cursor: Cursor[TupleRow],
    table: Table,
    refused_keys: Sequence[str],
    refused_beginnings: Sequence[str],
    observed_at: datetime,
) -> int:
    """Bring `table` to the staged rows of the answer and return the number of rows written.

    A row whose record was refused stays as it is: its natural key joined by colons is in `refused_keys`, or begins
    with one of `refused_beginnings`, of records whose key is not certain.
    """
    columns = staged_columns(table)
    stage = seen(table)
    parameters = {
        "observed_at": observed_at,
        "refused_keys": list(refused_keys),
        "refused_beginnings": list(refused_beginnings),
    }
    changed = 0
    for statement in (_update(table, columns, stage), _insert(table, columns, stage), _retire(table, stage)):
        changed += cursor.execute(statement, parameters).rowcount
    return changed


def staged_columns(table: Table) -> list[Column]:
    """What an answer tells of a row."""
    return [column for column in table.columns if column.name not in COMPUTED]


def _insert(table: Table, columns: Sequence[Column], stage: str) -> sql.Composed:
    return sql.SQL(
        """
        INSERT INTO {table} ({columns}, is_retired, observed_at)
        SELECT {seen_columns}, false, %(observed_at)s
        FROM {stage} AS seen
        WHERE NOT EXISTS (SELECT FROM {table} AS known WHERE {same_key})
        """
    ).format(
        table=_name(table),
        columns=_list(None, columns),
        seen_columns=_list("seen", columns),
        stage=sql.Identifier(stage),
        same_key=_same_key(table),
    )


def _update(table: Table, columns: Sequence[Column], stage: str) -> sql.Composed:
    rest = [column for column in columns if column.name not in table.key]
    return sql.SQL(
        """
        UPDATE {table} AS known
        SET ({columns}, is_retired, observed_at) = ROW ({seen_columns}, false, %(observed_at)s)
        FROM {stage} AS seen
        WHERE {same_key}
            AND (known.is_retired OR ROW ({known_columns}) IS DISTINCT FROM ROW ({seen_columns}))
        """
    ).format(
        table=_name(table),
        columns=_list(None, rest),
        seen_columns=_list("seen", rest),
        known_columns=_list("known", rest),
        stage=sql.Identifier(stage),
        same_key=_same_key(table),
    )


def _retire(table: Table, stage: str) -> sql.Composed:
    key = [column for column in table.columns if column.name in table.key]
    return sql.SQL(
        """
        UPDATE {table} AS known
        SET is_retired = true, observed_at = %(observed_at)s
        WHERE NOT known.is_retired
            AND NOT EXISTS (SELECT FROM {stage} AS seen WHERE {same_key})
            AND concat_ws(':', {key}) <> ALL (%(refused_keys)s::text[])
            AND NOT EXISTS (
                SELECT FROM unnest(%(refused_beginnings)s::text[]) AS refused (beginning)
                WHERE starts_with(concat_ws(':', {key}), beginning)
            )
        """
    ).format(
        table=_name(table),
        stage=sql.Identifier(stage),
        same_key=_same_key(table),
        key=_list("known", key),
    )


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(SCHEMA, table.name)


def _list(alias: str | None, columns: Sequence[Column]) -> sql.Composed:
    prefix = (alias,) if alias else ()
    return sql.SQL(", ").join(sql.Identifier(*prefix, column.name) for column in columns)


def _same_key(table: Table) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("known.{0} = seen.{0}").format(sql.Identifier(name)) for name in table.key
    )
