"""What the person sees while the stack runs: a live table, or plain lines without a terminal."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

LogHandler = logging.StreamHandler[TextIO]
COLOURS = {
    "running": "green",
    "healthy": "green",
    "starting": "yellow",
    "waiting": "dim",
    "degraded": "yellow",
}


def render(status: dict[str, Any], url: str) -> Group:
    """The status as two tables: engines and stages."""
    if not status["engines"]:
        hint = "   `melpark up` starts it" if status["state"] == "stopped" else ""
        return Group(Text.assemble(("MelPark ", "bold"), status["state"], hint))
    head = Text.assemble(
        ("MelPark ", "bold"),
        (status["state"], COLOURS.get(status["state"], "red")),
        f"   source: {status['source']['kind']}{_history(status.get('history'))}",
        f"   map: {url}   Ctrl-C stops everything",
    )
    return Group(head, engines_table(status), stages_table(status), *problems(status))


def problems(status: dict[str, Any]) -> list[Text]:
    """What a person should know of change capture and of the feed, a line each."""
    capture, source = status.get("capture") or {}, status["source"]
    said = [f"capture: {problem}" for problem in capture.get("problems", ())]
    if source.get("is_frozen"):
        hours = source["unchanged_seconds"] / 3600
        said.append(f"source: no bay has changed for {hours:.1f} hours, the feed may stand still")
    return [Text(line, "yellow") for line in said]


def engines_table(status: dict[str, Any]) -> Table:
    table = Table(
        "engine", "state", "since", "memory", "port", "restarts", box=None, pad_edge=False, header_style="dim"
    )
    for name, engine in status["engines"].items():
        state = Text(engine["state"], COLOURS.get(engine["state"], "red"))
        if engine.get("detail"):
            state.append(f" {engine['detail'][:60]}", "dim")
        memory = f"{engine['memory_bytes'] / 2**20:,.0f} MiB" if engine["memory_bytes"] else ""
        table.add_row(
            name, state, _clock(engine["since"]), memory, str(engine["port"] or ""), str(engine["restarts"])
        )
    total = sum(engine["memory_bytes"] for engine in status["engines"].values())
    table.add_row("", "", "", f"{total / 2**20:,.0f} MiB", "", "", style="dim")
    return table


def stages_table(status: dict[str, Any]) -> Table:
    table = Table("stage", "rows", "newest event", "behind", box=None, pad_edge=False, header_style="dim")
    for name, stage in status["stages"].items():
        rows = "" if stage["rows"] is None else f"{stage['rows']:,}"
        table.add_row(name, rows, _time(stage["last_event_at"]), _seconds(stage["lag_seconds"]))
    return table


def summary(status: dict[str, Any]) -> str:
    """Rows per stage in one line."""
    stages = ((name, stage["rows"]) for name, stage in status["stages"].items())
    return ", ".join(f"{name} {rows:,}" for name, rows in stages if rows is not None)


class Screen:
    """Shows each status: redrawn in place on a terminal, otherwise a line for every change of a state."""

    def __init__(self, console: Console, url: str) -> None:
        self._console = console
        self._url = url
        self._live = (
            Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        )
        self._last: dict[str, str] = {}
        self._logs: list[tuple[LogHandler, Any]] = []

    def __enter__(self) -> "Screen":
        if self._live:
            self._live.__enter__()
            # What is logged goes above the table; written into it, the table would be drawn below its own remains.
            logs = [
                handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler
            ]
            self._logs = [(handler, handler.setStream(sys.stderr)) for handler in logs]
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            for handler, stream in self._logs:
                if stream is not None:
                    handler.setStream(stream)
            self._live.__exit__(None, None, None)

    def show(self, status: dict[str, Any]) -> None:
        if self._live:
            self._live.update(render(status, self._url), refresh=True)
            return
        states = {name: engine["state"] for name, engine in status["engines"].items()}
        states["melpark"] = status["state"]
        for name, state in states.items():
            if self._last.get(name) != state and state != "waiting":
                detail = status["engines"].get(name, {}).get("detail") or ""
                where = f" at {self._url}" if (name, state) == ("melpark", "healthy") else ""
                self._console.print(
                    f"{name} {state}{where} {detail}".strip(), highlight=False, markup=False, soft_wrap=True
                )
        self._last = states


def _history(history: dict[str, Any] | None) -> str:
    """While it is on its way."""
    if history is None or history["is_in_silver"]:
        return ""
    return f"   history: {history['days']} of {history['of_days']} days, the lake follows"


def _parse(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value)


def _clock(value: Any) -> str:
    moment = _parse(value)
    return "" if moment is None else f"{moment.astimezone():%H:%M:%S}"


def _time(value: Any) -> str:
    moment = _parse(value)
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} s" if value >= 1 else "0 s"
