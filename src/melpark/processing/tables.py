"""The lake's tables before gold: bronze as it is received, silver made from the contracts."""

from dataclasses import dataclass

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

BRONZE = LakeTable(
    database="bronze",
    name=BRONZE_TABLE,
    grain="One row per change event, as received",
    key=COORDINATE_NAMES,
    columns=(
        *COORDINATES,
        LakeColumn("key", "string", "Key as received; null when there was none", nullable=True),
        LakeColumn("value", "string", "Value as received; null in a tombstone", nullable=True),
        LakeColumn("headers", HEADERS, "Headers as received", nullable=True),
        LakeColumn("kafka_at", "timestamp", "When Kafka was given it"),
        LakeColumn("arrived_at", "timestamp", "Our clock when the batch that brought it began"),
    ),
    # Who asks for the newest poll reads one folder, and silver leaves the topic of the present out.
    partitioned_by=("topic",),
)

QUARANTINE = LakeTable(
    database="silver",
    name="quarantine",
    grain="One row per change event that does not fit its contract",
    key=COORDINATE_NAMES,
    columns=(
        *COORDINATES,
        LakeColumn("reason", "string", "What does not fit, by column where it is one"),
        LakeColumn("record_key", "string", "Key as received", nullable=True),
        LakeColumn("payload", "string", "Value as received", nullable=True),
    ),
)


@dataclass(frozen=True)
class SilverTable:
    """How the change events of one captured table become rows of one silver table."""

    contract: Table
    lake: LakeTable
    derived: tuple[tuple[LakeColumn, str], ...] = ()

    @property
    def topic(self) -> str:
        return topic(self.contract.name)


IS_PRESENT = (
    LakeColumn("is_present", "int", "1 when a vehicle stands in the bay, 0 when none does"),
    "CASE status WHEN 'Present' THEN 1 WHEN 'Unoccupied' THEN 0 END",
)


def _column(column: Column) -> LakeColumn:
    return LakeColumn(column.name, SPARK_TYPE[column.type], column.description, column.nullable)


def _silver(contract: Table, *derived: tuple[LakeColumn, str]) -> SilverTable:
    # A reference table's rows are versions: the poll that brought one is part of its key.
    is_versioned = contract in REFERENCES
    return SilverTable(
        contract=contract,
        lake=LakeTable(
            database="silver",
            name=contract.name,
            grain=f"{contract.grain} and version" if is_versioned else contract.grain,
            key=(*contract.key, "observed_at") if is_versioned else contract.key,
            columns=(
                *(_column(column) for column in contract.columns),
                *(column for column, _ in derived),
                *COORDINATES,
            ),
        ),
        derived=derived,
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
    # Last: a poll that is in silver says that all it brought is there.
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
    STAYS_OF_FILES,
    QUARANTINE_OF_FILES,
)
