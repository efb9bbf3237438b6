"""Rows on their way from Python to PostgreSQL: temporary tables that last for a session, emptied by COMMIT."""

from collections.abc import Iterable, Sequence

import orjson
from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import Column, Type


def create(cursor: Cursor[TupleRow], name: str, columns: Sequence[Column]) -> None:
    """Make the temporary table once per session. Nothing in it outlives the transaction."""
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type.value)) for column in columns
    )
    statement = sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {} ({}) ON COMMIT DELETE ROWS")
    cursor.execute(statement.format(sql.Identifier(name), definitions))


def copy(
    cursor: Cursor[TupleRow],
    table: sql.Composable,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
) -> None:
    """Append rows, each in the order of `columns`; values of JSON columns are Python objects."""
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    json_places = [place for place, column in enumerate(columns) if column.type is Type.JSON]
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(table, names)) as stream:
        for row in rows:
            values = list(row)
            for place in json_places:
                # Where there must be a value, None is the JSON null.
                is_absent = values[place] is None and columns[place].nullable
                values[place] = None if is_absent else json_text(values[place])
            stream.write_row(values)


def json_text(value: object) -> str:
    """JSON that PostgreSQL takes: it has no character NUL."""
    encoded = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    if "\\u0000" in encoded:
        return orjson.dumps(_without_nul(value), option=orjson.OPT_NON_STR_KEYS).decode()
    return encoded


def _without_nul(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
