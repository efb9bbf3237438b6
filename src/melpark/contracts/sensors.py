"""The live feed `on-street-parking-bay-sensors`: the present of every sensor, and all its history."""

from melpark.contracts.table import EXTRA, IS_RETIRED, ORIGIN, Column, Table, Type, Unit, observed_at

DATASET = "on-street-parking-bay-sensors"

KERBSIDE_ID = Column(
    "kerbside_id",
    Type.TEXT,
    "The City's id of the bay's sensor; text, for two are no numbers",
    source="kerbsideid",
)
STATUS = Column(
    "status", Type.TEXT, "Present (a vehicle stands in the bay) or Unoccupied", source="status_description"
)
STATUS_CHANGED_AT = Column(
    "status_changed_at", Type.TIMESTAMP, "When the status changed, by the sensor", source="status_timestamp"
)
ZONE_NUMBER = Column(
    "zone_number",
    Type.INTEGER,
    "Parking zone, by which rules are found; null in 7 % of the feed",
    nullable=True,
    source="zone_number",
)
LONGITUDE = Column("longitude", Type.DOUBLE, "Degrees east, WGS 84", source="location.lon", unit=Unit.DEGREES)
LATITUDE = Column("latitude", Type.DOUBLE, "Degrees north, WGS 84", source="location.lat", unit=Unit.DEGREES)
IS_ONLINE = Column(
    "is_online", Type.BOOLEAN, "True while a `lastupdated` of the bay is younger than offline_after"
)

SENSORS = Table(
    name="sensors",
    grain="One row per sensor ever seen in the feed: its present",
    key=("kerbside_id",),
    dataset=DATASET,
    columns=(
        KERBSIDE_ID,
        STATUS,
        STATUS_CHANGED_AT,
        ZONE_NUMBER,
        LONGITUDE,
        LATITUDE,
        IS_ONLINE,
        IS_RETIRED,
        Column(
            "heard_at",
            Type.TIMESTAMP,
            "The bay's `lastupdated` where older than the feed's (dead, missing or refused); null while it keeps up",
            nullable=True,
            source="lastupdated",
        ),
        observed_at("last changed this row"),
        EXTRA,
    ),
)

SENSOR_EVENTS = Table(
    name="sensor_events",
    grain="One row per status change of a bay",
    key=("kerbside_id", "status_changed_at"),
    is_history=True,
    columns=(
        KERBSIDE_ID,
        STATUS_CHANGED_AT,
        STATUS,
        observed_at("first showed the change"),
        Column(
            "heard_at",
            Type.TIMESTAMP,
            "The bay's `lastupdated` in that poll, or previous_heard_at where it ran backwards",
            source="lastupdated",
        ),
        Column(
            "previous_heard_at",
            Type.TIMESTAMP,
            "The bay's `lastupdated` in the last accepted poll before that held the bay; null for a bay's first event",
            nullable=True,
        ),
        ORIGIN,
    ),
)

SENSOR_STATES = Table(
    name="sensor_states",
    grain="One row per sensor and instant from which its liveness, zone, place or retirement held",
    key=("kerbside_id", "valid_from_at"),
    is_history=True,
    columns=(
        KERBSIDE_ID,
        Column(
            "valid_from_at", Type.TIMESTAMP, "From this instant on the state holds, until the bay's next row"
        ),
        IS_ONLINE,
        ZONE_NUMBER,
        LONGITUDE,
        LATITUDE,
        IS_RETIRED,
        observed_at("showed the state"),
        ORIGIN,
    ),
)

FEED_OUTAGES = Table(
    name="feed_outages",
    grain="One row per time in which the whole feed was silent",
    key=("start_at",),
    is_history=True,
    columns=(
        Column("start_at", Type.TIMESTAMP, "Newest `lastupdated` before the silence plus offline_after"),
        Column("end_at", Type.TIMESTAMP, "Newest `lastupdated` of the poll that ended the silence"),
        observed_at("ended the silence"),
        ORIGIN,
    ),
)
