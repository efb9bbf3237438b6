"""Change events as Debezium writes them: made-up bays, the City's capture, and events that fit no contract."""

import gzip
import itertools
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from melpark.contracts import (
    FEED_OUTAGES,
    POLLS,
    REFERENCES,
    SENSOR_EVENTS,
    SENSOR_STATES,
    SENSORS,
    Table,
)
from melpark.ingestion.sources import PARSERS
from melpark.parking.intervals import Interval
from melpark.parking.stays import Event, Present

OFFLINE_AFTER = timedelta(minutes=15)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One message: what is written is what Debezium would write, or the raw `value` when it is given."""

    table: Table
    row: Row
    op: str = "c"
    value: str | None = None
    lsn: int = 1
    beyond: Mapping[str, object] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return json.dumps({name: _plain(self.row[name]) for name in self.table.key})

    @property
    def payload(self) -> str:
        if self.value is not None:
            return self.value
        names = self.table.column_names
        image = {name: _plain(self.row.get(name)) for name in names if name not in self.without}
        image |= self.beyond
        before, after = (image, None) if self.op == "d" else (None, image)
        source = {"lsn": self.lsn, "ts_ms": 1}
        return json.dumps({"before": before, "after": after, "source": source, "op": self.op, "ts_ms": 1})


@dataclass
class Bay:
    """What the polls said of one bay."""

    events: list[Event]
    heard_at: datetime
    is_online: bool = True


class History:
    """Polls turned into the rows that the loader would write, by the shortest way that can be checked by eye."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.bays: dict[str, Bay] = {}
        self.zones: dict[str, int | None] = {}
        self.silences: list[Interval] = []
        self.began_at: datetime | None = None
        self.feed_updated_at = datetime.min.replace(tzinfo=UTC)
        self._poll_ids = itertools.count(1)

    def take(self, observed_at: datetime, rows: Iterable[Row]) -> None:
        """One accepted poll of the sensors, as rows of its parser."""
        rows = list(rows)
        self.began_at = self.began_at or max(row["heard_at"] for row in rows)
        previous_feed, self.feed_updated_at = self.feed_updated_at, max(row["heard_at"] for row in rows)
        assert self.feed_updated_at >= previous_feed
        if previous_feed > datetime.min.replace(tzinfo=UTC):
            self._note_silence(observed_at, Interval(previous_feed + OFFLINE_AFTER, self.feed_updated_at))
        for row in rows:
            self._take_row(observed_at, row)
        self.changes.append(Change(POLLS, self._poll(observed_at)))

    def present(self, kerbside_id: str) -> Present:
        bay = self.bays[kerbside_id]
        heard_at = self.feed_updated_at if bay.is_online else bay.heard_at
        return Present(last_heard_at=heard_at, is_online=bay.is_online)

    def _note_silence(self, observed_at: datetime, silence: Interval) -> None:
        if silence.is_empty:
            return
        self.silences.append(silence)
        row = {
            "start_at": silence.start_at,
            "end_at": silence.end_at,
            "observed_at": observed_at,
            "origin": "live",
        }
        self.changes.append(Change(FEED_OUTAGES, row))

    def _take_row(self, observed_at: datetime, row: Row) -> None:
        kerbside_id = row["kerbside_id"]
        self.zones.setdefault(kerbside_id, row["zone_number"])
        known = self.bays.get(kerbside_id)
        newest = known.events[-1] if known else None
        before = len(self.changes)
        if newest and row["status_changed_at"] < newest.status_changed_at:
            return
        if known is None or newest is None:
            known = self.bays[kerbside_id] = Bay([], row["heard_at"])
            self._add_state(observed_at, row, row["heard_at"], is_online=True)
        if newest is None or newest.status_changed_at != row["status_changed_at"]:
            previous_heard_at = known.heard_at if newest else None
            event = Event(row["status"], row["status_changed_at"], row["heard_at"], previous_heard_at)
            known.events.append(event)
            self.changes.append(
                Change(
                    SENSOR_EVENTS,
                    {
                        **row,
                        "previous_heard_at": previous_heard_at,
                        "observed_at": observed_at,
                        "origin": "live",
                    },
                )
            )
        known.heard_at = row["heard_at"]
        is_online = self.feed_updated_at - row["heard_at"] < OFFLINE_AFTER
        if is_online != known.is_online:
            known.is_online = is_online
            since = row["heard_at"] if is_online else row["heard_at"] + OFFLINE_AFTER
            self._add_state(observed_at, row, since, is_online)
        if len(self.changes) > before:
            present = {**row, "is_online": is_online, "is_retired": False, "observed_at": observed_at}
            self.changes.append(Change(SENSORS, present))

    def _add_state(self, observed_at: datetime, row: Row, since: datetime, is_online: bool) -> None:
        state = {
            **row,
            "valid_from_at": since,
            "is_online": is_online,
            "is_retired": False,
            "observed_at": observed_at,
            "origin": "live",
        }
        self.changes.append(Change(SENSOR_STATES, state))

    def _poll(self, observed_at: datetime) -> Row:
        return {
            "poll_id": next(self._poll_ids),
            "dataset": SENSORS.dataset,
            "outcome": "accepted",
            "observed_at": observed_at,
            "feed_updated_at": self.feed_updated_at,
            "started_at": observed_at,
            "received_at": observed_at,
            "origin": "live",
        }


