"""`melpark.live.alerts`: what somebody should look at, raised and cleared."""

from melpark.contracts.live import LiveTopic
from melpark.contracts.table import Column, Type

ALERT_KINDS = ("overstay", "zone_full", "zone_quiet", "feed_quiet")
ALERT_STATES = ("raised", "cleared")

LIVE_ALERTS = LiveTopic(
    name="alerts",
    grain="One value per alert; published again when it is cleared",
    key=("alert_id",),
    columns=(
        Column("alert_id", Type.TEXT, "kind/place/raised_at: the same after a restart"),
        Column("kind", Type.TEXT, "overstay, zone_full, zone_quiet or feed_quiet"),
        Column("place_kind", Type.TEXT, "bay (overstay), zone, or city (feed_quiet)"),
        Column("place", Type.TEXT, "The bay's kerbside_id, the zone's number, or melbourne"),
        Column("state", Type.TEXT, "raised or cleared"),
        Column("raised_at", Type.TIMESTAMP, "The instant from which it held, by the source's clock"),
        Column(
            "cleared_at", Type.TIMESTAMP, "The instant from which it held no more; null before", nullable=True
        ),
        Column(
            "threshold",
            Type.DOUBLE,
            "What was reached: percent (zone_full), minutes over (overstay) or of silence (the quiet ones)",
        ),
        Column(
            "value",
            Type.DOUBLE,
            "What was measured when it was raised or cleared, in the same unit; null when unknown",
            nullable=True,
        ),
        Column("detail", Type.TEXT, "One sentence for people"),
    ),
)
