"""`melpark.live.occupancy`: how full each place is now and was in the windows of the last hours."""

from melpark.contracts.live import LiveTopic
from melpark.contracts.table import Column, Type, Unit

PLACE_KINDS = ("location", "zone", "street", "city")
WINDOW_KINDS = ("now", "tumbling_5", "hopping_30")
# The one place of the kind city.
CITY = "melbourne"

LIVE_OCCUPANCY = LiveTopic(
    name="occupancy",
    grain="One value per place and window; published again when more becomes known within three hours",
    key=("place_kind", "place", "window_kind", "window_start_at"),
    columns=(
        Column("place_kind", Type.TEXT, "location, zone, street or city"),
        Column(
            "place",
            Type.TEXT,
            "Gold's location_key, the zone's number (none without one), the street's name (Unknown) or melbourne",
        ),
        Column("window_kind", Type.TEXT, "now, tumbling_5 or hopping_30 (30 minutes, every 5)"),
        Column(
            "window_start_at",
            Type.TIMESTAMP,
            "First instant of the window; null when window_kind is now",
            nullable=True,
        ),
        Column(
            "window_end_at",
            Type.TIMESTAMP,
            "First instant after the window; null when window_kind is now",
            nullable=True,
        ),
        Column(
            "bay_seconds",
            Type.DOUBLE,
            "Bay-time of all bays that are not retired; null when window_kind is now, like the other bay-times",
            nullable=True,
            unit=Unit.SECONDS,
        ),
        Column("online_seconds", Type.DOUBLE, "Bay-time online", nullable=True, unit=Unit.SECONDS),
        Column(
            "occupied_seconds", Type.DOUBLE, "Bay-time online and occupied", nullable=True, unit=Unit.SECONDS
        ),
        Column(
            "uncertain_seconds",
            Type.DOUBLE,
            "Bay-time online in which a change may hide, counted as occupied or vacant all the same",
            nullable=True,
            unit=Unit.SECONDS,
        ),
        Column("bays_total", Type.INTEGER, "Bays that are not retired, at the window's end or now"),
        Column("bays_online", Type.INTEGER, "Bays online at the window's end, or now"),
        Column("bays_occupied", Type.INTEGER, "Bays online and occupied at the window's end, or now"),
        Column(
            "occupancy_percent",
            Type.DOUBLE,
            "Occupied of online bay-time (bays, for now), 0 to 100; null when offline for most of it",
            nullable=True,
        ),
        Column(
            "arrivals",
            Type.INTEGER,
            "Vehicles that came in the window; null when window_kind is now",
            nullable=True,
        ),
        Column(
            "departures",
            Type.INTEGER,
            "Vehicles that left in the window; null when window_kind is now",
            nullable=True,
        ),
        Column("turnover", Type.DOUBLE, "Arrivals per hour; null when window_kind is now", nullable=True),
        Column(
            "published_at",
            Type.TIMESTAMP,
            "The feed's time up to which was known what the value says",
        ),
    ),
)
