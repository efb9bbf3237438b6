"""The stream driver may be killed or asked to stop at any time, and so may Spark."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.lake import engines
from integration.lake.conftest import Lake
from integration.lake.test_bronze import duplicates, messages_by_topic
from integration.lake.test_silver import everything
from melpark.contracts import SENSOR_EVENTS
from melpark.errors import RetryableError, StopError
from melpark.processing import lake as reads
from melpark.processing import maintenance, streams
from melpark.processing.spark_session import connect
from melpark.processing.tables import SILVER

DRIVER = "from melpark import settings; from melpark.processing import streams; streams.run(settings.load())"

SHORT_SESSIONS = {
    "spark.connect.session.manager.defaultSessionTimeout": "15s",
    "spark.connect.session.manager.maintenanceInterval": "1s",
}


@pytest.fixture
def short_sessions(lake: Lake) -> None:
    """Spark ends sessions soon. It is started again only if it does not: a test before may have started it so."""
    if lake.spark_configuration != SHORT_SESSIONS:
        lake.restart_spark(**SHORT_SESSIONS)


@contextmanager
def driver(lake: Lake) -> Iterator[engines.Process]:
    with (lake.logs / "streams.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER],
            env=os.environ | lake.settings.environment(),
            cwd=lake.home.root,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def write_one_more(lake: Lake) -> None:
    lake.write(next(change for change in lake.history.changes if change.table is SENSOR_EVENTS))
    lake.producer.flush()


def all_is_in_bronze(lake: Lake) -> bool:
    return reads.rows(lake.home.bronze) >= lake.messages.total()


def rows_in_silver(lake: Lake) -> dict[str, int]:
    return {table.lake.name: reads.rows(lake.home.silver(table.lake.name)) for table in SILVER}


def running_queries(lake: Lake) -> int:
    """Spark runs each query on a thread of its own; Linux keeps the first 15 letters of its name."""
    found = 0
    for name in Path(f"/proc/{lake.spark.pid}/task").glob("*/comm"):
        # A thread may end while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += name.read_text().startswith("stream executio")
    return found


def test_neither_a_killed_driver_nor_a_killed_spark_loses_a_message_or_brings_one_twice(lake: Lake) -> None:
    with driver(lake) as process:
        write_one_more(lake)
        engines.wait_until(
            lambda: all_is_in_bronze(lake) and lake.home.streams_ready.exists(), "driver ready"
        )
        with pytest.raises(StopError, match="Another process runs the stream"):
            streams.run(lake.settings, available_now=True)
        process.kill()
    lake.home.streams_ready.unlink()
    # The orphan still runs while its successor starts.
    write_one_more(lake)
    with driver(lake) as process:
        write_one_more(lake)
        engines.wait_until(lake.home.streams_ready.exists, "the successor ready")
        engines.wait_until(lambda: running_queries(lake) == 2, "two queries and no third")
        lake.spark.kill()
        lake.spark.wait()
        assert process.wait(timeout=60) != 0
    write_one_more(lake)
    # So that the next test need not start it again.
    lake.start_spark(**SHORT_SESSIONS)
    lake.run()

    assert messages_by_topic(lake) == lake.messages
    assert duplicates(lake) == 0


@pytest.mark.usefixtures("short_sessions")
def test_a_driver_outlives_a_short_session_timeout_a_rebuild_and_maintenance(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    before = everything(lake)
    with driver(lake) as process:
        engines.wait_until(lake.home.streams_ready.exists, "the driver ready")
        engines.wait_until(lambda: running_queries(lake) == 2, "both queries")
        idle = connect(lake.settings)
        idle.readStream.format("rate").load().writeStream.format("noop").start()
        engines.wait_until(lambda: running_queries(lake) == 3, "the query of a session that falls idle")
        engines.wait_until(lambda: running_queries(lake) == 2, "that query ended with its session")
        write_one_more(lake)
        engines.wait_until(lambda: all_is_in_bronze(lake), "the message in bronze")
        # The event is known; that it came again shows as its later place.
        engines.wait_until(lambda: everything(lake) != before, "the message in silver", every_seconds=2)
        before = everything(lake)
        held = rows_in_silver(lake)

        assert streams.rebuild_silver(lake.settings) is True
        maintenance.care_for_lake(lake.settings)
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
        wish = lake.home.checkpoints / "rebuild_silver"
        engines.wait_until(lambda: not wish.exists(), "silver emptied")
        engines.wait_until(
            # Reading all of silver again and again would take the cores from Spark.
            lambda: rows_in_silver(lake) == held and everything(lake) == before,
            "silver made anew",
            every_seconds=2,
        )
        assert reads.size(lake.home.bronze).files < reads.rows(lake.home.bronze)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    lake.run()
    assert duplicates(lake) == 0


def test_a_driver_asked_to_end_stops_its_queries_and_succeeds(lake: Lake) -> None:
    with driver(lake) as process:
        write_one_more(lake)
        # A query that a killed driver left may bring it before this one runs.
        engines.wait_until(
            lambda: all_is_in_bronze(lake) and lake.home.streams_ready.exists(), "the message in bronze"
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        write_one_more(lake)
        before = reads.rows(lake.home.bronze)

    lake.run()
    assert reads.rows(lake.home.bronze) == before + 1


def test_a_spark_that_does_not_answer_is_said_so(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WAIT_SECONDS", 0.1)
    nobody = lake.settings.model_copy(update={"spark_port": lake.settings.connect_port})

    with pytest.raises(RetryableError, match="Spark does not answer"):
        streams.run(nobody, available_now=True)
