"""The part of the portal's query language that is played: pages, and comparisons with a time field."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DEFAULT_LIMIT = 10
MOST_RECORDS = 100
MOST_REACHABLE = 10_000

Record = Mapping[str, Any]

_COMPARISONS: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CLAUSE = re.compile(r"""\s*(\w+)\s*(>=|<=|!=|=|>|<)\s*(?:date)?(?:'([^']*)'|"([^"]*)")\s*""")
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


class QueryError(ValueError):
    """The query cannot be answered: HTTP 400. `code` is the portal's own."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True)
class Page:
    """A window on the records. The portal reaches no further than record 10,000."""

    limit: int
    offset: int

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "Page":
        limit = _integer(parameters, "limit", DEFAULT_LIMIT)
        offset = _integer(parameters, "offset", 0)
        if not 0 <= limit <= MOST_RECORDS:
            raise _parameter_error(f"limit: {limit} was found but 0 <= limit <= {MOST_RECORDS} is expected")
        if offset < 0:
            raise _parameter_error(f"offset: {offset} was found but >= 0 is expected")
        if offset + limit > MOST_REACHABLE:
            raise _parameter_error(
                f"sum of offset + limit: {offset + limit} was found but <= {MOST_REACHABLE} is expected"
            )
        return cls(limit, offset)


def where(records: list[Record], clause: str | None) -> list[Record]:
    """The records for which every comparison holds; comparisons are joined by `and`, times are UTC.

    `status_timestamp >= date'2025-08-05' and status_timestamp < '2025-08-05T06:00:00+00:00'`. A record whose
    field is null fits none. Raises QueryError when the clause cannot be read or the field holds no time.
    """
    if not clause:
        return records
    for part in _AND.split(clause):
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise QueryError("ODSQLError", f"where cannot be read: {part!r} is no comparison with a time")
        field, comparison, single, double = match.groups()
        bound = _time(single if single is not None else double)
        if bound is None:
            raise QueryError("ODSQLError", f"where cannot be read: {part!r} compares with no time")
        if records and not any(field in record for record in records):
            raise QueryError("ODSQLError", f"Unknown field: {field}")
        compare = _COMPARISONS[comparison]
        records = [record for record in records if _fits(record, field, compare, bound)]
    return records


def _fits(record: Record, field: str, compare: Callable[[datetime, datetime], bool], bound: datetime) -> bool:
    value = record.get(field)
    if value is None:
        return False
    time = _time(value) if isinstance(value, str) else None
    if time is None:
        raise QueryError("ODSQLError", f"{field} is no time field")
    return compare(time, bound)


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _integer(parameters: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(parameters.get(name, default))
    except ValueError:
        raise _parameter_error(f"{name}: {parameters[name]!r} is no integer") from None


def _parameter_error(message: str) -> QueryError:
    return QueryError("InvalidRESTParameterError", f"Invalid value for {message}.")
