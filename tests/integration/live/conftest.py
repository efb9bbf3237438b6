"""Kafka and Flink for the folder, with every job deployed and a made-up city that has polled for a while."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.capture.engines import Engines, wait_until
from integration.live.change_log import ChangeLog
from integration.live.made_up_bays import City, text
from melpark.places import Home
from melpark.processing import topics
from melpark.processing.live import health
from melpark.processing.live.jobs import jobs
from melpark.settings import Settings
from melpark.stack import jars, live_jobs
from plugins.ports import free_ports

POLL_SECONDS = 0.4
# In which Flink reads what was written.
TOPIC_SECONDS = 1.5


@dataclass
class Live:
    """The engines, the log between them, and the city whose polls are written to it."""

    engines: Engines
    log: ChangeLog
    city: City

    @property
    def settings(self) -> Settings:
        return self.engines.settings

    def poll(self, gaps: list[int]) -> None:
        """Polls so many minutes apart, each committed as a whole. As in life, Flink is not far behind."""
        for poll in self.city.polls(gaps):
            self.log.write(poll.rows)
            time.sleep(POLL_SECONDS)

    def poll_topic_by_topic(self, gaps: list[int], tables: Sequence[str]) -> None:
        """Polls whose rows Flink reads in the worst order: all of one table before any of the next."""
        polls = list(self.city.polls(gaps))
        assert {table for poll in polls for table in poll.rows} <= set(tables)
        for table in tables:
            for poll in polls:
                if rows := poll.rows.get(table):
                    self.log.write({table: rows})
            time.sleep(TOPIC_SECONDS)

    def is_well(self) -> bool:
        return health.look(self.settings).is_well


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    folder = Path(tempfile.mkdtemp(prefix="melpark-live-"))
    kafka_port, controller_port, flink_port, rpc_port, gateway_port = free_ports(5)
    settings = Settings(
        home=folder / "home",
        speed=1,
        kafka_port=kafka_port,
        kafka_controller_port=controller_port,
        flink_port=flink_port,
        flink_rpc_port=rpc_port,
        flink_gateway_port=gateway_port,
    )
    Home(settings.home).run.mkdir(parents=True)
    engines = Engines(settings, Home(settings.home).logs)
    try:
        jars.fetch(jars.missing(["flink"]), lambda jar: None)
        for name in ("kafka", "jobmanager", "taskmanager"):
            engines.start(name)
        topics.make(settings)
        started = Live(engines, ChangeLog(engines), City())
        assert len(live_jobs.deploy(settings, print)) == len(jobs())
        wait_until(started.is_well, "every job runs")
        first = next(started.city.polls([0]))
        segments = [
            {
                "zone_number": 7000 + number,
                "segment_id": 20000 + number,
                "street": "A Street",
                "is_retired": False,
                "observed_at": text(first.observed_at),
            }
            for number in range(4)
        ]
        started.log.write({"zone_segments": segments} | first.rows)
        wait_until(lambda: ("city", "melbourne", "now", None) in started.log.occupancy(), "the city is known")
        yield started
    finally:
        engines.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
