"""One Kafka and one Spark for the folder, and a lake that every test finds filled with the same events."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pytest
from confluent_kafka import Producer

from integration.lake import engines
from integration.lake.case_bays import MADE_UP_PLATES, add_cases, calendar_of, rule_changes
from integration.lake.changes import (
    Change,
    History,
    captured_polls,
    captured_references,
    made_up_polls,
    polls_while_clocks_change,
)
from melpark.contracts import CAPTURED, SENSOR_EVENTS, SIGN_PLATES
from melpark.parking.plates import Plate
from melpark.parking.rules import Coverage, Window
from melpark.places import Home, topic
from melpark.processing import streams, topics
from melpark.processing.history import backfill
from melpark.settings import Settings
from melpark.stack import kafka, spark
from plugins.ports import free_ports
from unit.processing.history import made_up_files

CALENDAR_ZONES = 60
GOOD = {
    "kerbside_id": "misfit",
    "status_changed_at": "2025-08-05T05:00:00Z",
    "status": "Present",
    "observed_at": "2025-08-05T05:00:00Z",
    "heard_at": "2025-08-05T05:00:00Z",
    "previous_heard_at": None,
    "origin": "live",
}


def _event(**changed: object) -> str:
    return json.dumps({"before": None, "after": GOOD | changed, "op": "c"})


# Value of a message of sensor_events, and the reason for which it is refused.
MISFITS = {
    "{not json": "not a change event",
    "[]": "not a change event",
    _event(status_changed_at="yesterday"): "status_changed_at is not timestamp with time zone",
    _event(previous_heard_at=[1]): "previous_heard_at is not timestamp with time zone",
    _event(kerbside_id=None): "kerbside_id is missing",
    _event(status="Maybe"): "is_present is unknown",
    json.dumps({"before": None, "after": None, "op": "c"}): "no after image",
    json.dumps({"before": None, "after": GOOD, "op": "x"}): "unknown op x",
}


@dataclass
class Lake:
    """The engines, and what was written into Kafka."""

    settings: Settings
    spark: engines.Process
    history: History
    logs: Path
    messages: Counter[str] = field(default_factory=Counter)
    written: list[Change] = field(default_factory=list)
    calendar: list[Window] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    # What the running Spark was given beyond its own configuration.
    spark_configuration: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    def produce(self, table_topic: str, value: str | None, key: str | None) -> None:
        self.producer.produce(table_topic, value, key, headers={"of": table_topic.encode()})
        self.producer.poll(0)
        self.messages[table_topic] += 1

    def write(self, *changes: Change) -> None:
        for change in changes:
            self.produce(topic(change.table.name), change.payload, change.key)
            self.written.append(change)

    def __post_init__(self) -> None:
        self.producer = Producer(
            {"bootstrap.servers": f"127.0.0.1:{self.settings.kafka_port}", "enable.idempotence": True}
        )

    def run(self) -> None:
        """Take everything that was written through bronze and silver."""
        assert self.producer.flush(30) == 0
        streams.run(self.settings, available_now=True)

    def load_history(self, *markers: str) -> None:
        """Load a file of the City's past with a stay of each street marker."""
        stays = [{"StreetMarker": marker} for marker in markers]
        file = made_up_files.write(self.home.root.parent / f"{'-'.join(markers)}.csv", *stays)
        backfill.run(self.home, [file], made_up_files.NOW, made_up_files.Silent())

    def restart_spark(self, **configuration: str) -> None:
        engines.stop(self.spark)
        self.start_spark(**configuration)

    def start_spark(self, **configuration: str) -> None:
        """Start Spark, with lines of its own in its configuration."""
        engine = spark.engine(self.settings)

        def prepare() -> None:
            engine.prepare()
            with (self.home.engine("spark") / "spark.conf").open("a") as file:
                file.writelines(f"{name} {value}\n" for name, value in configuration.items())

        self.spark = engines.start(dataclasses.replace(engine, prepare=prepare), self.logs)
        self.spark_configuration = configuration


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("lake")
    kafka_port, controller_port, spark_port = free_ports(3)
    settings = Settings(
        home=folder / "home",
        kafka_port=kafka_port,
        kafka_controller_port=controller_port,
        spark_port=spark_port,
    )
    started = [engines.start(kafka.engine(settings), folder / "logs")]
    try:
        topics.make(settings)
        started.append(engines.start(spark.engine(settings), folder / "logs"))
        filled = Lake(settings, started.pop(), History(), folder / "logs")
        started.append(filled.spark)
        _fill(filled, real_data / "portal")
        filled.run()
        started[-1] = filled.spark
        yield filled
        started[-1] = filled.spark
    finally:
        for process in reversed(started):
            engines.stop(process)


def _plates(references: list[Change], zones: Iterable[int]) -> dict[int, frozenset[Plate]]:
    """Those of the City's zones."""
    by_zone: dict[int, set[Plate]] = {zone: set() for zone in zones}
    for change in references:
        if change.table is SIGN_PLATES and change.row["zone_number"] in by_zone:
            row = change.row
            by_zone[row["zone_number"]].add(
                Plate(row["days"], row["start_minute"], row["finish_minute"], row["code"])
            )
    return {zone: frozenset(plates) for zone, plates in by_zone.items() if plates}


def _fill(lake: Lake, capture: Path) -> None:
    # Without the City's capture the made-up bays must do.
    for observed_at, rows in chain(polls_while_clocks_change(), made_up_polls(), captured_polls(capture)):
        lake.history.take(observed_at, rows)
    references = list(captured_references(capture))
    lake.calendar, lake.coverage = add_cases(lake.history)
    taken = {known.zone_number for known in lake.coverage}
    bays = Counter(zone for zone in lake.history.zones.values() if zone is not None and zone not in taken)
    plates = MADE_UP_PLATES | _plates(references, [zone for zone, _ in bays.most_common(CALENDAR_ZONES)])
    windows, coverage = calendar_of(plates)
    lake.calendar += windows
    lake.coverage += coverage
    events = [change for change in lake.history.changes if change.table is SENSOR_EVENTS]
    lake.write(*references, *rule_changes(lake.calendar, lake.coverage))
    lake.write(*lake.history.changes, *events[:300])
    name = topic(SENSOR_EVENTS.name)
    for number, value in enumerate(MISFITS):
        lake.produce(name, value, json.dumps({"kerbside_id": f"misfit-{number}"}))
    lake.produce(name, _event(), None)
    # What the connector tells of itself is no change of the city and has no place in bronze.
    for own in {plan.name for plan in topics.plan()} - {topic(table.name) for table in CAPTURED}:
        lake.producer.produce(own, '{"ts_ms": 1}', "{}")
    gone = events[0]
    lake.write(Change(SENSOR_EVENTS, gone.row, op="d"))
    lake.produce(name, None, gone.key)
    lake.load_history("C1", "C2")
