"""Read-only SQL over every table of the lake, by DuckDB in this process; Spark need not run."""

import logging
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from melpark.errors import ConfigurationError, StopError
from melpark.places import Home
from melpark.processing.catalogue import on_disk
from melpark.settings import Settings

log = logging.getLogger(__name__)

READS = frozenset({duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN})
# DuckDB's own would name the views' sources.
TABLES = (
    "SELECT table_schema AS layer, table_name AS name FROM information_schema.tables "
    "WHERE table_schema IN ('bronze', 'silver', 'gold') ORDER BY ALL"
)
# A statement sees nothing but the tables, and cannot change that.
LOCKED = (
    "SET TimeZone = 'UTC'",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET lock_configuration = true",
)


def sql(settings: Settings, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one statement over `bronze.*`, `silver.*` and `gold.*`; times are UTC.

    Raises ConfigurationError when it does not read or names what is not there.
    """
    with connect(Home(settings.home.resolve())) as connection:
        if statement.strip().rstrip(";").lower() == "show tables":
            statement = TABLES
        try:
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
        except duckdb.Error as error:
            raise ConfigurationError("The query failed", str(error)) from None


def connect(home: Home) -> duckdb.DuckDBPyConnection:
    """A connection in memory with one view per table of the lake, each at its newest version.

    Raises StopError when the home has no tables.
    """
    connection = duckdb.connect()
    is_empty = True
    for database, path in on_disk(home):
        try:
            dataset = DeltaTable(path).to_pyarrow_dataset()
        except DeltaError as error:
            log.warning("%s.%s cannot be read: %s", database, path.name, error)
            continue
        registered = f"{database}_{path.name}"
        connection.register(registered, dataset)
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
        connection.execute(f'CREATE VIEW "{database}"."{path.name}" AS SELECT * FROM "{registered}"')
        is_empty = False
    if is_empty:
        raise StopError(
            f"{home.lake} holds no tables", "this home was never started", "Run `melpark up` first"
        )
    for setting in LOCKED:
        connection.execute(setting)
    return connection
