"""Reference dataset `on-street-parking-bays`: every kerb bay of the City."""

from melpark.contracts.table import EXTRA, IS_RETIRED, Column, Table, Type, Unit, observed_at

DATASET = "on-street-parking-bays"

BAYS = Table(
    name="bays",
    grain="One row per kerb bay",
    key=("bay_key",),
    dataset=DATASET,
    columns=(
        Column(
            "bay_key",
            Type.TEXT,
            "Road segment, latitude and longitude joined by colons; the City gives no key",
        ),
        Column(
            "kerbside_id",
            Type.TEXT,
            "Id of the bay's sensor; null in 78 %, and 13 rows repeat one",
            nullable=True,
            source="kerbsideid",
        ),
        Column(
            "road_segment_id",
            Type.INTEGER,
            "The City's id of the road segment",
            nullable=True,
            source="roadsegmentid",
        ),
        Column(
            "road_segment_description",
            Type.TEXT,
            "The street and the streets it lies between",
            nullable=True,
            source="roadsegmentdescription",
        ),
        Column("longitude", Type.DOUBLE, "Degrees east, WGS 84", source="longitude", unit=Unit.DEGREES),
        Column("latitude", Type.DOUBLE, "Degrees north, WGS 84", source="latitude", unit=Unit.DEGREES),
        Column("updated_on", Type.DATE, "Day of the City's last edit", nullable=True, source="lastupdated"),
        IS_RETIRED,
        observed_at("brought this version"),
        EXTRA,
    ),
)