def made_up_polls(bay_count: int = 200, seed: int = 7) -> Iterator[tuple[datetime, list[Row]]]:
    """Polls two and twelve minutes apart of bays that change often, fall silent and come back."""
    chance = random.Random(seed)
    start = datetime(2025, 8, 1, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {
            "kerbside_id": f"made-up-{number}",
            "status": chance.choice(["Present", "Unoccupied"]),
            "status_changed_at": start - timedelta(hours=chance.randrange(1, 60)),
            "zone_number": chance.choice([None, 9001, 9002]),
            "longitude": 144.95,
            "latitude": -37.81,
            "heard_at": start,
        }
        for number in range(bay_count)
    ]
    now = start
    silent: set[int] = set()
    for number in range(20):
        now += timedelta(minutes=12 if number % 4 == 3 else 2)
        silent = {bay for bay in range(bay_count) if chance.random() < (0.95 if bay in silent else 0.05)}
        for bay, row in enumerate(rows):
            if bay in silent:
                continue
            row["heard_at"] = now
            changed_at = now - timedelta(seconds=chance.randrange(30, 900))
            if chance.random() < 0.4 and changed_at > row["status_changed_at"]:
                row |= {"status": chance.choice(["Present", "Unoccupied"]), "status_changed_at": changed_at}
        # One bay is never silent: the feed's own time.
        rows[0]["heard_at"] = now
        yield now, [dict(row) for row in rows]


# In whose nights, at 16:00 UTC, Melbourne's clock was set forward and back.
CLOCKS_CHANGED = (datetime(2024, 10, 5, tzinfo=UTC), datetime(2025, 4, 5, tzinfo=UTC))


def polls_while_clocks_change() -> Iterator[tuple[datetime, list[Row]]]:
    """Polls of the evening before and around the change, of two bays: in one a vehicle stands all night, in the other
    one comes just before the change and leaves after it.
    """
    for day in CLOCKS_CHANGED:
        all_night = [("12:20", "Present"), ("16:25", "Unoccupied")]
        around = [("12:10", "Unoccupied"), ("15:53", "Present"), ("16:11", "Unoccupied")]
        for clock in ("12:30", "12:40", "15:46", "15:58", "16:04", "16:16", "16:28"):
            yield (
                _clock(day, clock),
                [
                    {
                        "kerbside_id": f"over night {number}",
                        **_newest(day, changes, clock),
                        "zone_number": 9003,
                        "longitude": 144.95,
                        "latitude": -37.81,
                        "heard_at": _clock(day, clock),
                    }
                    for number, changes in enumerate((all_night, around))
                ],
            )


def _newest(day: datetime, changes: list[tuple[str, str]], clock: str) -> Row:
    changed, status = [(at, status) for at, status in changes if at <= clock][-1]
    return {"status": status, "status_changed_at": _clock(day, changed)}


def _clock(day: datetime, clock: str) -> datetime:
    hour, minute = clock.split(":")
    return day.replace(hour=int(hour), minute=int(minute))


def captured_polls(capture: Path) -> Iterator[tuple[datetime, list[Row]]]:
    for observed_at, records in _files(capture, SENSORS):
        yield observed_at, [item.row for item in PARSERS[SENSORS.dataset](records, observed_at).kept]


def captured_references(capture: Path) -> Iterator[Change]:
    for table in REFERENCES:
        for observed_at, records in _files(capture, table):
            for item in PARSERS[table.dataset](records, observed_at).kept:
                yield Change(table, {**item.row, "is_retired": False, "observed_at": observed_at}, op="r")


def _files(capture: Path, table: Table) -> Iterator[tuple[datetime, list[object]]]:
    for file in sorted((capture / table.dataset).glob("*.json.gz")):
        observed_at = datetime.strptime(file.name, "%Y%m%dT%H%M%SZ.json.gz").replace(tzinfo=UTC)
        yield observed_at, json.loads(gzip.decompress(file.read_bytes()))


def _plain(value: object) -> object:
    """A value as Debezium writes it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return (value - date(1970, 1, 1)).days
    if isinstance(value, dict):
        return json.dumps(value)
    return value
