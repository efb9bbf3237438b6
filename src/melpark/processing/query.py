"""Read-only SQL over every table of the lake and every report, by DuckDB in this process; Spark need not run."""

import logging
from typing import Any

import duckdb
from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError
from deltalake.schema import PrimitiveType

from melpark.errors import ConfigurationError, StopError
from melpark.places import Home
from melpark.processing import reports
from melpark.processing.catalogue import on_disk
from melpark.settings import Settings

log = logging.getLogger(__name__)

TIMESTAMP = PrimitiveType("timestamp")
DATE = PrimitiveType("date")
# Where a statement asks for the tables themselves.
OF_THE_CATALOGUE = ("information_schema", "duckdb_", "pg_", "show ")
READS = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})
# DuckDB's own would name the views' sources.
TABLES = (
    "SELECT table_schema AS layer, table_name AS name FROM information_schema.tables "
    "WHERE table_schema IN ('bronze', 'silver', 'gold') ORDER BY ALL"
)
# A statement sees nothing but the lake's files, and cannot change that.
LOCKED = (
    "SET TimeZone = 'UTC'",
    "SET allowed_directories = ['{lake}']",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET lock_configuration = true",
)


def sql(settings: Settings, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one statement over `bronze.*`, `silver.*` and `gold.*`; times are UTC.

    Raises ConfigurationError when it does not read or names what is not there.
    """
    if statement.strip().rstrip(";").lower() == "show tables":
        statement = TABLES
    home = Home(settings.home.resolve())
    try:
        try:
            return _ask(home, statement, of=statement)
        except duckdb.CatalogException:
            # With every table at hand DuckDB says which one may be meant.
            return _ask(home, statement)
    except duckdb.Error as error:
        raise ConfigurationError("The query failed", str(error)) from None


def _ask(home: Home, statement: str, of: str | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connect(home, of=of) as connection:
        statements = connection.extract_statements(statement)
        if len(statements) != 1:
            raise ConfigurationError(
                "One statement at a time", f"{len(statements)} were given", "Run them one by one"
            )
        if statements[0].type not in READS:
            raise ConfigurationError(
                "The lake is read-only here",
                f"{statements[0].type.name} is not a query",
                "Change dbt_gold and run `melpark gold`, or use Spark",
            )
        result = connection.execute(statements[0])
        return [column[0] for column in result.description or ()], result.fetchall()


def connect(home: Home, memory_limit: str | None = None, of: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection in memory with the views of `add_views`, which sees nothing else.

    `memory_limit` is DuckDB's, such as 512MB. Raises StopError when the home has no tables.
    """
    connection = duckdb.connect(config={"memory_limit": memory_limit} if memory_limit else {})
    add_views(connection, home, of)
    lock(connection, home)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """From here on the connection reads the lake's files and nothing else, and nobody can change that."""
    for setting in LOCKED:
        connection.execute(setting.format(lake=str(home.lake).replace("'", "''")))


def add_views(connection: duckdb.DuckDBPyConnection, home: Home, of: str | None = None) -> None:
    """A view per table of the lake, each at its newest version, and per report whose tables are there.

    With `of`, a statement, only those that it may name have their view: making one opens every file of the table.
    Raises StopError when the home has no tables.
    """
    named = {name: query for name, query in reports.queries().items() if of is None or _may_name(of, name)}
    statements = None if of is None else " ".join([of, *named.values()])
    is_empty = True
    for database, path in on_disk(home):
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        if statements is not None and not _may_name(statements, path.name):
            is_empty = False
            continue
        try:
            add_view(connection, f'"{database}"."{path.name}"', DeltaTable(path), database == "gold")
        except (DeltaError, duckdb.Error) as error:
            log.warning("%s.%s cannot be read: %s", database, path.name, error)
            continue
        is_empty = False
    if is_empty:
        raise StopError(
            f"{home.lake} holds no tables", "this home was never started", "Run `melpark up` first"
        )
    for name, query in named.items():
        try:
            connection.execute(f"CREATE VIEW gold.{name} AS {query}")
        except duckdb.CatalogException:
            # Without its tables there is no report yet.
            continue
        except duckdb.Error as error:
            log.warning("gold.%s cannot be read: %s", name, error)


def _may_name(statement: str, table: str) -> bool:
    text = statement.lower()
    return table.lower() in text or any(word in text for word in OF_THE_CATALOGUE)


def add_view(
    connection: duckdb.DuckDBPyConnection, name: str, table: DeltaTable, has_one_schema: bool = False
) -> None:
    """A view of the files of the table's newest version, read by DuckDB itself.

    With `has_one_schema` only one file is asked for its columns, at every question, and not each of a year's days.
    Gold's tables have one: with another column the whole table is made anew.

    Scanning through pyarrow instead crashed the interpreter at its end when a LIMIT left a scan unfinished.
    """
    files = table.file_uris()
    if not files:
        # What is registered only the connection itself sees, and none of its cursors.
        connection.register("nothing", table.to_pyarrow_table())
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM nothing")
        connection.unregister("nothing")
        return
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    options = f"union_by_name = {not has_one_schema}, hive_partitioning = true, hive_types_autocast = false"
    source = f"read_parquet([{quoted}], {options})"
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    shown = (_shown(field, present) for field in table.schema().fields)
    connection.execute(f"CREATE VIEW {name} AS SELECT {', '.join(shown)} FROM {source}")


def _shown(field: Field, present: set[str]) -> str:
    if field.name not in present:
        # A column that was added after the newest file was written is in no file yet.
        return f'NULL AS "{field.name}"'
    if field.type == DATE:
        # Of a column by which the table is laid out, the folders' names hold the days as text.
        return f'CAST("{field.name}" AS DATE) AS "{field.name}"'
    if field.type == TIMESTAMP:
        # Files of before may hold times as INT96, which says nothing of the zone; Delta's are UTC.
        return f'CAST("{field.name}" AS TIMESTAMPTZ) AS "{field.name}"'
    return f'"{field.name}"'
