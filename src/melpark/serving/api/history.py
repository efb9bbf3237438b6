"""Pages of history from the lake: one state of its tables for all pages of a listing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from melpark.serving.api import cursor as cursors
from melpark.serving.api.columns import Resource
from melpark.serving.api.context import Context
from melpark.serving.api.listing import ListQuery, Page, answer, chosen_fields, media_type, unchanged
from melpark.serving.bays import JSON_OPTIONS
from melpark.serving.lake import NAMED, Versions

# A day: what an aggregate shows when no time is named.
RECENT = "INTERVAL 1 DAY"


def total(column: str) -> str:
    """SQL for the sum of doubles, in decimals: the same in whatever order DuckDB's threads add them."""
    return f"CAST(sum(CAST({column} AS DECIMAL(18, 9))) AS DOUBLE)"


# Of the sums; null where the sensors were silent for most of the time.
OCCUPANCY_PERCENT = f"""
    CASE WHEN 2 * {total("online_minutes")} >= {total("bay_minutes")}
        THEN 100 * {total("occupied_minutes")} / nullif({total("online_minutes")}, 0) END
"""


@dataclass
class Where:
    """Conditions of a statement, all of which hold, with what users gave as parameters."""

    conditions: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)

    def put(self, condition: str, *values: Any) -> None:
        """One more condition; `?` stands for each value."""
        self.conditions.append(condition)
        self.parameters += values

    def one_of(self, expression: str, values: Sequence[Any]) -> None:
        """The expression is one of the values; none given, every one will do."""
        if values:
            self.put(f"{expression} IN ({', '.join('?' for _ in values)})", *values)

    def within(self, expression: str, start_at: datetime | None, end_at: datetime | None) -> None:
        """The time lies in [start_at, end_at)."""
        if start_at:
            self.put(f"{expression} >= ?", start_at)
        if end_at:
            self.put(f"{expression} < ?", end_at)

    @property
    def text(self) -> str:
        """` WHERE ...`, or nothing."""
        return " WHERE " + " AND ".join(self.conditions) if self.conditions else ""


def page(
    request: Request,
    context: Context,
    resource: Resource,
    query: ListQuery,
    statement: str,
    parameters: Sequence[Any],
) -> Response:
    """One page of a statement whose columns are the resource's. Blocking: for a plain `def` route.

    Raises HTTPException 406 and 422, and what the lake raises.
    """
    fields = chosen_fields(resource, query.fields)
    kind = media_type(request, resource)
    tables = sorted({".".join(found) for found in NAMED.findall(statement)})
    question = cursors.digest(resource.name, query.question())
    after, versions = _position(context, resource, query, question, tables)
    etag = '"' + cursors.digest(question, query.cursor, query.limit, fields, kind, versions) + '"'
    if same := unchanged(request, etag):
        return same
    where = Where()
    if after:
        placed = ", ".join(f"CAST(? AS {resource.column(name).sql_type})" for name in resource.key)
        where.put(f"({', '.join(resource.key)}) {'<' if resource.newest_first else '>'} ({placed})", *after)
    order = ", ".join(f"{name} {'DESC' if resource.newest_first else 'ASC'}" for name in resource.key)
    asked = (
        f"SELECT {', '.join(resource.names)} FROM ({statement}) AS found{where.text} "
        f"ORDER BY {order} LIMIT {query.limit + 1}"
    )
    try:
        found = context.lake.rows(asked, [*parameters, *where.parameters], versions)
    except duckdb.DataError:
        if after:
            raise HTTPException(422, "cursor is not one of this server") from None
        raise
    rows = found.records()
    following = None
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        last = tuple(key_part(rows[-1][name]) for name in resource.key)
        following = cursors.Cursor(last, question, dict(versions)).text()
    return answer(request, Page(resource, rows, context.about_history(versions), following), fields, etag)


def _position(
    context: Context, resource: Resource, query: ListQuery, question: str, tables: Sequence[str]
) -> tuple[tuple[str | int | float, ...], Versions]:
    if query.cursor is None:
        return (), context.lake.versions(*tables)
    try:
        cursor = cursors.read(query.cursor, question, len(resource.key), tables)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    return cursor.key, cursor.versions or {}


def key_part(value: Any) -> str | int | float:
    """A value as a cursor holds it; times as texts that are in the order of time."""
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return orjson.dumps(value, option=JSON_OPTIONS).decode().strip('"')
