"""Polls of the sensors and of sign plates in short words, and a look at the calendar that follows them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from integration.ingestion.made_up_polls import answer, at, sensor
from melpark.contracts import SENSORS, SIGN_PLATES
from melpark.ingestion import rule_load
from melpark.ingestion.database import connect
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.settings import Settings
from unit.parking.plate_texts import local

Query = Callable[..., list[tuple[Any, ...]]]
DAY = 24 * 60
WEEK = 7 * DAY
ALWAYS = "SP Mon-Sun 00:00-23:59"
OFFICE = "2P Mon-Fri 07:30-18:30"
LATER = "MP2P Mon-Fri 10:00-19:00"


def plate_record(zone: int, text: str) -> dict[str, object]:
    code, days, hours = text.split()
    start, finish = hours.split("-")
    return {
        "parkingzone": zone,
        "restriction_days": days,
        "time_restrictions_start": f"{start}:00",
        "time_restrictions_finish": f"{finish}:00",
        "restriction_display": code,
    }


def poll(loader: PostgresLoader, minute: float) -> None:
    """A poll of the sensors, so many minutes after T0 (2025-08-07 10:00 local)."""
    found = loader.load(answer([sensor(1, minute - 1)], minute, SENSORS.dataset))
    assert found.outcome == "accepted", found.reason


def plates(loader: PostgresLoader, minute: float, zones: dict[int, list[str]]) -> None:
    """A poll of the sign plates."""
    records = [plate_record(zone, text) for zone, texts in zones.items() for text in texts]
    assert loader.load(answer(records, minute, SIGN_PLATES.dataset)).outcome == "accepted"


def windows(query: Query, zone: int = 7001) -> list[tuple[Any, ...]]:
    """Code, start, end and start of the clock of the zone's windows that are not empty."""
    return query(
        "SELECT code, start_at, end_at, clock_start_at FROM parking.rule_windows"
        " WHERE zone_number = %s AND end_at > start_at ORDER BY start_at, code",
        zone,
    )


def versions(query: Query, zone: int = 7001) -> list[tuple[Any, ...]]:
    return query(
        "SELECT start_at, end_at, is_current FROM parking.rule_versions"
        " WHERE zone_number = %s AND end_at > start_at ORDER BY start_at",
        zone,
    )


def everything(query: Query) -> list[tuple[Any, ...]]:
    return query("SELECT * FROM parking.rule_windows ORDER BY zone_number, start_at, code")


def on(found: list[tuple[Any, ...]], day: str) -> list[tuple[Any, ...]]:
    """The windows that begin on a local day."""
    return [row for row in found if local(day) <= row[1] < local(day) + timedelta(days=1)]


def rebuilt(postgres: Settings, query: Query) -> list[tuple[Any, ...]]:
    """The calendar after it was computed again, whole."""
    with connect(postgres) as connection, connection.transaction(), connection.cursor() as cursor:
        rule_load.rebuild(cursor, at(99 * DAY), postgres)
    return everything(query)
