"""Small historical files, and what a load of them leaves."""

import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from melpark.places import Home
from melpark.processing import query
from melpark.processing.history import backfill
from melpark.processing.history.backfill import Outcome
from melpark.settings import Settings

NOW = datetime(2026, 2, 1, 3, 4, 5, tzinfo=UTC)
HEADER_2017 = (
    "DeviceId,ArrivalTime,DepartureTime,DurationSeconds,StreetMarker,Sign,Area,StreetId,StreetName,"
    "BetweenStreet1,BetweenStreet2,Side Of Street,In Violation,Vehicle Present"
)
HEADER_2019 = (
    "DeviceId,ArrivalTime,DepartureTime,DurationMinutes,StreetMarker,SignPlateID,Sign,AreaName,StreetId,"
    "StreetName,BetweenStreet1ID,BetweenStreet1,BetweenStreet2ID,BetweenStreet2,SideOfStreet,SideOfStreetCode,"
    "SideName,BayId,InViolation,VehiclePresent"
)
EXAMPLE = {
    "DeviceId": "18053",
    "ArrivalTime": "02/07/2017 06:01:21 AM",
    "DepartureTime": "02/07/2017 06:16:12 AM",
    "DurationSeconds": "891",
    "DurationMinutes": "14",
    "StreetMarker": "C1024",
    "SignPlateID": "77",
    "Sign": "2P MTR M-SAT 7:30-20:30",
    "Area": "Banks",
    "AreaName": "Banks",
    "StreetId": "1171",
    "StreetName": "QUEEN STREET",
    "BetweenStreet1ID": "5",
    "BetweenStreet1": "FLINDERS STREET",
    "BetweenStreet2ID": "6",
    "BetweenStreet2": "FLINDERS LANE",
    "Side Of Street": "1",
    "SideOfStreet": "1",
    "SideOfStreetCode": "E",
    "SideName": "East",
    "BayId": "2044",
    "In Violation": "FALSE",
    "InViolation": "FALSE",
    "Vehicle Present": "TRUE",
    "VehiclePresent": "TRUE",
}


class Silent:
    """A Progress that no one looks at; it remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def begin(self, file_name: str, step: str, of: int) -> None:
        self.steps.append(step)

    def advance(self, done: int) -> None: ...

    def end(self, outcome: Outcome) -> None: ...


def write(file: Path, *rows: dict[str, str], header: str = HEADER_2017) -> Path:
    """A CSV whose rows are the example but for what is given."""
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, header.split(","), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(EXAMPLE | row for row in rows)
    return file


def load(home: Path, *files: Path) -> list[Outcome]:
    return backfill.run(Home(home), files, NOW, Silent())


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    return query.sql(Settings(home=home), sql)[1]


def reasons(home: Path) -> Counter[str]:
    return Counter(reason for (reason,) in rows(home, "SELECT reason FROM silver.historical_quarantine"))


def everything(home: Path) -> dict[str, Counter[tuple[Any, ...]]]:
    """All rows but for the run that brought them."""
    return {
        name: Counter(rows(home, f"SELECT * EXCLUDE (run_id, loaded_at) FROM silver.historical_{name}"))
        for name in ("stays", "quarantine")
    }


def stay(marker: str, arrival: str, departure: str, **other: str) -> dict[str, str]:
    """A row by its times as in "02/07/2017 06:01:21 AM"."""
    return {
        "StreetMarker": marker,
        "ArrivalTime": arrival,
        "DepartureTime": departure,
        "DurationSeconds": "",
    } | other


def times(home: Path) -> list[tuple[Any, ...]]:
    return rows(home, "SELECT arrival_at, departure_at FROM silver.historical_stays ORDER BY line_number")
