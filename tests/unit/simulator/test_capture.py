import gzip
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from melpark.contracts import BAYS, SENSORS
from melpark.errors import ConfigurationError, StopError
from melpark.simulator.capture import Capture, write_file
from unit.simulator.played_portal import FIRST, add_file, make_capture

GOOD_NAME = "20250807T011139Z.json.gz"
WHOLE = gzip.compress(b'[{"a": 1}]' * 100)


def test_files_come_in_the_order_of_their_times_whatever_the_order_of_writing(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        write_file(tmp_path, SENSORS.dataset, FIRST + timedelta(days=number), b"[]")
    files = Capture.open(tmp_path).files[SENSORS.dataset]
    assert [file.observed_at for file in files] == [FIRST + timedelta(days=number) for number in range(3)]


def test_a_written_body_comes_back_byte_for_byte(tmp_path: Path) -> None:
    body = b'[ {"a" : "\xc3\xa9"}\n]'
    path = write_file(tmp_path, SENSORS.dataset, FIRST, body)
    (file,) = Capture.open(tmp_path).files[SENSORS.dataset]
    assert (file.body(), file.path, path.name) == (body, path, "20250805T051939Z.json.gz")


def test_a_file_is_named_by_utc_whatever_the_zone_of_its_time(tmp_path: Path) -> None:
    melbourne = FIRST.astimezone(timezone(timedelta(hours=10)))
    assert write_file(tmp_path, SENSORS.dataset, melbourne, b"[]").name == "20250805T051939Z.json.gz"


def test_an_unfinished_file_of_a_killed_recording_is_no_part_of_the_capture(tmp_path: Path) -> None:
    make_capture(tmp_path, polls=1)
    add_file(tmp_path, f".{GOOD_NAME}.17", b"cut")
    assert len(Capture.open(tmp_path).files[SENSORS.dataset]) == 1


def test_a_refused_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(StopError, match="No space left on device"):
        write_file(tmp_path, SENSORS.dataset, FIRST, b"[]")
    assert list((tmp_path / SENSORS.dataset).iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("monday.json.gz", [], "is not named <YYYYMMDDTHHMMSSZ>.json.gz"),
        ("20250807T011139Z.json", [], "is not named <YYYYMMDDTHHMMSSZ>.json.gz"),
        ("20251347T011139Z.json.gz", [], "is not named <YYYYMMDDTHHMMSSZ>.json.gz"),
        (GOOD_NAME, b"", "is cut off"),
        (GOOD_NAME, WHOLE[:-12], "is cut off"),
        (GOOD_NAME, b"[]", "is not a whole gzip file"),
        (GOOD_NAME, WHOLE[:20] + b"\0\0\0\0" + WHOLE[24:], "is not a whole gzip file"),
        (GOOD_NAME, gzip.compress(b"[{"), "is not JSON"),
        (GOOD_NAME, {"results": []}, "is not a JSON array of objects"),
        (GOOD_NAME, [{"a": 1}, 2], "is not a JSON array of objects"),
    ],
    # Not by their bytes: a gzip file holds the time it was made, and all workers must see the same names.
    ids=[
        "name without a time",
        "name without gz",
        "name of no month",
        "empty",
        "cut off",
        "no gzip file",
        "wrong length",
        "no JSON",
        "an object",
        "an array with a number",
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    tmp_path: Path, name: str, content: Any, wrong: str
) -> None:
    make_capture(tmp_path, polls=1)
    add_file(tmp_path, name, content, dataset=BAYS.dataset)
    with pytest.raises(ConfigurationError) as caught:
        Capture.open(tmp_path)
    assert f"{BAYS.dataset}/{name} {wrong}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_broken_file_is_named_at_once(tmp_path: Path) -> None:
    make_capture(tmp_path, polls=1)
    add_file(tmp_path, GOOD_NAME, b"")
    add_file(tmp_path, "tuesday.json.gz", [], dataset=BAYS.dataset)
    with pytest.raises(ConfigurationError, match=r"tuesday.* is not named") as caught:
        Capture.open(tmp_path)
    assert f"{GOOD_NAME} is cut off" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "the folder does not exist"),
        (lambda path: path.touch(), "it is not a folder"),
        (lambda path: path.mkdir(), f"it has no file in {SENSORS.dataset}"),
        (lambda path: (path / SENSORS.dataset).mkdir(parents=True), "it has no file in"),
        (lambda path: add_file(path, GOOD_NAME, [], dataset=BAYS.dataset), "it has no file in"),
    ],
)
def test_what_is_no_capture_is_refused_with_its_reason(tmp_path: Path, make: Any, why: str) -> None:
    path = tmp_path / "capture"
    make(path)
    with pytest.raises(ConfigurationError) as caught:
        Capture.open(path)
    assert why in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_breaks_after_the_opening_stops_with_its_name(tmp_path: Path) -> None:
    make_capture(tmp_path, polls=1)
    (file,) = Capture.open(tmp_path).files[SENSORS.dataset]
    file.path.write_bytes(b"")
    with pytest.raises(StopError, match=file.path.name):
        file.body()


def test_an_answer_of_the_same_second_is_replaced(tmp_path: Path) -> None:
    write_file(tmp_path, SENSORS.dataset, FIRST, b"[]")
    write_file(tmp_path, SENSORS.dataset, FIRST, b'[{"a": 2}]')
    (file,) = Capture.open(tmp_path).files[SENSORS.dataset]
    assert (file.body(), file.observed_at.tzinfo) == (b'[{"a": 2}]', UTC)
    assert file.observed_at == datetime(2025, 8, 5, 5, 19, 39, tzinfo=UTC)
