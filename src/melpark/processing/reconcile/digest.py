"""One text and one number per row, the same from PostgreSQL and from DuckDB over the lake.

The number is the first 60 bits of the text's MD5. A range's digest is the sum over its rows, so their order does not
matter. Degrees are compared to a billionth: the two engines write the same double in different ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from melpark.contracts import Column, Table, Type

# Between values; no value of the City holds it.
SEPARATOR = "chr(31)"


@dataclass(frozen=True)
class Dialect:
    """How one engine says it: a column of each type as text, the hash of a text, the month of a time."""

    texts: dict[Type, str]
    hash: str
    month: str


POSTGRES = Dialect(
    texts={
        Type.TEXT: "{0}",
        Type.INTEGER: "{0}::text",
        Type.BIGINT: "{0}::text",
        Type.BOOLEAN: "{0}::text",
        Type.DOUBLE: "floor({0} * 1e9::float8)::bigint::text",
        Type.TIMESTAMP: "(extract(epoch FROM {0}) * 1000000)::bigint::text",
        Type.DATE: "({0} - DATE '1970-01-01')::text",
        Type.JSON: "{0}::text",
    },
    hash="('x' || substr(md5({0}), 1, 15))::bit(60)::bigint",
    month="to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM')",
)
DUCKDB = Dialect(
    texts={
        Type.TEXT: "{0}",
        Type.INTEGER: "{0}::varchar",
        Type.BIGINT: "{0}::varchar",
        Type.BOOLEAN: "{0}::varchar",
        Type.DOUBLE: "floor({0} * 1e9::double)::bigint::varchar",
        Type.TIMESTAMP: "epoch_us({0})::varchar",
        Type.DATE: "({0} - DATE '1970-01-01')::varchar",
        Type.JSON: "{0}::varchar",
    },
    hash="('0x' || substr(md5({0}), 1, 15))::bigint",
    month="strftime({0} AT TIME ZONE 'UTC', '%Y-%m')",
)
# The time by whose months a table is compared; a table without one is compared by its keys' hashes.
TIME_OF = {
    "sensor_events": "status_changed_at",
    "sensor_states": "valid_from_at",
    "feed_outages": "start_at",
    "polls": "started_at",
    "rule_windows": "start_at",
    "rule_versions": "start_at",
}


def text(dialect: Dialect, columns: Sequence[Column]) -> str:
    """SQL: the columns' values in one text, in which a null differs from every value."""
    values = (f"coalesce('=' || {dialect.texts[column.type].format(column.name)}, '~')" for column in columns)
    return f"concat_ws({SEPARATOR}, {', '.join(values)})"


def key(dialect: Dialect, table: Table) -> str:
    """SQL: the key's text."""
    return text(dialect, [column for column in table.columns if column.name in table.key])


def number(dialect: Dialect, table: Table) -> str:
    """SQL: the row's number."""
    return dialect.hash.format(text(dialect, table.columns))


def bucket(dialect: Dialect, table: Table, digits: int) -> str:
    """SQL: a share of the rows by their keys, as `digits` hexadecimal digits."""
    return f"substr(md5({key(dialect, table)}), 1, {digits})"


def span(dialect: Dialect, table: Table) -> str:
    """SQL: the range that the row belongs to, a month such as 2025-08 or a digit of its key's hash."""
    if table.name in TIME_OF:
        return dialect.month.format(TIME_OF[table.name])
    return bucket(dialect, table, 1)
