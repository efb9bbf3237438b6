"""Reference dataset `parking-zones-linked-to-street-segments`: which streets a parking zone lies in."""

from melpark.contracts.table import EXTRA, IS_RETIRED, Column, Table, Type, observed_at

DATASET = "parking-zones-linked-to-street-segments"

ZONE_SEGMENTS = Table(
    name="zone_segments",
    grain="One row per parking zone and street segment",
    key=("zone_number", "segment_id"),
    dataset=DATASET,
    columns=(
        Column("zone_number", Type.INTEGER, "Parking zone", source="parkingzone"),
        Column("segment_id", Type.INTEGER, "The City's id of the street segment", source="segment_id"),
        Column("street", Type.TEXT, "The street", source="onstreet"),
        Column("street_from", Type.TEXT, "Where the segment begins", nullable=True, source="streetfrom"),
        Column("street_to", Type.TEXT, "Where the segment ends", nullable=True, source="streetto"),
        IS_RETIRED,
        observed_at("brought this version"),
        EXTRA,
    ),
)
