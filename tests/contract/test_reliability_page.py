"""The fault tables of docs/reliability.md: every case of them names tests that are there."""

import re

from melpark.places import PROJECT

PAGE = PROJECT / "docs" / "reliability.md"
QUOTED = re.compile(r"`([^`]+)`")
# A file, a test of a file, or the beginning of a test's name followed by dots.
FILE = re.compile(r"(?:\w+/)*test_\w+\.py")
TEST = re.compile(r"(?<![\w/])test_\w+(?!\w*\.py)(?:\.\.\.)?")
# Each is part of a case's name.
CASES = (
    "429", "5xx", "timeout", "truncated", "same or overlapping polls", "shape", "row count", "dead sensor", "backwards",
    "inside a multi-row transaction", "slot dropped", "slot invalidated", "connector down for long", "idle table",
    "postgresql or kafka killed", "topic deleted", "between data and checkpoint commit", "checkpoint of",
    "poison message",
    "late and out-of-order", "column added", "two writers", "compaction", "10,000 small commits",
    "clock skew", "disk full", "same instant", "restored from",
)  # fmt: skip


def rows() -> list[tuple[str, str]]:
    """Case and last cell of every row."""
    lines = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [(cells[1].strip(), cells[-2]) for cells in lines if cells[1].strip() != "case"]


def test_every_case_names_a_test() -> None:
    unproven = [
        case
        for case, cell in rows()
        if not any(FILE.search(text) or TEST.search(text) for text in QUOTED.findall(cell))
    ]
    assert unproven == []


def test_every_case_that_was_promised_is_there() -> None:
    cases = " ".join(case for case, _ in rows()).lower()
    assert [case for case in CASES if case not in cases] == []


def test_every_test_and_file_named_is_there() -> None:
    files = [file.relative_to(PROJECT).as_posix() for file in (PROJECT / "tests").rglob("test_*.py")]
    code = "".join((PROJECT / file).read_text() for file in files)
    quoted = [text for _, cell in rows() for text in QUOTED.findall(cell)]
    named_files = {name for text in quoted for name in FILE.findall(text)}
    named_tests = {name for text in quoted for name in TEST.findall(text.rpartition("::")[2])}
    assert {name for name in named_files if not any(file.endswith(name) for file in files)} == set()
    # Its name up to the bracket, or what of it is named.
    ends = {name: f"def {name}(" if not name.endswith("...") else f"def {name[:-3]}" for name in named_tests}
    assert {name for name, text in ends.items() if text not in code} == set()
