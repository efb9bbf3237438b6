"""Points 3 and 4 of the spine: kills, a stop in the middle, a lost catalogue; the lake is right all the same."""

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from e2e.stack import oracle
from e2e.stack.replays import is_done, is_drained, silver_events, wait_until_drained
from e2e.stack.running import Stack, read_status, stopped_at_the_end
from melpark.places import Home
from melpark.processing.spark_session import connect

pytestmark = pytest.mark.real_data

VICTIMS = ("poller", "streams", "connect", "kafka", "source", "server", "scheduler", "postgres", "spark")
STEPS = 12


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory, real_capture: Path) -> Path:
    return oracle.spread_out(real_capture, tmp_path_factory.mktemp("capture") / "portal", STEPS)


@pytest.fixture(scope="module")
def survivor(short_folder: Path, capture: Path) -> Iterator[Stack]:
    """A stack whose every process was killed during a replay that was also stopped and started in the middle."""
    # Paced so that the replay lasts while the killing goes on, then as fast as the way allows.
    stack = Stack.on(
        short_folder / "survivor",
        MELPARK_SOURCE="replay",
        MELPARK_CAPTURE_DIR=str(capture),
        MELPARK_SPEED="300",
    )
    with stopped_at_the_end(stack):
        stack.start()
        stack.wait_until_healthy()
        assert not is_done(stack)
        for victim in VICTIMS:
            kill_and_wait_for_return(stack, victim)
        stack.was_done_at_the_stop = is_done(stack)
        stack.left_running = stack.stop()
        shutil.rmtree(Home(stack.home).engine("spark") / "metastore")
        stack.environment["MELPARK_SPEED"] = "0"
        stack.start()
        wait_until_drained(stack)
        yield stack


def kill_and_wait_for_return(stack: Stack, victim: str) -> None:
    before = read_status(stack.home)["engines"][victim]
    os.kill(before["pid"], signal.SIGKILL)
    stack.wait_for(
        f"return of {victim}",
        lambda status: (
            status["engines"][victim]["state"] == "running"
            and status["engines"][victim]["restarts"] > before["restarts"]
        ),
    )


def test_every_killed_process_comes_back_and_silver_is_exact(survivor: Stack, capture: Path) -> None:
    expected = sorted((bay, at, status) for (bay, at), status in oracle.events(capture).items())
    assert silver_events(survivor.home) == expected
    assert is_drained(survivor)


def test_postgres_holds_what_the_capture_holds(survivor: Stack, capture: Path) -> None:
    rows = survivor.postgres("SELECT kerbside_id, status_changed_at, status FROM parking.sensor_events")
    found = {(bay, at.astimezone(UTC)): status for bay, at, status in rows}
    assert found == oracle.events(capture)


def test_ctrl_c_in_the_middle_of_a_replay_leaves_no_process(survivor: Stack) -> None:
    assert not survivor.was_done_at_the_stop
    assert survivor.left_running == []


def test_tables_are_registered_again_after_the_catalogue_was_deleted(survivor: Stack) -> None:
    session = connect(survivor.settings, wait_seconds=30)
    try:
        rows = session.sql("SELECT count(*) FROM silver.sensor_events").collect()[0][0]
        names = {row["tableName"] for row in session.sql("SHOW TABLES IN silver").collect()}
    finally:
        session.stop()
    assert rows == len(silver_events(survivor.home))
    assert {"sensor_events", "sensor_states", "feed_outages", "polls", "bays"} <= names


def test_a_home_of_another_source_is_refused(survivor: Stack) -> None:
    assert survivor.stop() == []
    answer = survivor.melpark("up", "--source", "simulator", MELPARK_SPEED="1")
    assert answer.returncode == 2
    assert "holds data of source replay, not simulator" in answer.stderr
    assert answer.stderr.count("\n") == 1
