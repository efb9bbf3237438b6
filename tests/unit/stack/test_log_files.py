"""Laws of `melpark logs`: the newest lines, and every later one once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from melpark.errors import ConfigurationError
from melpark.places import Home
from melpark.stack import log_files


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.logs.mkdir()
    return home


def write(home: Home, name: str, data: bytes) -> Path:
    file = home.logs / f"{name}.log"
    file.write_bytes(data)
    return file


def shown(home: Home, engine: str | None, lines: int) -> list[str]:
    said: list[str] = []
    log_files.show(home, engine, lines, False, said.append)
    return said


@pytest.mark.parametrize(("lines", "said"), [(0, []), (1, ["c"]), (2, ["b", "c"]), (9, ["a", "b", "c"])])
def test_the_newest_lines_are_shown(lines: int, said: list[str], home: Home) -> None:
    write(home, "kafka", b"a\nb\nc\n")
    assert shown(home, "kafka", lines) == said


def test_lines_of_several_engines_carry_their_names(home: Home) -> None:
    write(home, "kafka", b"a\n")
    write(home, "spark", b"b\n")
    assert shown(home, None, 5) == ["kafka: a", "spark: b"]
    assert shown(home, "spark", 5) == ["b"]


def test_lines_of_json_are_shown_as_text_between_those_of_other_programs(home: Home) -> None:
    ours = b'{"at": "2026-01-02T03:04:05.678Z", "level": "info", "logger": "melpark.x", "event": "done", "poll_id": 7}'
    write(home, "poller", b"WARN other\n" + ours + b"\n")
    other, line = shown(home, "poller", 5)
    assert other == "WARN other"
    assert line.endswith(",678 INFO melpark.x: done (poll_id 7)")


def test_an_engine_without_a_log_is_told_those_that_have_one(home: Home) -> None:
    write(home, "kafka", b"")
    with pytest.raises(ConfigurationError, match=r"no log of colour: .* has kafka"):
        shown(home, "colour", 5)


def test_a_home_without_logs_has_none_to_show(tmp_path: Path) -> None:
    assert shown(Home(tmp_path / "none"), None, 5) == []
    with pytest.raises(ConfigurationError, match="none yet"):
        shown(Home(tmp_path / "none"), "kafka", 5)


def test_what_comes_later_is_said_once_also_after_bytes_that_are_no_text_and_after_rotation(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(home, "kafka", b"old \xff\xff\n")
    said: list[str] = []
    happenings: list[Callable[[], object]] = [
        lambda: file.write_bytes(file.read_bytes() + b"later\n"),
        lambda: None,
        lambda: file.write_bytes(b"new\n"),
        file.unlink,
        lambda: None,
    ]

    def next_look(seconds: float) -> None:
        if not happenings:
            raise KeyboardInterrupt
        happenings.pop(0)()

    monkeypatch.setattr("time.sleep", next_look)
    with pytest.raises(KeyboardInterrupt):
        log_files.show(home, None, 5, True, said.append)
    assert said == ["old \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}", "later", "new"]
