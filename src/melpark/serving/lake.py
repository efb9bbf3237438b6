"""History for the answers: read-only SQL over silver and gold by DuckDB, at versions of the tables that can be held.

An answer names the versions that it was read at. Given back with the next page's question, they make the pages
of one listing show one state, whatever is committed meanwhile.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from melpark.errors import ConfigurationError, RetryableError
from melpark.places import Home
from melpark.processing import query
from melpark.processing.catalogue import committed_at
from melpark.settings import Settings

NAMED = re.compile(r"\b(silver|gold)\.([a-z_0-9]+)")
MEMORY_LIMIT = "512MB"
REMEMBERED = 16

Versions = Mapping[str, int]


class NotThereYetError(RetryableError):
    """A table is not built yet; the same question may be answered after the next build."""


class VersionGoneError(ConfigurationError):
    """The version of a table that a page was read at is no longer kept."""


@dataclass(frozen=True)
class Answer:
    """Rows of one statement, times in UTC, and the versions by table (`gold.fact_x`) they were read at."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    versions: Versions

    def records(self) -> list[dict[str, Any]]:
        """Each row by its columns' names."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Lake:
    """Tables of silver and gold as views of one version each. Threads may call it."""

    def __init__(self, settings: Settings) -> None:
        self._home = Home(settings.home.resolve())
        self._lock = threading.Lock()
        self._newest: dict[str, tuple[int, int]] = {}
        self._opened: OrderedDict[tuple[tuple[str, int], ...], duckdb.DuckDBPyConnection] = OrderedDict()

    def rows(
        self, statement: str, parameters: Sequence[Any] = (), versions: Versions | None = None
    ) -> Answer:
        """The answer to one statement of ours over `silver.*` and `gold.*`; what users give goes into `parameters`.

        `versions` are those of an earlier answer; without them the newest are read. Raises NotThereYetError when a
        table that the statement names is not built, VersionGoneError when a version is no longer kept.
        """
        held = versions or {}
        tables = sorted({".".join(found) for found in NAMED.findall(statement)})
        wanted = tuple((table, held[table] if table in held else self._version(table)) for table in tables)
        with self._open(wanted) as cursor:
            try:
                result = cursor.execute(statement, list(parameters))
                columns = tuple(column[0] for column in result.description or ())
                return Answer(columns, result.fetchall(), dict(wanted))
            except duckdb.IOException as error:
                raise _gone(wanted, error) from None

    def versions(self, *tables: str) -> dict[str, int]:
        """The newest version of each table, such as `gold.dim_bays`. Raises NotThereYetError as `rows` does."""
        return {table: self._version(table) for table in tables}

    def _version(self, table: str) -> int:
        """By the log's folder it is known, without reading it, that nothing was committed since the last look."""
        path = self._path(table)
        changed_at = committed_at(path)
        if changed_at is None:
            raise NotThereYetError(
                f"{table} is not built yet", remedy="It will be after the next build of gold"
            )
        known = self._newest.get(table)
        if known is None or known[0] != changed_at:
            known = changed_at, _table(path, table).version()
            self._newest[table] = known
        return known[1]

    def _open(self, wanted: tuple[tuple[str, int], ...]) -> duckdb.DuckDBPyConnection:
        with self._lock:
            connection = self._opened.get(wanted)
            if connection is None:
                connection = self._opened[wanted] = self._connect(wanted)
                while len(self._opened) > REMEMBERED:
                    # Not closed: a cursor of another thread may still read by it; it ends with its last cursor.
                    self._opened.popitem(last=False)
            self._opened.move_to_end(wanted)
            return connection.cursor()

    def _connect(self, wanted: tuple[tuple[str, int], ...]) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT})
        for schema in ("silver", "gold"):
            connection.execute(f"CREATE SCHEMA {schema}")
        for table, version in wanted:
            try:
                held = _table(self._path(table), table, version)
                query.add_view(connection, table, held, table.startswith("gold."))
            except (DeltaError, duckdb.IOException) as error:
                raise _gone(wanted, error) from None
        query.lock(connection, self._home)
        return connection

    def _path(self, table: str) -> Path:
        layer, _, name = table.partition(".")
        return self._home.lake / layer / name


def _table(path: Path, name: str, version: int | None = None) -> DeltaTable:
    try:
        return DeltaTable(path, version=version)
    except TableNotFoundError:
        raise NotThereYetError(
            f"{name} is not built yet", remedy="It will be after the next build of gold"
        ) from None


def _gone(wanted: tuple[tuple[str, int], ...], error: Exception) -> VersionGoneError:
    named = ", ".join(f"{table} {version}" for table, version in wanted)
    return VersionGoneError(
        f"A version is no longer kept ({named})", str(error).splitlines()[0], "Ask again from the first page"
    )
