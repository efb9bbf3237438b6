"""How one field of a portal's record is read, or why it does not fit."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

Record = Mapping[str, object]

# Our HTTP Date and the feed's stamps come from two clocks of the City.
CLOCK_TOLERANCE = timedelta(minutes=1)
LONGEST_TEXT = 200
INTEGERS = range(-(2**31), 2**31)
LATITUDES = (-37.95, -37.70)
LONGITUDES = (144.80, 145.10)
DECIMAL = re.compile(r"[-+]?\d*\.\d+|[-+]?\d+\.")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Reason(StrEnum):
    """Why a record was refused."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_STATUS = "unknown_status"
    EPOCH_ZERO_TIME = "epoch_zero_time"
    TIME_IN_FUTURE = "time_in_future"
    OUTSIDE_MELBOURNE = "outside_melbourne"
    DUPLICATE_KEY = "duplicate_key"
    TIME_RUNS_BACKWARDS = "time_runs_backwards"
    STATUS_CONTRADICTS = "status_contradicts"
    TOO_DEEP = "too_deep"


class RecordError(ValueError):
    """A record does not fit its contract."""

    def __init__(self, reason: Reason, field: str) -> None:
        self.reason = reason
        self.field = field
        super().__init__(f"{reason.value}: {field}")


def required(record: Record, field: str) -> object:
    """The field's value, which must be there and not null."""
    value = record.get(field)
    if value is None:
        raise RecordError(Reason.MISSING_FIELD, field)
    return value


def text(record: Record, field: str, longest: int = LONGEST_TEXT) -> str:
    value = required(record, field)
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\x00" in value:
        raise RecordError(Reason.WRONG_TYPE, field)
    return value


def optional_text(record: Record, field: str, longest: int = LONGEST_TEXT) -> str | None:
    return None if record.get(field) in (None, "") else text(record, field, longest)


def identifier(record: Record, field: str) -> str:
    """A number or a text, as text: two of the City's ids are not numbers."""
    value = required(record, field)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    found = text(record, field)
    # As the number 1.0 is no id in JSON, its text is none in CSV, where all is text.
    if DECIMAL.fullmatch(found):
        raise RecordError(Reason.WRONG_TYPE, field)
    return found


def optional_identifier(record: Record, field: str) -> str | None:
    return None if record.get(field) in (None, "") else identifier(record, field)


def integer(record: Record, field: str) -> int:
    value = required(record, field)
    if isinstance(value, bool) or not isinstance(value, int) or value not in INTEGERS:
        raise RecordError(Reason.WRONG_TYPE, field)
    return value


def optional_integer(record: Record, field: str) -> int | None:
    return None if record.get(field) is None else integer(record, field)


def optional_yes(record: Record, field: str) -> bool | None:
    """Yes or No."""
    value = optional_text(record, field)
    if value not in (None, "Yes", "No"):
        raise RecordError(Reason.WRONG_TYPE, field)
    return None if value is None else value == "Yes"


def instant(record: Record, field: str, observed_at: datetime) -> datetime:
    """A time with an offset, in UTC, of 1971 or later and not after `observed_at`."""
    moment = _in_utc(text(record, field))
    if moment is None:
        raise RecordError(Reason.WRONG_TYPE, field)
    if moment.year <= 1970:
        raise RecordError(Reason.EPOCH_ZERO_TIME, field)
    if moment > observed_at + CLOCK_TOLERANCE:
        raise RecordError(Reason.TIME_IN_FUTURE, field)
    return moment


# Most bays share one time, and most times come again with the next poll.
@lru_cache(maxsize=16_384)
def _in_utc(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def optional_day(record: Record, field: str) -> date | None:
    value = optional_text(record, field)
    if value is None:
        return None
    if not DAY.fullmatch(value):
        raise RecordError(Reason.WRONG_TYPE, field)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise RecordError(Reason.WRONG_TYPE, field) from None


def degrees(record: Record, field: str) -> float:
    value = required(record, field)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RecordError(Reason.WRONG_TYPE, field)
    return float(value)


def point(record: Record, longitude: str, latitude: str) -> tuple[float, float]:
    """Longitude and latitude in degrees, in or near the City of Melbourne."""
    place = degrees(record, longitude), degrees(record, latitude)
    inside_east = LONGITUDES[0] <= place[0] <= LONGITUDES[1]
    inside_north = LATITUDES[0] <= place[1] <= LATITUDES[1]
    if not (inside_east and inside_north):
        raise RecordError(Reason.OUTSIDE_MELBOURNE, longitude)
    return place
