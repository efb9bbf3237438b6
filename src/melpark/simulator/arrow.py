"""Columns of the simulator's arrays as Arrow, typed as the contracts say."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from melpark.contracts import Table, Type

MICROSECONDS = 1_000_000
TIMESTAMP = pa.timestamp("us", "UTC")
TYPES = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int32(),
    Type.BIGINT: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.TIMESTAMP: TIMESTAMP,
    Type.JSON: pa.string(),
}


def schema(table: Table, without: Sequence[str] = ()) -> pa.Schema:
    """Arrow's schema of a contract's table."""
    return pa.schema(
        [
            pa.field(column.name, TYPES[column.type], column.nullable)
            for column in table.columns
            if column.name not in without
        ]
    )


def table(of: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """A table of arrays or lists by name; a column of times may be whole seconds since 1970."""
    return pa.table([_column(field, columns[field.name]) for field in of], schema=of)


def _column(field: pa.Field, values: Any) -> pa.Array:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.cast(field.type)
    if field.type == TIMESTAMP:
        if isinstance(values, np.ndarray):
            return pa.array(values.astype(np.int64) * MICROSECONDS).cast(TIMESTAMP)
        shifted = [None if value is None else int(value) * MICROSECONDS for value in values]
        return pa.array(shifted, pa.int64()).cast(TIMESTAMP)
    return pa.array(values, field.type)
