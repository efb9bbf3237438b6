"""The poller against a replayed portal and a real PostgreSQL."""

import gzip
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from integration.ingestion.made_up_polls import at, sensor
from integration.ingestion.portals import is_done, portal, replaying, serve, small_capture
from melpark.contracts import BAYS, DATASETS, SENSORS
from melpark.errors import ConfigurationError, RetryableError
from melpark.ingestion import poller
from melpark.ingestion.database import connect
from melpark.places import SUPERUSER
from melpark.settings import Settings
from melpark.simulator.capture import write_file
from plugins.ports import free_port

Query = Callable[..., list[tuple[Any, ...]]]
DEADLINE_SECONDS = 120
PROGRAM = (
    "import logging; logging.basicConfig(level='INFO');"
    "from melpark import settings; from melpark.ingestion import poller; poller.run(settings.load())"
)


@contextmanager
def polling(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The poller as a process of its own."""
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = inherited | settings.environment()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment, cwd=log.parent, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen in {DEADLINE_SECONDS} s"
        time.sleep(0.02)


def polls(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT dataset, outcome, etag FROM parking.polls ORDER BY poll_id")


def test_one_round_asks_each_dataset_once(postgres: Settings, query: Query, tmp_path: Path) -> None:
    with portal(replaying(postgres, small_capture(tmp_path))) as settings:
        poller.run(settings, once=True)
        assert sorted(dataset for dataset, _, _ in polls(query)) == sorted(DATASETS)
        poller.run(settings, once=True)
        # References are as they were (304), which leaves no row.
        assert polls(query)[len(DATASETS) :] == [(SENSORS.dataset, "accepted", '"r1-20250807T000200Z"')]
    assert query("SELECT count(*) FROM parking.sensor_events WHERE kerbside_id = '1'") == [(2,)]


def test_each_line_about_a_poll_carries_the_number_of_its_row(
    postgres: Settings, query: Query, tmp_path: Path
) -> None:
    capture = small_capture(tmp_path)
    (capture / BAYS.dataset / next((capture / BAYS.dataset).iterdir()).name).write_bytes(gzip.compress(b"[]"))
    coloured = [sensor(1, 0) | {"colour": "red"}, sensor(2, 0)]
    write_file(capture, SENSORS.dataset, at(0), orjson.dumps(coloured))
    with portal(replaying(postgres, capture)) as settings:
        done = subprocess.run(
            [sys.executable, "-m", "melpark", "--log-format", "json", "ingest", "--once"],
            env={"PATH": os.environ["PATH"]} | settings.environment(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    outcomes = [line for line in told if ", observed " in line["event"]]
    rows = query("SELECT dataset, poll_id, outcome, observed_at FROM parking.polls ORDER BY poll_id")
    assert [(line["dataset"], line["poll_id"]) for line in outcomes] == [row[:2] for row in rows]
    assert [line["observed_at"] for line in outcomes] == [f"{row[3]:%Y-%m-%dT%H:%M:%SZ}" for row in rows]
    assert {row[2] for row in rows if row[0] == BAYS.dataset} == {"refused"}
    unknown = [line for line in told if "colour" in line["event"] and line["level"] == "warning"]
    assert [(line["dataset"], line["poll_id"]) for line in unknown] == [
        row[:2] for row in rows if row[0] == SENSORS.dataset
    ]


def test_a_dataset_fails_alone_and_the_round_says_so(
    postgres: Settings, query: Query, tmp_path: Path
) -> None:
    capture = small_capture(tmp_path)
    for file in (capture / BAYS.dataset).iterdir():
        file.unlink()
    (capture / BAYS.dataset).rmdir()
    with (
        portal(replaying(postgres, capture)) as settings,
        pytest.raises(ConfigurationError, match="no dataset"),
    ):
        poller.run(settings, once=True)
    assert sorted(outcome for _, outcome, _ in polls(query)) == ["accepted"] * 5 + ["failed"]


def test_an_answer_that_is_refused_is_an_error_in_the_log(
    postgres: Settings, query: Query, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    capture = small_capture(tmp_path)
    for file in (capture / BAYS.dataset).iterdir():
        file.write_bytes(gzip.compress(b'[{"bay": "renamed"}]'))
    with portal(replaying(postgres, capture)) as settings, caplog.at_level(logging.INFO):
        poller.run(settings, once=True)
    (refused,) = (row for row in polls(query) if row[1] == "refused")
    told = [record for record in caplog.records if f"{BAYS.dataset}: refused" in record.message]
    assert (refused[0], [record.levelno for record in told]) == (BAYS.dataset, [logging.ERROR])
    assert "kerbsideid" in told[0].message


def test_a_portal_that_is_away_fails_the_round_and_leaves_rows(postgres: Settings, query: Query) -> None:
    settings = postgres.model_copy(update={"source_port": free_port()})
    with pytest.raises(RetryableError, match="6 of 6 datasets failed"):
        poller.run(settings, once=True)
    assert [row[1:] for row in polls(query)] == [("failed", None)] * 6


def test_recording_a_replay_gives_the_capture_again(postgres: Settings, tmp_path: Path) -> None:
    capture, copy = small_capture(tmp_path / "capture"), tmp_path / "copy"
    with portal(replaying(postgres, capture)) as settings:
        while not is_done(settings):
            poller.run(settings, once=True, record=copy)
    files = sorted(path.relative_to(capture) for path in capture.rglob("*.gz"))
    assert sorted(path.relative_to(copy) for path in copy.rglob("*.gz")) == files
    assert all((copy / file).read_bytes() == (capture / file).read_bytes() for file in files)


def test_refetching_asks_without_etag(postgres: Settings, query: Query, tmp_path: Path) -> None:
    with portal(replaying(postgres, small_capture(tmp_path, polls=1))) as settings:
        poller.run(settings, once=True)
        poller.run(settings, once=True)
        assert len(polls(query)) == 6
        poller.run(settings, once=True, refetch=True)
    assert [outcome for _, outcome, _ in polls(query)] == ["accepted"] * 12
    assert query("SELECT count(*) FROM parking.sensor_events") == [(2,)]


def test_a_term_signal_ends_it_cleanly(postgres: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        portal(replaying(postgres, small_capture(tmp_path / "capture"))) as settings,
        polling(settings, log) as process,
    ):
        wait_until(lambda: is_done(settings), "the end of the replay")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    lines = log.read_text().splitlines()
    assert lines[-1].endswith("Stopped")
    accepted = [line for line in lines if f"{SENSORS.dataset}: accepted" in line]
    assert len(accepted) == 3
    assert "Traceback" not in log.read_text()


def test_a_portal_that_comes_late_is_waited_for(postgres: Settings, query: Query, tmp_path: Path) -> None:
    settings = replaying(postgres, small_capture(tmp_path / "capture"))
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        settings = settings.model_copy(update={"source_port": reserved.getsockname()[1]})
    with polling(settings, tmp_path / "log"):
        wait_until(lambda: len(polls(query)) > len(DATASETS), "a failed attempt")
        with socket.create_server(("127.0.0.1", settings.source_port)) as listener, serve(settings, listener):
            wait_until(lambda: is_done(settings), "the end of the replay")
    assert query("SELECT count(*) FROM parking.sensor_events") == [(4,)]
    assert "it works again" in (tmp_path / "log").read_text()


@pytest.mark.real_data
def test_kills_and_lost_sessions_lose_no_event_and_make_none_twice(
    postgres: Settings, query: Query, real_capture: Path, tmp_path: Path
) -> None:
    random = Random(7)
    with portal(replaying(postgres, real_capture)) as settings:
        for _ in range(6):
            with polling(settings, tmp_path / "log") as process:
                before = len(polls(query))
                wait_until(
                    lambda before=before: len(polls(query)) > before or is_done(settings),  # type: ignore[misc]
                    "a poll",
                )
                time.sleep(random.random() / 2)
                end_sessions(settings)
                time.sleep(random.random() / 2)
                process.kill()
        with polling(settings, tmp_path / "log"):
            wait_until(lambda: is_done(settings), "the end of the replay")
    assert query("SELECT count(*), count(DISTINCT kerbside_id) FROM parking.sensor_events") == [(10963, 3309)]
    assert query("SELECT count(*) FROM parking.sensor_states") == [(4154,)]
    assert query("SELECT count(*) FROM parking.feed_outages") == [(4,)]
    assert "Traceback" not in (tmp_path / "log").read_text()


def end_sessions(settings: Settings) -> None:
    with connect(settings, SUPERUSER) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'melpark ingest'"
        )
