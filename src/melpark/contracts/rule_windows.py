"""The rule calendar: when which rule holds in each zone, and for which time that is known."""

from melpark.contracts.table import Column, Table, Type, Unit, observed_at

RULE_WINDOWS = Table(
    name="rule_windows",
    grain="One row per zone, window and plate version",
    key=("zone_number", "start_at", "code"),
    columns=(
        Column("zone_number", Type.INTEGER, "Parking zone"),
        Column(
            "start_at",
            Type.TIMESTAMP,
            "The rule holds from here; windows of a zone cover the same time or do not touch",
        ),
        Column(
            "end_at",
            Type.TIMESTAMP,
            "The rule holds to before here; equal to start_at where the plates changed before it began",
        ),
        Column("code", Type.TEXT, "Rule as on the plate, such as MP2P"),
        Column(
            "limit_minutes",
            Type.INTEGER,
            "Longest stay; null: no limit, or kind unknown",
            nullable=True,
            unit=Unit.MINUTES,
        ),
        Column(
            "kind",
            Type.TEXT,
            "timed, free, loading, disability, paid, no-stopping, or unknown (cannot be read)",
        ),
        Column("is_metered", Type.BOOLEAN, "True when parking is paid for"),
        Column(
            "is_ambiguous",
            Type.BOOLEAN,
            "True when the zone has another limit at the same time: the plates stand at different bays",
        ),
        Column(
            "clock_start_at",
            Type.TIMESTAMP,
            "Start of the unbroken time under the same limit and kind: a stay counts from here or its arrival",
        ),
        observed_at("was the newest when the row was last written"),
    ),
)

RULE_VERSIONS = Table(
    name="rule_versions",
    grain="One row per zone and stretch of time in which the calendar knows its plates",
    key=("zone_number", "start_at"),
    columns=(
        Column("zone_number", Type.INTEGER, "Parking zone"),
        Column("start_at", Type.TIMESTAMP, "The plates hold from here; before observed_at that is assumed"),
        Column("end_at", Type.TIMESTAMP, "They hold to before here; in no stretch, a zone has no rule"),
        Column(
            "is_current", Type.BOOLEAN, "True when the newest plates are these: end_at is the calendar's end"
        ),
        Column("plates", Type.JSON, "The plates: days, start_minute, finish_minute and code of each"),
        observed_at("first showed these plates to the calendar"),
    ),
)
