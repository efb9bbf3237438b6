"""The lake's tables before gold: bronze as it is received, silver made from the contracts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from melpark.contracts import (
    BAY_RESTRICTIONS,
    BAYS,
    FEED_OUTAGES,
    HISTORICAL_QUARANTINE,
    HISTORICAL_STAYS,
    METERS,
    POLLS,
    REFERENCES,
    RULE_VERSIONS,
    RULE_WINDOWS,
    SENSOR_EVENTS,
    SENSOR_STATES,
    SIGN_PLATES,
    ZONE_SEGMENTS,
    Column,
    Table,
    Type,
)
from melpark.places import BRONZE_TABLE, topic

SPARK_TYPE = {
    Type.TEXT: "string",
    Type.INTEGER: "int",
    Type.BIGINT: "bigint",
    Type.DOUBLE: "double",
    Type.BOOLEAN: "boolean",
    Type.TIMESTAMP: "timestamp",
    Type.DATE: "date",
    Type.JSON: "string",
}
HEADERS = "array<struct<key:string,value:binary>>"


@dataclass(frozen=True)
class LakeColumn:
    """One column of a Delta table, in Spark's words."""

    name: str
    type: str
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class LakeTable:
    """One Delta table: where it is, what a row is, what it is unique on."""

    database: str
    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[LakeColumn, ...]
    partitioned_by: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


COORDINATES = (
    LakeColumn("topic", "string", "Kafka topic of the change event"),
    LakeColumn("partition", "int", "Partition of the topic"),
    LakeColumn("offset", "bigint", "Offset in the partition"),
)
COORDINATE_NAMES = tuple(column.name for column in COORDINATES)
ARRIVED_AT = LakeColumn("arrived_at", "timestamp", "Our clock when the batch that brought it began")
TOPIC_ID = LakeColumn(
    "topic_id",
    "string",
    "Kafka's id of the topic: another one when it was made anew or its log rewritten; null in old rows",
    nullable=True,
)

BRONZE = LakeTable(
    database="bronze",
    name=BRONZE_TABLE,
    grain="One row per change event, as received",
    key=(TOPIC_ID.name, *COORDINATE_NAMES),
    columns=(
        *COORDINATES,
        LakeColumn("key", "string", "Key as received; null when there was none", nullable=True),
        LakeColumn("value", "string", "Value as received; null in a tombstone", nullable=True),
        LakeColumn("headers", HEADERS, "Headers as received", nullable=True),
        LakeColumn("kafka_at", "timestamp", "When Kafka was given it"),
        ARRIVED_AT,
        TOPIC_ID,
    ),
    # Who asks for the newest poll reads one folder, and silver leaves the topic of the present out.
    partitioned_by=("topic",),
)

QUARANTINE = LakeTable(
    database="silver",
    name="quarantine",
    grain="One row per change event that does not fit its contract, or stretch of events lost before they were read",
    key=(TOPIC_ID.name, *COORDINATE_NAMES),
    columns=(
        *COORDINATES,
        LakeColumn("reason", "string", "What does not fit, by column where it is one"),
        LakeColumn("record_key", "string", "Key as received", nullable=True),
        LakeColumn("payload", "string", "Value as received", nullable=True),
        TOPIC_ID,
        LakeColumn("arrived_at", "timestamp", "When bronze took it in", nullable=True),
    ),
)

SCHEMA_CHANGES = LakeTable(
    database="silver",
    name="schema_changes",
    grain="One row per column of a captured table that events have and the contract has not, or the other way round",
    key=("table_name", "column_name", "change"),
    columns=(
        LakeColumn("table_name", "string", "Captured table"),
        LakeColumn("column_name", "string", "Column in PostgreSQL"),
        LakeColumn("change", "string", "added (silver holds it as text) or missing (silver holds null)"),
        *COORDINATES,
    ),
)


@dataclass(frozen=True)
class Derived:
    """A column that silver computes: the value that stands for another column's."""

    column: LakeColumn
    source: str
    values: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True)
