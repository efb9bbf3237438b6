"""Point 5 of the spine: each mistake gives its one clear line and the right exit code, and nothing is written."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.stack.running import Stack


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack.on(tmp_path / "home")


def refused(answer: "subprocess.CompletedProcess[str]", exit_code: int, *words: str) -> None:
    assert answer.returncode == exit_code, answer.stderr
    line = answer.stderr.strip()
    assert "\n" not in line
    assert "Traceback" not in line
    for word in words:
        assert word in line


def test_every_bad_setting_is_named_at_once(stack: Stack) -> None:
    answer = stack.melpark(
        "up",
        MELPARK_COLOUR="red",
        MELPARK_KAFKA_PORT="70000",
        MELPARK_GRACE_SECONDS="soon",
        MELPARK_SOURCE="portal",
    )
    refused(answer, 2, "colour is not a setting", "kafka_port", "grace_seconds")
    assert not stack.home.exists()


def test_a_missing_portal_address_is_named(stack: Stack) -> None:
    refused(stack.melpark("up", "--source", "portal"), 2, "portal_url is missing")
    assert not stack.home.exists()


def test_two_equal_ports_are_named(stack: Stack) -> None:
    refused(
        stack.melpark("up", MELPARK_KAFKA_PORT="9999", MELPARK_SERVE_PORT="9999"),
        2,
        "kafka_port",
        "serve_port",
    )


def test_a_broken_settings_file_is_named(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "melpark.toml").write_text("home = [")
    answer = subprocess.run(
        [sys.executable, "-m", "melpark", "up"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    refused(answer, 2, "melpark.toml is not valid TOML")


def test_a_capture_that_does_not_exist_is_named(stack: Stack, tmp_path: Path) -> None:
    refused(
        stack.melpark("up", "--source", "replay", "--capture", str(tmp_path / "none")),
        2,
        str(tmp_path / "none"),
    )
    assert not stack.home.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip",
        gzip.compress(b"[{]"),
        gzip.compress(b'{"a": 1}'),
        gzip.compress(json.dumps([{}] * 99).encode())[:-9],
    ],
    ids=["no gzip", "no JSON", "no array", "cut off"],
)
def test_a_broken_capture_file_is_named(stack: Stack, tmp_path: Path, body: bytes) -> None:
    folder = tmp_path / "capture" / "on-street-parking-bay-sensors"
    folder.mkdir(parents=True)
    (folder / "20250805T051939Z.json.gz").write_bytes(body)
    answer = stack.melpark("up", "--source", "replay", "--capture", str(tmp_path / "capture"))
    refused(answer, 2, "20250805T051939Z.json.gz")
    assert not stack.home.exists()


def test_a_flaw_that_is_none_is_named(stack: Stack) -> None:
    refused(stack.melpark("up", MELPARK_SIMULATOR_DIRT="share_ded=0"), 2, "share_ded is no flaw")
    assert not stack.home.exists()


def test_no_disk_space_is_named_with_what_is_asked_for(stack: Stack) -> None:
    answer = stack.melpark("up", MELPARK_MIN_FREE_DISK_MEBIBYTES=str(10**9))
    refused(answer, 3, "MiB are free", str(10**9), "MELPARK_HOME")
    assert not stack.home.exists()


def test_until_done_needs_a_replay(stack: Stack) -> None:
    refused(stack.melpark("up", "--until-done"), 2, "--until-done", "replay")


def test_an_unknown_option_is_a_usage_error(stack: Stack) -> None:
    answer = stack.melpark("up", "--sauce", "simulator")
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr


def test_down_status_and_logs_say_that_nothing_runs(stack: Stack) -> None:
    assert stack.melpark("down").stdout.strip() == "Nothing was running."
    status = stack.melpark("status", "--json")
    assert status.returncode == 1
    assert json.loads(status.stdout)["state"] == "stopped"
    refused(stack.melpark("logs", "kafka"), 2, "There is no log of kafka")


def test_reset_deletes_no_folder_that_is_not_a_home(stack: Stack) -> None:
    stack.home.mkdir()
    (stack.home / "letters.txt").write_text("dear")
    refused(stack.melpark("reset", "--yes"), 3, "is not a MelPark home")
    assert (stack.home / "letters.txt").exists()
