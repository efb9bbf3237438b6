"""The two sides of a comparison: the same three questions, asked of PostgreSQL and of silver."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
from psycopg import Connection
from psycopg.rows import TupleRow

from melpark.contracts import POLLS, REFERENCES, SENSORS, Table
from melpark.places import SCHEMA
from melpark.processing.reconcile import digest

# Rows and digest of one range or bucket.
Sum = tuple[int, int]
BUCKET_DIGITS = 2
DATASET_OF = {
    "sensor_events": SENSORS.dataset,
    "sensor_states": SENSORS.dataset,
    "feed_outages": SENSORS.dataset,
    **{table.name: table.dataset for table in REFERENCES},
}


@dataclass(frozen=True)
class Cut:
    """How far both sides are compared: to a poll, and to the `observed_at` of the newest poll of each dataset.

    `observed_at` is empty when PostgreSQL holds no newer poll: then nothing is in flight, and nothing is cut off.
    """

    poll_id: int
    observed_at: dict[str, datetime] = field(default_factory=dict)

    def condition(self, table: Table) -> tuple[str, list[object]]:
        """SQL and values for the rows that both sides could hold. The calendar's rows come with any dataset."""
        if not self.observed_at:
            return "true", []
        if table is POLLS:
            return "poll_id <= %s", [self.poll_id]
        newest = max(self.observed_at.values())
        return "observed_at <= %s", [self.observed_at.get(DATASET_OF.get(table.name, ""), newest)]


class Side(ABC):
    """Rows of one engine; the engines differ in their dialect, their sources and how they are asked."""

    dialect: digest.Dialect

    @abstractmethod
    def ask(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Rows of one query."""

    @abstractmethod
    def source(self, table: Table, condition: str) -> str:
        """What stands behind FROM: the table's present rows under the condition."""

    def spans(self, table: Table, cut: Cut) -> dict[str, Sum]:
        """Rows and digest of each range."""
        return self._sums(table, cut, digest.span(self.dialect, table), "true", [])

    def buckets(self, table: Table, cut: Cut, span: str) -> dict[str, Sum]:
        """Rows and digest of each bucket of one range."""
        grouping = digest.bucket(self.dialect, table, BUCKET_DIGITS)
        return self._sums(table, cut, grouping, f"{digest.span(self.dialect, table)} = %s", [span])

    def rows(self, table: Table, cut: Cut, span: str, buckets: Sequence[str]) -> dict[str, list[int]]:
        """Numbers of the rows of some buckets of one range, by the text of their key: one each, unless doubled."""
        condition, values = cut.condition(table)
        marks = ", ".join(["%s"] * len(buckets))
        statement = (
            f"SELECT {digest.key(self.dialect, table)}, {digest.number(self.dialect, table)}"
            f" FROM {self.source(table, condition)} WHERE {digest.span(self.dialect, table)} = %s"
            f" AND {digest.bucket(self.dialect, table, BUCKET_DIGITS)} IN ({marks})"
        )
        found: dict[str, list[int]] = {}
        for key, number in self.ask(statement, [*values, span, *buckets]):
            found.setdefault(key, []).append(number)
        return found

    def _sums(self, table: Table, cut: Cut, grouping: str, where: str, more: list[object]) -> dict[str, Sum]:
        condition, values = cut.condition(table)
        statement = (
            f"SELECT {grouping}, count(*), sum({digest.number(self.dialect, table)})"
            f" FROM {self.source(table, condition)} WHERE {where} GROUP BY 1"
        )
        found = self.ask(statement, [*values, *more])
        return {name: (int(count), int(total)) for name, count, total in found}


class Postgres(Side):
    """The system of record, in one transaction of its reader."""

    dialect = digest.POSTGRES

    def __init__(self, session: Connection[TupleRow]) -> None:
        self._session = session

    def ask(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._session.execute(statement.encode(), values).fetchall()

    def source(self, table: Table, condition: str) -> str:
        return f"(SELECT * FROM {SCHEMA}.{table.name} WHERE {condition}) AS kept"

    def newest_poll(self) -> int:
        return int(self.ask(f"SELECT coalesce(max(poll_id), 0) FROM {SCHEMA}.polls", [])[0][0])

    def in_flight(self, table: Table, cut: Cut) -> set[str]:
        """Keys of rows that were written after the cut; silver may hold them as they were before."""
        condition, values = cut.condition(table)
        key = digest.key(self.dialect, table)
        found = self.ask(f"SELECT {key} FROM {SCHEMA}.{table.name} WHERE NOT ({condition})", values)
        return {name for (name,) in found}


class Silver(Side):
    """The lake's tables as they were when the connection was opened."""

    dialect = digest.DUCKDB

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def ask(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement.replace("%s", "?"), list(values)).fetchall()

    def source(self, table: Table, condition: str) -> str:
        newest = ""
        if table in REFERENCES:
            # PostgreSQL holds a record's present row, silver all its versions.
            newest = f" QUALIFY row_number() OVER (PARTITION BY {', '.join(table.key)} ORDER BY observed_at DESC) = 1"
        return f"(SELECT * FROM silver.{table.name} WHERE {condition}{newest}) AS kept"

    def polls_until(self, poll_id: int) -> dict[str, datetime]:
        """`observed_at` of the newest accepted poll of each dataset up to one."""
        statement = (
            "SELECT dataset, max(observed_at) FROM silver.polls"
            " WHERE poll_id <= %s AND outcome = 'accepted' GROUP BY 1"
        )
        return dict(self.ask(statement, [poll_id]))
