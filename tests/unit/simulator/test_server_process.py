"""The server as the stack starts it: a process of its own on a port of 127.0.0.1."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from melpark.errors import ConfigurationError
from melpark.settings import Settings
from melpark.simulator.behaviour import Behaviour
from melpark.simulator.dirt import Dirt
from melpark.simulator.server import CATALOG, history, open_source, run
from plugins.ports import free_port
from unit.simulator.played_portal import FIRST, date_of, make_capture, replayed

PROGRAM = "from melpark import settings; from melpark.simulator import server; server.run(settings.load())"
COMMAND = "from melpark import cli; cli.main()"
DEADLINE_SECONDS = 60
EXPORT = f"{CATALOG}/on-street-parking-bay-sensors/exports/json"


@contextmanager
def served(
    settings: Settings, program: str = PROGRAM, *arguments: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    environment = os.environ | settings.environment()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        with httpx.Client(base_url=settings.source_url, timeout=DEADLINE_SECONDS) as client:
            wait_until_healthy(client, process)
            yield client, process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until_healthy(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/healthz")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the server did not answer")


def test_the_only_date_of_an_answer_is_the_sources(tmp_path: Path) -> None:
    with served(replayed(make_capture(tmp_path), source_port=free_port())) as (client, _):
        answer = client.get(EXPORT)
        assert date_of(answer) == FIRST
        assert len(answer.headers.get_list("Date")) == 1
        assert "Server" not in answer.headers


def test_a_replay_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    settings = replayed(make_capture(tmp_path), source_port=free_port())
    with served(settings) as (client, process):
        etag = client.get(EXPORT).headers["ETag"]
        process.kill()
        process.wait()
    with served(settings) as (client, _):
        assert client.get(EXPORT, headers={"If-None-Match": etag}).json() == [{"poll": 1}]


def test_the_command_writes_the_truth_of_the_day_that_it_plays(tmp_path: Path) -> None:
    settings = Settings(source_port=free_port(), simulator_outages=False)
    with served(settings, COMMAND, "simulate", "--truth", str(tmp_path)) as (client, _):
        played = date_of(client.get(EXPORT)).date()
    for name in ("stays", "faults", "outages"):
        days = sorted(path.stem for path in (tmp_path / name).iterdir())
        # Midnight may pass meanwhile.
        assert days[-1] == played.isoformat()


def test_flaws_and_overstays_follow_the_settings() -> None:
    feed = history(Settings(simulator_dirt="none", simulator_overstay_share=0.5)).feed
    assert feed.city.dirt == Dirt.none()
    assert feed.truth.behaviour.overstay_share == 0.5
    assert history(Settings()).feed.truth.behaviour == Behaviour()


def test_a_flaw_that_is_none_is_an_error_of_the_settings() -> None:
    with pytest.raises(ConfigurationError, match=r"share_ded is no flaw.*docs/simulator\.md"):
        open_source(Settings(simulator_dirt="share_ded=0"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_quietly(tmp_path: Path, number: int) -> None:
    with served(replayed(make_capture(tmp_path), source_port=free_port())) as (_, process):
        process.send_signal(number)
        _, said = process.communicate(timeout=DEADLINE_SECONDS)
        assert (process.returncode, said) == (0, "")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"Port {port} \(source_port\) is not free"):
            run(replayed(make_capture(tmp_path), source_port=port))


def test_the_citys_own_portal_is_not_played() -> None:
    settings = Settings(source="portal", portal_url="https://example.org")
    with pytest.raises(ConfigurationError, match="Source portal needs no process"):
        open_source(settings)


def test_a_held_answer_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    capture = make_capture(tmp_path, gap=timedelta(days=30))
    settings = replayed(capture, source_port=free_port(), speed=1000)
    with served(settings) as (client, process):
        etag = client.get(EXPORT).headers["ETag"]
        request = f"GET {EXPORT} HTTP/1.1\r\nHost: portal\r\nIf-None-Match: {etag}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", settings.source_port)) as held:
            held.sendall(request.encode())
            client.get("/healthz")
            process.terminate()
            _, said = process.communicate(timeout=DEADLINE_SECONDS)
            assert held.recv(1024).startswith(b"HTTP/1.1 503")
    assert (process.returncode, said) == (0, "")
