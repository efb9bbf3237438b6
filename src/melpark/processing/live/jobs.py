"""The jobs: files of SQL, rendered with the settings into statements."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from melpark import contracts
from melpark.contracts.live_occupancy import CITY
from melpark.contracts.table import Type
from melpark.places import (
    HEARTBEATS_TOPIC,
    LIVE_ALERTS_TOPIC,
    LIVE_DEADLINES_TOPIC,
    LIVE_LATE_TOPIC,
    LIVE_OCCUPANCY_TOPIC,
    LIVE_PLACES_TOPIC,
    topic,
)
from melpark.settings import Settings

# In the order in which they need each other.
FILES = ("places.sql", "now.sql", "occupancy.sql", "deadlines.sql", "alerts.sql")
ALERTS = "melpark-alerts"
HEADER = re.compile(r"^-- name: (?P<name>\S+)\n-- version: (?P<version>\d+)\n")
FLINK_TYPE = {
    Type.TEXT: "STRING",
    Type.INTEGER: "INT",
    Type.DOUBLE: "DOUBLE",
    Type.TIMESTAMP: "TIMESTAMP_LTZ(3)",
}
SLOT_MS = 300_000
# Later knowledge of a window is published again for so long.
REPUBLISH_MS = 3 * 3_600_000
# State of a window is kept for so much of the source's time, and at least for so long by our clock.
KEPT_SECONDS, KEPT_SECONDS_AT_LEAST = 4 * 3600, 600
FLUSH_MS = 200


@dataclass(frozen=True)
class Job:
    """One job of Flink. Another version is another job: it takes over the state of none."""

    name: str
    version: int
    text: str

    @property
    def title(self) -> str:
        """By which Flink shows it."""
        return f"{self.name} v{self.version}"

    def statements(self, settings: Settings, start_ms: int = 0) -> list[str]:
        """What the gateway is told, in this order; the last one submits the job.

        Histories are read from what Kafka got at `start_ms` (0: all that it holds).
        """
        environment = Environment(
            loader=PackageLoader("melpark.processing.live", "sql"),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 - it is SQL
        )
        text = environment.from_string(self.text).render(_values(settings, start_ms))
        return [f"SET 'pipeline.name' = '{self.title}'", *_split(text)]

    def digest(self, settings: Settings) -> str:
        """The same for the same SQL and settings, wherever Kafka is."""
        text = "\n".join(self.statements(settings.model_copy(update={"kafka_servers": "kafka"})))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def jobs() -> list[Job]:
    return [_read(name) for name in FILES]


def _read(name: str) -> Job:
    text = (files("melpark.processing.live") / "sql" / name).read_text()
    header = HEADER.match(text)
    if header is None:
        raise ValueError(f"{name} does not begin with its name and version")
    return Job(header["name"], int(header["version"]), text)


def _values(settings: Settings, start_ms: int) -> dict[str, object]:
    kept = KEPT_SECONDS / max(settings.effective_speed, 1)
    # Nobody has overstayed within the grace.
    overstay_seconds = max(60 * settings.alert_overstay_minutes, settings.grace_seconds)
    return {
        "servers": settings.kafka_address,
        "topics": {
            **{table.name: topic(table.name) for table in contracts.CAPTURED},
            "places": LIVE_PLACES_TOPIC,
            "deadlines": LIVE_DEADLINES_TOPIC,
            "occupancy": LIVE_OCCUPANCY_TOPIC,
            "alerts": LIVE_ALERTS_TOPIC,
            "late": LIVE_LATE_TOPIC,
            "heartbeats": HEARTBEATS_TOPIC,
        },
        "columns": {one.name: _columns(one) for one in contracts.LIVE_TOPICS},
        "dataset": contracts.SENSORS.dataset,
        "city": CITY,
        "start": start_ms,
        "feed_lag_ms": round(settings.feed_lag_seconds * 1000),
        "exact_gap_ms": round(settings.exact_gap_seconds * 1000),
        "suspect_after_ms": round(settings.suspect_after_seconds * 1000),
        "overstay_minutes": f"{overstay_seconds / 60:g}",
        "overstay_ms": round(overstay_seconds * 1000),
        "slot_ms": SLOT_MS,
        "republish_ms": REPUBLISH_MS,
        "ttl": f"{max(round(kept), KEPT_SECONDS_AT_LEAST)} s",
        "flush": FLUSH_MS,
        # Of a replay as fast as can be nothing is known between its polls.
        "speed": settings.effective_speed,
        "full_percent": round(settings.alert_full_share * 100, 3),
        "clear_percent": round(settings.alert_full_clear_share * 100, 3),
        "full_minutes": settings.alert_full_minutes,
        "full_ms": settings.alert_full_minutes * 60_000,
        "quiet_minutes": settings.alert_quiet_minutes,
        "quiet_ms": settings.alert_quiet_minutes * 60_000,
        "feed_quiet_minutes": round(settings.offline_after_seconds / 60, 1),
        "feed_quiet_ms": round(settings.offline_after_seconds * 1000),
    }


def _columns(of: contracts.LiveTopic) -> str:
    """The columns of a contract, as Flink declares them."""
    return ",\n    ".join(f"`{column.name}` {FLINK_TYPE[column.type]}" for column in of.columns)


def _split(text: str) -> list[str]:
    """Statements end with a semicolon at the end of a line; a statement set holds several."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    found: list[str] = []
    statement: list[str] = []
    is_set = False
    for line in lines:
        statement.append(line)
        is_set = is_set or line.strip() == "EXECUTE STATEMENT SET"
        if line.rstrip().endswith(";") and (not is_set or line.strip() == "END;"):
            found.append("\n".join(statement).strip().rstrip(";"))
            statement, is_set = [], False
    return [one + ";" if one.startswith("EXECUTE STATEMENT SET") else one for one in found]