class SilverTable:
    """How the change events of one captured table become rows of one silver table.

    `version` is the column of the key that orders the versions of one thing, for tables that are cut into
    intervals.
    """

    contract: Table
    lake: LakeTable
    derived: tuple[Derived, ...] = ()
    version: str | None = None
    intervals: tuple[LakeColumn, ...] = ()

    @property
    def topic(self) -> str:
        return topic(self.contract.name)

    @property
    def thing(self) -> tuple[str, ...]:
        """The key without the version."""
        return tuple(name for name in self.lake.key if name != self.version)


IS_PRESENT = Derived(
    LakeColumn("is_present", "int", "1 when a vehicle stands in the bay, 0 when none does"),
    source="status",
    values={"Present": 1, "Unoccupied": 0},
)
LSN = LakeColumn(
    "lsn",
    "bigint",
    "Place of the change in PostgreSQL's log: a row gives way only to a later one",
    nullable=True,
)
VALID_FROM_AT = LakeColumn(
    "valid_from_at", "timestamp", "observed_at: the version holds from here", nullable=True
)
VALID_TO_AT = LakeColumn(
    "valid_to_at", "timestamp", "It holds to before here; null for the newest", nullable=True
)
IS_CURRENT = LakeColumn("is_current", "boolean", "True for the newest, retired or not", nullable=True)
IS_ASSUMED = LakeColumn(
    "is_assumed",
    "boolean",
    "True for the first version: it counts as valid from the beginning",
    nullable=True,
)


def _column(column: Column, is_key: bool = True) -> LakeColumn:
    # A column that PostgreSQL drops must not stop the line, so only keys are never null.
    return LakeColumn(column.name, SPARK_TYPE[column.type], column.description, column.nullable or not is_key)


def _silver(contract: Table, *derived: Derived) -> SilverTable:
    # A reference table's rows are versions: the poll that brought one is part of its key.
    is_versioned = contract in REFERENCES
    version = "observed_at" if is_versioned else None
    intervals: tuple[LakeColumn, ...] = ()
    if is_versioned:
        intervals = (VALID_FROM_AT, VALID_TO_AT, IS_CURRENT, IS_ASSUMED)
    elif contract is SENSOR_STATES:
        version, intervals = "valid_from_at", (VALID_TO_AT, IS_CURRENT)
    key = (*contract.key, "observed_at") if is_versioned else contract.key
    return SilverTable(
        contract=contract,
        lake=LakeTable(
            database="silver",
            name=contract.name,
            grain=f"{contract.grain} and version" if is_versioned else contract.grain,
            key=key,
            columns=(
                *(_column(column, column.name in key) for column in contract.columns),
                *(one.column for one in derived),
                *intervals,
                *COORDINATES,
                LSN,
            ),
        ),
        derived=derived,
        version=version,
        intervals=intervals,
    )


SILVER: tuple[SilverTable, ...] = (
    _silver(SENSOR_EVENTS, IS_PRESENT),
    _silver(SENSOR_STATES),
    _silver(FEED_OUTAGES),
    _silver(BAYS),
    _silver(ZONE_SEGMENTS),
    _silver(SIGN_PLATES),
    _silver(BAY_RESTRICTIONS),
    _silver(METERS),
    _silver(RULE_WINDOWS),
    _silver(RULE_VERSIONS),
    # Last of its batch. A commit of bronze that is cut into two batches may bring a poll before the rest of it.
    _silver(POLLS),
)


def _historical(contract: Table, *partitioned_by: str) -> LakeTable:
    return LakeTable(
        database="silver",
        name=contract.name,
        grain=contract.grain,
        key=contract.key,
        columns=tuple(_column(column) for column in contract.columns),
        partitioned_by=partitioned_by,
    )


STAYS_OF_FILES = _historical(HISTORICAL_STAYS)
# By reason, so that half of a file, its vacancies, lies where no one reads who looks for errors.
QUARANTINE_OF_FILES = _historical(HISTORICAL_QUARANTINE, "reason")
TABLES: tuple[LakeTable, ...] = (
    BRONZE,
    *(table.lake for table in SILVER),
    QUARANTINE,
    SCHEMA_CHANGES,
    STAYS_OF_FILES,
    QUARANTINE_OF_FILES,
)
