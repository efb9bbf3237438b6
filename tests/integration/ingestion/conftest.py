"""A loader over a fresh database, and a way to look at what it wrote."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def loader(postgres: Settings) -> Iterator[PostgresLoader]:
    loader = PostgresLoader(postgres)
    yield loader
    loader.close()


@pytest.fixture
def query(loader_session: Connection[TupleRow]) -> Query:
    """Run a query, with parameters, and return its rows."""

    def rows(statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        return loader_session.execute(statement.encode(), parameters).fetchall()

    return rows
