"""Reference dataset `on-street-car-parking-meters-with-location`: the parking meters. It names no price."""

from melpark.contracts.table import EXTRA, IS_RETIRED, Column, Table, Type, Unit, observed_at

DATASET = "on-street-car-parking-meters-with-location"

METERS = Table(
    name="meters",
    grain="One row per parking meter",
    key=("meter_id",),
    dataset=DATASET,
    columns=(
        Column("meter_id", Type.TEXT, "Number on the meter, such as 871A", source="meter_id"),
        Column("barcode", Type.TEXT, "Barcode on the meter", nullable=True, source="barcode"),
        Column("asset_id", Type.TEXT, "The City's id of the asset", nullable=True, source="asset_id"),
        Column(
            "accepts_credit_card",
            Type.BOOLEAN,
            "True when it takes credit cards; null in 23 %, which says nothing",
            nullable=True,
            source="creditcard",
        ),
        Column(
            "accepts_tap_and_go",
            Type.BOOLEAN,
            "True when it takes contactless cards",
            nullable=True,
            source="tapandgo",
        ),
        Column(
            "location_description",
            Type.TEXT,
            "The street, its crossings and the nearest house",
            nullable=True,
            source="location_description",
        ),
        Column("longitude", Type.DOUBLE, "Degrees east, WGS 84", source="longitude", unit=Unit.DEGREES),
        Column("latitude", Type.DOUBLE, "Degrees north, WGS 84", source="latitude", unit=Unit.DEGREES),
        IS_RETIRED,
        observed_at("brought this version"),
        EXTRA,
    ),
)
