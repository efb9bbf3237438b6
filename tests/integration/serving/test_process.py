"""The server as a process of its own: one line when it cannot start, a clean end when it is told to."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from integration.serving.broker import Broker
from integration.serving.running import until
from melpark.serving.change_reader import change_log
from melpark.settings import Settings
from plugins.ports import free_port

SERVE = """
from melpark.errors import MelParkError
from melpark.serving.server import run
from melpark.settings import load
try:
    run(load())
except MelParkError as error:
    raise SystemExit(str(error))
"""


def test_a_taken_port_is_named_in_one_line(broker: Broker, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = _serve(broker, tmp_path, port)
        _, complaint = ended.communicate(timeout=60)
    assert ended.returncode == 1
    assert complaint.decode().count("\n") == 1
    assert f"127.0.0.1:{port}" in complaint.decode()


def test_a_told_server_ends_although_streams_are_open(broker: Broker, tmp_path: Path) -> None:
    for topic in change_log():
        broker.create(topic, 1)
    port = free_port()
    server = _serve(broker, tmp_path, port)
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").is_success, "the server is ready")
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/stream") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: source"
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        _, complaint = server.communicate()
    assert b"Traceback" not in complaint


def _serve(broker: Broker, home: Path, port: int) -> subprocess.Popen[bytes]:
    kafka_port = int(broker.bootstrap.rpartition(":")[2])
    settings = Settings(home=home, serve_port=port, kafka_port=kafka_port)
    return subprocess.Popen(
        [sys.executable, "-c", SERVE], env=os.environ | settings.environment(), stderr=subprocess.PIPE
    )
