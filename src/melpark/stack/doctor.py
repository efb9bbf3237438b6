"""`melpark doctor`: what could keep the stack from starting, and how to mend it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from melpark.errors import MelParkError, StopError
from melpark.places import Home
from melpark.processing import lake
from melpark.processing.tables import QUARANTINE
from melpark.settings import Settings
from melpark.simulator.capture import Capture
from melpark.stack import home as homes
from melpark.stack import jars, plan, postgres, status, web_page
from melpark.stack.declaration import Engine
from melpark.stack.ports import require_free

MEMORY_MEBIBYTES = 4096
LIVE_MEBIBYTES = 1024


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, and the problem with its remedy (empty when all is well)."""

    subject: str
    problem: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Run every check; none changes anything."""
    checks: list[tuple[str, Callable[[], None]]] = [
        ("Python", _python),
        ("Memory", lambda: _memory(settings)),
        ("Disk", lambda: homes.require_disk(settings.home.resolve(), settings.min_free_disk_mebibytes)),
        ("Home", lambda: _home(settings)),
        ("User of PostgreSQL", lambda: _postgres_user(settings)),
        ("Capture", lambda: _capture(settings)),
        ("Change capture", lambda: _change_capture(settings)),
        ("Feed", lambda: _feed(settings)),
        ("Quarantine", lambda: _quarantine(settings)),
        ("Ports", lambda: _ports(settings)),
        ("Jars", _jars),
        ("Web page", _page),
    ]
    return [Finding(subject, _problem(check)) for subject, check in checks]


def _problem(check: Callable[[], None]) -> str:
    try:
        check()
    except MelParkError as error:
        return str(error)
    return ""


def _python() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise StopError(f"Python {sys.version.split()[0]} is not supported", "", "Use 3.11, 3.12 or 3.13")


def _memory(settings: Settings) -> None:
    available = psutil.virtual_memory().available // 2**20
    needed = MEMORY_MEBIBYTES + (LIVE_MEBIBYTES if settings.live else 0)
    if available < needed:
        raise StopError(
            f"Only {available} MiB of memory are available",
            f"the stack needs up to {needed}",
            "End something",
        )


def _home(settings: Settings) -> None:
    stamp = homes.read_stamp(Home(settings.home.resolve()))
    if stamp is not None:
        homes.require_same(stamp, settings)


def _postgres_user(settings: Settings) -> None:
    postgres.require_runnable(settings)


def _capture(settings: Settings) -> None:
    if settings.source == "replay" and settings.capture_dir is not None:
        Capture.open(settings.capture_dir)


def _change_capture(settings: Settings) -> None:
    """What the running stack last said of it; a stopped one keeps no WAL waiting that could be read."""
    problems = (status.read(Home(settings.home.resolve())).get("capture") or {}).get("problems")
    if problems:
        raise StopError("Change capture needs a look", "; ".join(problems), "See `melpark cdc status`")


def _feed(settings: Settings) -> None:
    source = status.read(Home(settings.home.resolve()))["source"]
    if source.get("is_frozen"):
        raise StopError(
            f"No bay has changed for {source['unchanged_seconds'] / 3600:.1f} hours",
            "the feed answers, and may be stamped as fresh, but stands still",
            "Look at the portal's own page; bays are shown as last heard until it moves",
        )


def _quarantine(settings: Settings) -> None:
    held = lake.rows(Home(settings.home.resolve()).silver(QUARANTINE.name))
    if held:
        raise StopError(
            f"{held:,} change events did not fit and wait in silver.quarantine",
            "",
            'See `melpark sql "SELECT reason, count(*) FROM silver.quarantine GROUP BY 1"`',
        )


def _ports(settings: Settings) -> None:
    if homes.running_pid(Home(settings.home.resolve())) is not None:
        return
    for node in plan.nodes(settings):
        if isinstance(node, Engine):
            for port, setting in node.ports.items():
                require_free(port, node.name, setting)


def _jars() -> None:
    if missing := jars.missing():
        raise StopError(f"{len(missing)} jars are not fetched yet", "", "`melpark up` fetches them")


def _page() -> None:
    if not web_page.is_built():
        raise StopError("The web page is not built for these sources", "", "`melpark up` builds it")
