"""How MelPark's own processes log: a line of text on a terminal, a JSON object a line in the files of the stack.

Modules use `logging`; what is bound with `structlog.contextvars` (the id of the poll that is worked on) and what a
line carries as `extra` become fields. Engines that are not ours keep the form of their own.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import stamina.instrumentation
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

LogFormat = Literal["text", "json"]
# What one line of JSON always has; everything else in it is a field.
AT, LEVEL, LOGGER, EVENT, TRACE = "at", "level", "logger", "event", "trace"
QUIET = ("httpx", "httpcore", "apscheduler", "stamina", "py4j", "asyncio", "yoyo")


def configure(form: LogFormat, level: int = logging.INFO) -> None:
    """Send what this process logs to stderr; a second call changes nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=level, handlers=[handler])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # The hook for structlog, taken where that is installed, would tell the arguments of every call.
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])


def formatter(form: LogFormat) -> logging.Formatter:
    """Renders records of `logging`, whoever wrote them."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key=AT),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer(EVENT),
    ]
    render: Processor = structlog.processors.JSONRenderer(_dumps) if form == "json" else _text
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, render],
    )


def readable(line: str) -> str:
    """A line of a log for people: one of ours as text, with the trace below it; any other as it is."""
    found = _parsed(line)
    return line if found is None else _text(None, "", found)


def said(line: str) -> str:
    """What a line of a log says, without time, level and fields."""
    found = _parsed(line)
    return line if found is None else str(found[EVENT])


def _parsed(line: str) -> dict[str, Any] | None:
    if not line.startswith('{"' + AT):
        return None
    try:
        found = json.loads(line)
        datetime.fromisoformat(found[AT])
    except (ValueError, KeyError, TypeError):
        return None
    return found if {LEVEL, LOGGER, EVENT} <= found.keys() else None


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Time, level, logger and event first, so that the file can be read as it is; the trace last."""
    trace = event.pop("exception", None)
    first = {name: event.pop(name) for name in (AT, LEVEL, LOGGER, EVENT)}
    return first | dict(event) | ({TRACE: trace} if trace else {})


def _text(_: WrappedLogger, __: str, event: Mapping[str, Any]) -> str:
    # What the sentence says already is not said again.
    fields = {
        name: value
        for name, value in event.items()
        if name not in (AT, LEVEL, LOGGER, EVENT, TRACE) and str(value) not in str(event[EVENT])
    }
    at = datetime.fromisoformat(event[AT]).astimezone()
    line = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03} {event[LEVEL].upper()} {event[LOGGER]}: {event[EVENT]}"
    if fields:
        line += " (" + ", ".join(f"{name} {value}" for name, value in fields.items()) + ")"
    return line + (f"\n{event[TRACE]}" if event.get(TRACE) else "")


def _dumps(event: EventDict, **_: Any) -> str:
    return json.dumps(event, ensure_ascii=False, default=str, separators=(", ", ": "))
