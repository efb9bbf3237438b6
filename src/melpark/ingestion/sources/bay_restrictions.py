"""The older rules, by bay: `on-street-car-park-bay-restrictions`."""

import re
from collections.abc import Iterable
from datetime import datetime

from melpark.contracts import BAY_RESTRICTIONS
from melpark.contracts.bay_restrictions import SLOTS
from melpark.ingestion.sources.fields import (
    Reason,
    Record,
    RecordError,
    identifier,
    integer,
    optional_identifier,
    optional_integer,
    optional_text,
    text,
)
from melpark.ingestion.sources.record import Parsed, Reader, Row, join_key

# Their times are wall clock of the year 1, which neither Spark nor pandas can hold: only the clock is read.
WALL_CLOCK = re.compile(r"0001-01-01T([01]\d|2[0-3]):([0-5]\d):[0-5]\d\+00:00")
LAST_MINUTE = 23 * 60 + 59
MIDNIGHT = 24 * 60
WEEKDAYS = range(7)
NAMES_OF_SLOT = {
    slot: frozenset(
        f"{column.source.removesuffix('1..6')}{slot}"
        for column in BAY_RESTRICTIONS.columns
        if column.source.endswith("1..6")
    )
    for slot in SLOTS
}
NUMBERED = frozenset().union(*NAMES_OF_SLOT.values())


def parse(records: Iterable[object], observed_at: datetime) -> Parsed:
    """Rows of `parking.bay_restrictions` without what the loader computes: one per used slot of a record."""
    return READER.parse(records, observed_at)


def _split(record: Record) -> list[Record]:
    """The record once for each slot that says anything, without the fields of the others."""
    identifier(record, "bayid")
    shared = {name: value for name, value in record.items() if name not in NUMBERED}
    parts: list[Record] = [
        shared | {name: record.get(name) for name in names}
        for names in NAMES_OF_SLOT.values()
        if any(record.get(name) is not None for name in names)
    ]
    if not parts:
        raise RecordError(Reason.MISSING_FIELD, "typedesc1")
    return parts


def _slot(record: Record) -> int:
    return next(slot for slot, names in NAMES_OF_SLOT.items() if not names.isdisjoint(record))


def _key(record: Record) -> str:
    return join_key((identifier(record, "bayid"), _slot(record)))


def _row(record: Record, observed_at: datetime) -> Row:
    slot = _slot(record)
    start, finish = _minute(record, f"starttime{slot}"), _minute(record, f"endtime{slot}")
    return {
        "bay_id": identifier(record, "bayid"),
        "slot": slot,
        "device_id": optional_identifier(record, "deviceid"),
        "type": text(record, f"typedesc{slot}"),
        "description": optional_text(record, f"description{slot}"),
        "from_weekday": _weekday(record, f"fromday{slot}"),
        "to_weekday": _weekday(record, f"today{slot}"),
        "start_minute": start,
        # The clock of the year 1 has no 24:00.
        "finish_minute": MIDNIGHT if finish in (0, LAST_MINUTE) else finish,
        "limit_minutes": _minutes(integer(record, f"duration{slot}"), f"duration{slot}"),
        "disability_limit_minutes": _minutes(
            optional_integer(record, f"disabilityext{slot}"), f"disabilityext{slot}"
        ),
        "is_effective_on_public_holidays": _flag(record, f"effectiveonph{slot}"),
        "exemption": optional_text(record, f"exemption{slot}"),
    }


def _minute(record: Record, field: str) -> int:
    match = WALL_CLOCK.fullmatch(text(record, field))
    if not match:
        raise RecordError(Reason.WRONG_TYPE, field)
    return int(match[1]) * 60 + int(match[2])


def _weekday(record: Record, field: str) -> int:
    day = integer(record, field)
    if day not in WEEKDAYS:
        raise RecordError(Reason.WRONG_TYPE, field)
    return day


def _minutes(value: int | None, field: str) -> int | None:
    if value is not None and value < 0:
        raise RecordError(Reason.WRONG_TYPE, field)
    return value


def _flag(record: Record, field: str) -> bool | None:
    value = optional_integer(record, field)
    if value not in (None, 0, 1):
        raise RecordError(Reason.WRONG_TYPE, field)
    return None if value is None else bool(value)


READER = Reader(
    BAY_RESTRICTIONS, _key, _row, first_of_key=lambda record: identifier(record, "bayid"), split=_split
)
