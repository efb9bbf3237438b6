"""Reference dataset `sign-plates-located-in-each-parking-zone`: the rules of each parking zone."""

from melpark.contracts.table import EXTRA, IS_RETIRED, Column, Table, Type, Unit, observed_at

DATASET = "sign-plates-located-in-each-parking-zone"

SIGN_PLATES = Table(
    name="sign_plates",
    grain="One row per rule on the sign plates of a parking zone",
    key=("zone_number", "days", "start_minute", "finish_minute", "code"),
    dataset=DATASET,
    columns=(
        Column("zone_number", Type.INTEGER, "Parking zone", source="parkingzone"),
        Column("days", Type.TEXT, "Days as on the plate, such as Mon-Fri", source="restriction_days"),
        Column(
            "start_minute",
            Type.INTEGER,
            "Minutes after local midnight at which the rule begins",
            source="time_restrictions_start",
            unit=Unit.MINUTES,
        ),
        Column(
            "finish_minute",
            Type.INTEGER,
            "Minutes after local midnight at which it ends; 23:59 stands for 1440",
            source="time_restrictions_finish",
            unit=Unit.MINUTES,
        ),
        Column("code", Type.TEXT, "Rule as on the plate, such as MP2P", source="restriction_display"),
        IS_RETIRED,
        observed_at("brought this version"),
        EXTRA,
    ),
)
