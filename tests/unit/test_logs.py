"""Laws of the log: a line is a JSON object in files and text for people, with the fields that were bound."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import structlog

from melpark import logs

Line = Callable[..., str]


@pytest.fixture(autouse=True)
def nothing_bound() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()


def line(form: logs.LogFormat, text: str, *arguments: object, **more: object) -> str:
    logger = logging.getLogger("melpark.some.module")
    record = logger.makeRecord(logger.name, logging.WARNING, "file", 1, text, arguments, None, **more)  # type: ignore[arg-type]
    return logs.formatter(form).format(record)


def test_a_line_of_json_has_time_level_logger_and_what_was_said_first() -> None:
    found = json.loads(line("json", "%d bays of %s", 3, "Café"))
    assert list(found) == ["at", "level", "logger", "event"]
    assert datetime.fromisoformat(found["at"]).utcoffset() is not None
    assert (found["level"], found["logger"], found["event"]) == (
        "warning",
        "melpark.some.module",
        "3 bays of Café",
    )


def test_what_is_bound_and_what_a_line_carries_are_fields() -> None:
    structlog.contextvars.bind_contextvars(poll_id=12)
    found = json.loads(line("json", "loaded", extra={"rows": 5}))
    assert (found["poll_id"], found["rows"]) == (12, 5)
    assert line("text", "loaded", extra={"rows": 5}).endswith(
        " WARNING melpark.some.module: loaded (poll_id 12, rows 5)"
    )


def test_what_the_sentence_says_is_not_repeated_for_people() -> None:
    kept = line("json", "bays: accepted", extra={"dataset": "bays", "poll_id": 3})
    assert json.loads(kept)["dataset"] == "bays"
    assert logs.readable(kept).endswith(": bays: accepted (poll_id 3)")


def test_what_a_file_holds_reads_as_the_terminal_shows_it() -> None:
    structlog.contextvars.bind_contextvars(poll_id=12)
    kept = line("json", "a\nb")
    assert "\n" not in kept
    assert logs.readable(kept).partition(" WARNING ")[2] == line("text", "a\nb").partition(" WARNING ")[2]
    assert logs.said(kept) == "a\nb"


def test_a_trace_is_one_field_and_stands_below_the_line_for_people() -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        logger = logging.getLogger("melpark")
        trace = (type(error), error, error.__traceback__)
        record = logger.makeRecord("melpark", logging.ERROR, "file", 1, "failed", (), trace)
    kept = logs.formatter("json").format(record)
    assert json.loads(kept)["trace"].endswith("ValueError: why")
    first, *below = logs.readable(kept).splitlines()
    assert first.endswith("ERROR melpark: failed")
    assert below[0] == "Traceback (most recent call last):"


@pytest.mark.parametrize(
    "other",
    [
        "",
        "26/11/27 12:00:00 WARN Spark: slow",
        '{"at": 1}',
        '{"at": "soon"}',
        '{"at',
        '{"msg": "of another program"}',
    ],
)
def test_a_line_that_is_not_ours_stays_as_it_is(other: str) -> None:
    assert logs.readable(other) == other
    assert logs.said(other) == other
