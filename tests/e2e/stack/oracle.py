"""What a capture must become, computed from its files with plain Python and nothing of MelPark."""

import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SENSORS = "on-street-parking-bay-sensors"
Event = tuple[str, datetime]


def polls(capture: Path) -> list[list[dict[str, Any]]]:
    return [
        json.loads(gzip.decompress(file.read_bytes()))
        for file in sorted((capture / SENSORS).glob("*.json.gz"))
    ]


def events(capture: Path) -> dict[Event, str]:
    """Status by (bay, status time) over all polls, without what is refused: times of 1970, times that run backwards."""
    found: dict[Event, str] = {}
    newest: dict[str, datetime] = defaultdict(lambda: datetime.min.replace(tzinfo=UTC))
    for poll in polls(capture):
        for record in poll:
            bay, changed_at = str(record["kerbsideid"]), time(record["status_timestamp"])
            if changed_at.year == 1970 or changed_at < newest[bay]:
                continue
            newest[bay] = changed_at
            found[bay, changed_at] = record["status_description"]
    return found


def told(capture: Path) -> set[Event]:
    """Every (bay, status time) of the polls, refused or not."""
    return {
        (str(record["kerbsideid"]), time(record["status_timestamp"]))
        for poll in polls(capture)
        for record in poll
    }


def last_status(capture: Path) -> dict[str, str]:
    """Each bay's status in the last poll of the capture that held a record of it that is not refused."""
    last: dict[str, tuple[datetime, str]] = {}
    for (bay, changed_at), status in events(capture).items():
        if bay not in last or changed_at > last[bay][0]:
            last[bay] = (changed_at, status)
    return {bay: status for bay, (_, status) in last.items()}


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
