"""The whole server without an engine: a small lake, a made-up present, and answers as Flink would give them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI

from integration.serving import small_city, small_lake
from melpark.contracts.live_alerts import LIVE_ALERTS
from melpark.contracts.live_occupancy import LIVE_OCCUPANCY
from melpark.places import Home
from melpark.serving.api.alerts import EXAMPLE as ALERT
from melpark.serving.api.occupancy import NOW_EXAMPLE
from melpark.serving.app import create_app
from melpark.serving.live_answers import Answer, LiveAnswers, read
from melpark.serving.streets import fit_streets, geojson
from melpark.settings import Settings

# Through the middle of the bays, from west to east.
EAST, NORTH = small_city.MIDDLE
LINES = fit_streets(("Middle Street between A and B", EAST + step / 1000, NORTH) for step in (-9, 0, 9))
ALERTS: list[dict[str, Any]] = [
    ALERT | {"alert_id": f"zone_full/{zone}/{at}", "place": str(zone), "raised_at": at, "state": state}
    for zone, at, state in (
        (1, "2025-08-08T04:00:00Z", "raised"),
        (2, "2025-08-08T05:00:00Z", "cleared"),
        (3, "2025-08-08T05:00:00Z", "raised"),
    )
]
WINDOWS: list[dict[str, Any]] = [
    NOW_EXAMPLE | {"place": str(zone), "window_kind": kind, "window_start_at": start}
    for zone in (1, 2)
    for kind, start in (
        ("now", None),
        ("tumbling_5", "2025-08-08T04:55:00Z"),
        ("tumbling_5", "2025-08-08T05:00:00Z"),
    )
]


def answers() -> list[Answer]:
    """What a reader of Flink's topics gets."""
    return [
        read(topic, orjson.dumps({name: row[name] for name in topic.key}), orjson.dumps(row))
        for topic, rows in ((LIVE_ALERTS, ALERTS), (LIVE_OCCUPANCY, WINDOWS))
        for row in rows
    ]


def whole_app(home: Path, **settings: Any) -> FastAPI:
    """The app, ready, with something to tell of everything."""
    small_lake.write(Home(home))
    found = Settings(home=home, **{"rate_limit_per_minute": 0, "live": True, **settings})
    live = small_city.live_state(found)
    flink = LiveAnswers()
    flink.apply(answers(), datetime.now(UTC))
    flink.ready(datetime.now(UTC))
    return create_app(
        found,
        live,
        clock=lambda: small_city.OURS,
        streets=lambda: geojson(LINES, found.attribution),
        answers=flink,
    )
