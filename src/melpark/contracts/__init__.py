"""One contract per dataset: the only place where a column is described."""

from melpark.contracts.bay_restrictions import BAY_RESTRICTIONS
from melpark.contracts.bays import BAYS
from melpark.contracts.historical_stays import HISTORICAL_QUARANTINE, HISTORICAL_STAYS
from melpark.contracts.live import LiveTopic
from melpark.contracts.live_alerts import LIVE_ALERTS
from melpark.contracts.live_occupancy import LIVE_OCCUPANCY
from melpark.contracts.meters import METERS
from melpark.contracts.polls import POLLS, REJECTED_RECORDS
from melpark.contracts.rule_windows import RULE_VERSIONS, RULE_WINDOWS
from melpark.contracts.sensors import FEED_OUTAGES, SENSOR_EVENTS, SENSOR_STATES, SENSORS
from melpark.contracts.sign_plates import SIGN_PLATES
from melpark.contracts.table import Column, Table, Type, Unit
from melpark.contracts.zone_segments import ZONE_SEGMENTS

TABLES: tuple[Table, ...] = (
    SENSORS,
    SENSOR_EVENTS,
    SENSOR_STATES,
    FEED_OUTAGES,
    POLLS,
    BAYS,
    ZONE_SEGMENTS,
    SIGN_PLATES,
    BAY_RESTRICTIONS,
    METERS,
    RULE_WINDOWS,
    RULE_VERSIONS,
    REJECTED_RECORDS,
)
# In the lake alone; PostgreSQL never sees the historical files.
HISTORICAL: tuple[Table, ...] = (HISTORICAL_STAYS, HISTORICAL_QUARANTINE)
# In Kafka alone, computed by Flink.
LIVE_TOPICS: tuple[LiveTopic, ...] = (LIVE_OCCUPANCY, LIVE_ALERTS)
CAPTURED: tuple[Table, ...] = tuple(table for table in TABLES if table.is_captured)
REFERENCES: tuple[Table, ...] = (BAYS, ZONE_SEGMENTS, SIGN_PLATES, BAY_RESTRICTIONS, METERS)
DATASETS: tuple[str, ...] = tuple(table.dataset for table in TABLES if table.dataset)

__all__ = [
    "BAYS",
    "BAY_RESTRICTIONS",
    "CAPTURED",
    "DATASETS",
    "FEED_OUTAGES",
    "HISTORICAL",
    "HISTORICAL_QUARANTINE",
    "HISTORICAL_STAYS",
    "LIVE_ALERTS",
    "LIVE_OCCUPANCY",
    "LIVE_TOPICS",
    "METERS",
    "POLLS",
    "REFERENCES",
    "REJECTED_RECORDS",
    "RULE_VERSIONS",
    "RULE_WINDOWS",
    "SENSORS",
    "SENSOR_EVENTS",
    "SENSOR_STATES",
    "SIGN_PLATES",
    "TABLES",
    "ZONE_SEGMENTS",
    "Column",
    "LiveTopic",
    "Table",
    "Type",
    "Unit",
]
