"""Every database, role, topic, table, slot and path, named once."""

from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
ENGINES = PROJECT / "engines"
WEB = PROJECT / "web"
DBT_PROJECT = PROJECT / "dbt_gold"
ORCHESTRATION = PROJECT / "orchestration"
# What dbt knows of its models, from which Airflow's tasks are made; built, not kept.
DBT_MANIFEST = ORCHESTRATION / "manifest.json"
# Airflow's own environment.
AIRFLOW = PROJECT / ".tools" / "airflow"

DATABASE = "melpark"
SCHEMA = "parking"
SUPERUSER = "postgres"
OWNER_ROLE = "melpark_owner"
LOADER_ROLE = "melpark_loader"
CAPTURE_ROLE = "melpark_capture"
READER_ROLE = "melpark_reader"
ROLES = (SUPERUSER, OWNER_ROLE, LOADER_ROLE, CAPTURE_ROLE, READER_ROLE)
# Bearer token of the Curb Data Specification's Events and Metrics.
CDS_TOKEN = "cds_token"  # noqa: S105 a name
# Of the dashboards that compose.yaml shows.
GRAFANA_ADMIN = "grafana_admin"
# Of Airflow's page, user admin.
AIRFLOW_ADMIN = "airflow_admin"

CONNECTOR = "melpark-connector"
PUBLICATION = "melpark"
SLOT = "melpark"
TOPIC_PREFIX = "melbourne"
# What capture needs of its own, apart from the tables that it captures.
CAPTURE_SCHEMA = "parking_capture"
SIGNALS = f"{CAPTURE_SCHEMA}.signals"
HEARTBEAT = f"{CAPTURE_SCHEMA}.heartbeat"
GAPS = f"{CAPTURE_SCHEMA}.gaps"
NOTIFICATIONS_TOPIC = "melpark.capture.notifications"
HEARTBEATS_TOPIC = f"__debezium-heartbeat.{TOPIC_PREFIX}"
# What Flink computes from the change log.
LIVE_PREFIX = "melpark.live"
KAFKA_CLUSTER_ID = "MelParkSpineOnOneBox0A"

BRONZE_TABLE = "change_events"
STATIC_PAGE = WEB / "dist"


def topic(table: str) -> str:
    """Kafka topic of a captured table: Debezium's prefix, schema and table."""
    return f"{TOPIC_PREFIX}.{SCHEMA}.{table}"


def live_topic(name: str) -> str:
    """Kafka topic of live answers, by the name of its contract."""
    return f"{LIVE_PREFIX}.{name}"


LIVE_OCCUPANCY_TOPIC = live_topic("occupancy")
LIVE_ALERTS_TOPIC = live_topic("alerts")
# Where each bay lies, and from when on its vehicle is over: between Flink's jobs. What came too late for its window.
LIVE_PLACES_TOPIC = live_topic("places")
LIVE_DEADLINES_TOPIC = live_topic("deadlines")
LIVE_LATE_TOPIC = live_topic("late")


@dataclass(frozen=True)
class Home:
    """The folders of one MELPARK_HOME; nothing is created here."""

    root: Path

    @property
    def stamp(self) -> Path:
        return self.root / "home.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def run(self) -> Path:
        """Lock, status and rendered configuration of the running stack."""
        return self.root / "run"

    @property
    def status(self) -> Path:
        """What the running stack measures of itself, as `melpark status --json` tells it."""
        return self.run / "status.json"

    @property
    def outbox(self) -> Path:
        """Alerts on their way to the webhook."""
        return self.root / "alerts" / "outbox.sqlite3"

    @property
    def streams_ready(self) -> Path:
        """There while the stream driver's queries run."""
        return self.run / "streams.ready"

    @property
    def live_ready(self) -> Path:
        """There while Flink runs every job."""
        return self.run / "live.ready"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def engine(self, name: str) -> Path:
        """State of one engine: data directory, metastore, sockets."""
        return self.root / "engines" / name

    @property
    def backfill(self) -> Path:
        """Where a historical file is looked through before it is loaded; gone afterwards."""
        return self.root / "backfill"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def bronze(self) -> Path:
        return self.lake / "bronze" / BRONZE_TABLE

    def silver(self, table: str) -> Path:
        return self.lake / "silver" / table

    @property
    def gold(self) -> Path:
        return self.lake / "gold"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"
