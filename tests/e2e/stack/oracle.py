"""What a capture must become, computed from its files with plain Python and nothing of MelPark."""

import gzip
import itertools
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SENSORS = "on-street-parking-bay-sensors"
LIVE = timedelta(minutes=15)
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


def last_status(capture: Path) -> dict[str, str]:
    """Each bay's status in the last poll of the capture that held a record of it that is not refused."""
    last: dict[str, tuple[datetime, str]] = {}
    for (bay, changed_at), status in events(capture).items():
        if bay not in last or changed_at > last[bay][0]:
            last[bay] = (changed_at, status)
    return {bay: status for bay, (_, status) in last.items()}


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def spread_out(capture: Path, target: Path, steps: int) -> Path:
    """A longer capture made of the real one: between two polls, the changes appear a share at a time.

    From step `number(bay) mod steps` on a bay shows its newer record, once that has happened; the live bays'
    `lastupdated` moves on with the files.
    """
    files = sorted((capture / SENSORS).glob("*.json.gz"))[:5]
    folder = target / SENSORS
    folder.mkdir(parents=True)
    for older_file, newer_file in itertools.pairwise(files):
        older, newer = _by_bay(older_file), _by_bay(newer_file)
        start, end = _file_time(older_file), _file_time(newer_file)
        for step in range(steps):
            at = (start + (end - start) * step / steps).replace(microsecond=0)
            shown = [
                newer[bay] if _is_shown(newer.get(bay), step, steps, at) else older[bay] for bay in older
            ]
            _write(
                folder, at, [_heard(record, older[str(record["kerbsideid"])], start, at) for record in shown]
            )
    _write(folder, _file_time(files[-1]), list(_by_bay(files[-1]).values()))
    for dataset in capture.iterdir():
        if dataset.name != SENSORS:
            (target / dataset.name).symlink_to(dataset)
    return target


def _is_shown(newer: dict[str, Any] | None, step: int, steps: int, at: datetime) -> bool:
    if newer is None or time(newer["status_timestamp"]) > at:
        return False
    return sum(map(ord, str(newer["kerbsideid"]))) % steps <= step


def _heard(record: dict[str, Any], older: dict[str, Any], start: datetime, at: datetime) -> dict[str, Any]:
    heard_at = time(older["lastupdated"])
    return record | {"lastupdated": (at if start - heard_at < LIVE else heard_at).isoformat()}


def _by_bay(file: Path) -> dict[str, Any]:
    return {str(record["kerbsideid"]): record for record in json.loads(gzip.decompress(file.read_bytes()))}


def _file_time(file: Path) -> datetime:
    return datetime.strptime(file.name.partition(".")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _write(folder: Path, at: datetime, records: list[dict[str, Any]]) -> None:
    body = gzip.compress(json.dumps(records).encode(), compresslevel=1)
    (folder / f"{at:%Y%m%dT%H%M%SZ}.json.gz").write_bytes(body)
