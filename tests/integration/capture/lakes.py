"""A lake that was given PostgreSQL's own rows, without Spark."""

from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from psycopg.rows import dict_row

from melpark.contracts import Table, Type
from melpark.ingestion.database import connect
from melpark.places import SUPERUSER, Home
from melpark.settings import Settings

ARROW = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int32(),
    Type.BIGINT: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.TIMESTAMP: pa.timestamp("us", "UTC"),
    Type.DATE: pa.date32(),
    Type.JSON: pa.string(),
}
Row = dict[str, Any]


def rows_of(settings: Settings, table: Table) -> list[Row]:
    """PostgreSQL's rows as the lake's types want them."""
    texts = [column.name for column in table.columns if column.type is Type.JSON]
    columns = ", ".join(f"{name}::text" if name in texts else name for name in table.column_names)
    with connect(settings, SUPERUSER) as session, session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT {columns} FROM parking.{table.name}".encode()).fetchall()


def write(settings: Settings, table: Table, rows: list[Row], mode: Any = "append") -> None:
    path = Home(settings.home).silver(table.name)
    write_deltalake(path, pa.Table.from_pylist(rows, schema=arrow_schema(table)), mode=mode)


def arrow_schema(table: Table) -> pa.Schema:
    return pa.schema([(column.name, ARROW[column.type]) for column in table.columns])
