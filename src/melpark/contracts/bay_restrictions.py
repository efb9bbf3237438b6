"""Reference dataset `on-street-car-park-bay-restrictions`: the older rules, kept by bay.

Its `bayid` is not `kerbsideid`: it belongs to the sensors of 2018 to 2020. A record of the City holds up to six
rules in numbered fields. Here each is a row, for a rule is what is asked for and what may be wrong on its own.
"""

from melpark.contracts.table import EXTRA, IS_RETIRED, Column, Table, Type, Unit, observed_at

DATASET = "on-street-car-park-bay-restrictions"
SLOTS = range(1, 7)

BAY_RESTRICTIONS = Table(
    name="bay_restrictions",
    grain="One row per bay of the older numbering and slot of its rules",
    key=("bay_id", "slot"),
    dataset=DATASET,
    columns=(
        Column(
            "bay_id",
            Type.TEXT,
            "The City's id of the bay in 2018 to 2020; no kerbside_id, even where a number occurs in both",
            source="bayid",
        ),
        Column("slot", Type.INTEGER, "Place of the rule in the City's record, 1 to 6"),
        Column(
            "device_id",
            Type.TEXT,
            "Id of the sensor that the bay had",
            nullable=True,
            source="deviceid",
        ),
        Column("type", Type.TEXT, "Kind of rule, such as 2P Meter", source="typedesc1..6"),
        Column(
            "description",
            Type.TEXT,
            "Rule as on the sign, as received",
            nullable=True,
            source="description1..6",
        ),
        Column("from_weekday", Type.INTEGER, "First day, 0 = Sunday to 6 = Saturday", source="fromday1..6"),
        Column(
            "to_weekday",
            Type.INTEGER,
            "Last day; less than the first where the rule wraps the week, as 1 to 0 for every day",
            source="today1..6",
        ),
        Column(
            "start_minute",
            Type.INTEGER,
            "Minutes after local midnight at which the rule begins",
            source="starttime1..6",
            unit=Unit.MINUTES,
        ),
        Column(
            "finish_minute",
            Type.INTEGER,
            "Minutes after local midnight at which it ends; 00:00 and 23:59 stand for 1440",
            source="endtime1..6",
            unit=Unit.MINUTES,
        ),
        Column(
            "limit_minutes",
            Type.INTEGER,
            "Longest stay; 0 is no stay at all",
            source="duration1..6",
            unit=Unit.MINUTES,
        ),
        Column(
            "disability_limit_minutes",
            Type.INTEGER,
            "Longest stay with a disability permit; in 95 % twice the limit",
            nullable=True,
            source="disabilityext1..6",
            unit=Unit.MINUTES,
        ),
        Column(
            "is_effective_on_public_holidays",
            Type.BOOLEAN,
            "True when the rule holds on public holidays as well",
            nullable=True,
            source="effectiveonph1..6",
        ),
        Column("exemption", Type.TEXT, "Who is exempt", nullable=True, source="exemption1..6"),
        IS_RETIRED,
        observed_at("brought this version"),
        EXTRA,
    ),
)
