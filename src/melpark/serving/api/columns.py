"""What the rows of a listing consist of: said once, for the answer, its description and its example."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model


@dataclass(frozen=True)
class Column:
    """A field of a row. `type` is a Python type that JSON knows; `example` also shows whether it may be null."""

    name: str
    type: Any
    description: str
    example: Any = None

    @property
    def sql_type(self) -> str:
        """How DuckDB reads it from text, where it orders a listing."""
        return {datetime: "TIMESTAMPTZ", date: "DATE", int: "BIGINT", float: "DOUBLE"}.get(
            self.type, "VARCHAR"
        )

    @property
    def is_nested(self) -> bool:
        """A list or an object, which a cell of CSV holds as JSON."""
        return bool(get_args(self.type)) and any(
            getattr(one, "__origin__", one) in (list, dict) for one in (self.type, *get_args(self.type))
        )


@dataclass(frozen=True)
class Resource:
    """A kind of rows: `key` tells one row from all others and orders them, descending where `newest_first`."""

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    newest_first: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def has_place(self) -> bool:
        """Rows have a longitude and a latitude, so that they can be GeoJSON."""
        return {"longitude", "latitude"} <= set(self.names)

    def column(self, name: str) -> Column:
        """By its name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def example(self) -> dict[str, Any]:
        """One row."""
        return {column.name: column.example for column in self.columns}

    def model(self) -> type[BaseModel]:
        """A row for OpenAPI. No field is required, for `fields` may leave each away."""
        fields: dict[str, Any] = {
            column.name: (column.type, Field(description=column.description)) for column in self.columns
        }
        return create_model(  # type: ignore[no-any-return,unused-ignore]
            self.title,
            __config__=ConfigDict(json_schema_extra=_all_optional(self.example)),
            __doc__=f"One row of {self.name}; with `fields` only those.",
            **fields,
        )


def _all_optional(example: Mapping[str, Any]) -> Any:
    def change(schema: dict[str, Any]) -> None:
        schema.pop("required", None)
        schema["example"] = dict(example)

    return change


def of_contract(columns: Sequence[Any], examples: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of a contract with an example each."""
    types = {"text": str, "integer": int, "bigint": int, "double precision": float, "boolean": bool}
    return tuple(
        Column(
            column.name,
            _type(types.get(column.type.value, datetime), column.nullable),
            column.description,
            examples[column.name],
        )
        for column in columns
    )


def _type(of: Any, nullable: bool) -> Any:
    return of | None if nullable else of
