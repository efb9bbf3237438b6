"""What a contract is made of: tables, columns and their types."""

from dataclasses import dataclass
from enum import Enum


class Type(Enum):
    """A column's type by its name in PostgreSQL."""

    TEXT = "text"
    INTEGER = "integer"
    BIGINT = "bigint"
    DOUBLE = "double precision"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp with time zone"
    DATE = "date"
    JSON = "jsonb"


class Unit(Enum):
    """What a column's number is a quantity of; a number that names something and a count of rows have no unit."""

    DEGREES = "degrees"
    MINUTES = "minutes"
    SECONDS = "seconds"
    BYTES = "bytes"


@dataclass(frozen=True)
class Column:
    """One column, described here and nowhere else.

    `source` is the City's field; empty when MelPark computes the column, with a dot where the field is an object,
    and `name1..6` where six numbered fields give it.
    """

    name: str
    type: Type
    description: str
    nullable: bool = False
    source: str = ""
    unit: Unit | None = None

    @property
    def source_fields(self) -> tuple[str, ...]:
        """The top-level fields of a record that give the column."""
        field = self.source.partition(".")[0]
        if not self.source.endswith("1..6"):
            return (field,) if field else ()
        return tuple(f"{field[:-1]}{number}" for number in range(1, 7))


@dataclass(frozen=True)
class Table:
    """One table of schema `parking`: its grain as a sentence, its natural key and its columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    dataset: str = ""
    is_history: bool = False
    is_captured: bool = True

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def source_fields(self) -> frozenset[str]:
        """Every field of a record that the table takes."""
        return frozenset(field for column in self.columns for field in column.source_fields)

    @property
    def is_by_bay(self) -> bool:
        """Its change events lie in partitions by bay: those of one bay stay in their order."""
        return self.key[0] == "kerbside_id"


def observed_at(what: str) -> Column:
    """The HTTP Date of the poll that brought this row."""
    return Column("observed_at", Type.TIMESTAMP, f"HTTP Date of the accepted poll that {what}")


ORIGIN = Column("origin", Type.TEXT, "live, or seed when the simulator filled in its history")
IS_RETIRED = Column(
    "is_retired", Type.BOOLEAN, "True when the newest accepted poll no longer holds the record"
)
EXTRA = Column("extra", Type.JSON, "Fields of the source that the contract does not name", nullable=True)
