"""A poller written down plainly, one record at a time: events, states and outages as the semantics define them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from melpark.simulator.records import Record

OFFLINE_AFTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


@dataclass
class Bay:
    status: str
    changed_at: datetime
    heard_at: datetime
    is_online: bool
    place: tuple[int | None, float, float]


@dataclass
class NaivePoller:
    """What is known, and the rows written so far."""

    bays: dict[str, Bay] = field(default_factory=dict)
    updated_at: datetime | None = None
    events: list[Row] = field(default_factory=list)
    states: dict[tuple[str, datetime], Row] = field(default_factory=dict)
    outages: list[Row] = field(default_factory=list)

    def poll(self, records: list[Record], observed_at: datetime) -> None:
        good = [record for record in records if instant(record["status_timestamp"]) != EPOCH]
        updated_at = max(instant(record["lastupdated"]) for record in good)
        if self.updated_at and updated_at > self.updated_at + OFFLINE_AFTER:
            start = self.updated_at + OFFLINE_AFTER
            self.outages.append({"start_at": start, "end_at": updated_at, "observed_at": observed_at})
        for record in good:
            self._record(record, updated_at, observed_at)
        self.updated_at = updated_at

    def _record(self, record: Record, updated_at: datetime, observed_at: datetime) -> None:
        kerbside_id = str(record["kerbsideid"])
        heard_at, changed_at = instant(record["lastupdated"]), instant(record["status_timestamp"])
        place = (record["zone_number"], record["location"]["lon"], record["location"]["lat"])
        is_online = heard_at + OFFLINE_AFTER > updated_at
        known = self.bays.get(kerbside_id)

        def state(valid_from_at: datetime, online: bool, where: tuple[int | None, float, float]) -> None:
            names = ("zone_number", "longitude", "latitude")
            self.states[kerbside_id, valid_from_at] = {
                "kerbside_id": kerbside_id,
                "valid_from_at": valid_from_at,
                "is_online": online,
                **dict(zip(names, where, strict=True)),
                "observed_at": observed_at,
            }

        if known is None or known.changed_at != changed_at:
            self.events.append(
                {
                    "kerbside_id": kerbside_id,
                    "status_changed_at": changed_at,
                    "status": record["status_description"],
                    "observed_at": observed_at,
                    "heard_at": heard_at,
                    "previous_heard_at": known.heard_at if known else None,
                }
            )
        if known is None:
            state(heard_at, True, place)
            if not is_online:
                state(heard_at + OFFLINE_AFTER, False, place)
        else:
            assert self.updated_at is not None
            silent_until = known.heard_at + OFFLINE_AFTER
            is_hole = known.is_online and heard_at > silent_until and known.heard_at < self.updated_at
            if is_hole:
                state(silent_until, False, known.place)
            elif known.is_online and not is_online:
                state(heard_at + OFFLINE_AFTER, False, known.place)
            if is_hole or (is_online and not known.is_online):
                state(heard_at, True, known.place)
            if place != known.place:
                state(updated_at, is_online, place)
        self.bays[kerbside_id] = Bay(record["status_description"], changed_at, heard_at, is_online, place)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
