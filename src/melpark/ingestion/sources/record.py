"""One record of the portal: how its fields are read, and what is kept or refused of an answer."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import groupby

import orjson

from melpark.contracts import Table
from melpark.ingestion.sources.nesting import cut_deep, is_too_deep
from melpark.ingestion.sources.wording import clean

Record = Mapping[str, object]
Row = dict[str, object]

# Our HTTP Date and the feed's stamps come from two clocks of the City.
CLOCK_TOLERANCE = timedelta(minutes=1)
LONGEST_TEXT = 200
INTEGERS = range(-(2**31), 2**31)
LATITUDES = (-37.95, -37.70)
LONGITUDES = (144.80, 145.10)
# All keys begin with it.
ANY = ""
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


@dataclass(frozen=True)
class NotJson:
    """A line of an answer that is not JSON, cut to a length that can be kept."""

    text: str


@dataclass(frozen=True)
class Kept:
    """A record that fits: its natural key joined by colons, its contract columns, and itself."""

    key: str
    row: Row
    payload: Record


@dataclass(frozen=True)
class Rejected:
    """A record that does not fit; `key` is None where it cannot be read, `field` the City's field at fault.

    `stands_for` is what keys of the rows begin with that it may stand for, where its key is not certain: nothing
    when it could be any row.
    """

    reason: Reason
    key: str | None
    payload: object
    field: str | None = None
    stands_for: str | None = dataclasses.field(default=None, compare=False)


@dataclass(frozen=True)
class Parsed:
    """An answer's records, each either kept or rejected. Keys of kept rows are unique."""

    kept: tuple[Kept, ...]
    rejected: tuple[Rejected, ...]


def whole(record: Record) -> Iterable[Record]:
    """A record that is one row."""
    return (record,)


@dataclass(frozen=True)
class Reader:
    """How a dataset's records become rows of `table`.

    `row` gives the columns that a record tells; `key` the natural key alone, joined by colons, of a record that gives
    no row. Both raise RecordError. `newest` orders rows that share a key; `repeated` are fields that say what others
    say already; all that neither they nor the contract name go to the column `extra`. `first_of_key` gives the first
    part of a key of several, or raises RecordError; `more_key_fields` are those of a computed key. `split` parts a
    record that holds several rows.
    """

    table: Table
    key: Callable[[Record], str]
    row: Callable[[Record, datetime], Row]
    newest: Callable[[Row], tuple[date, ...]] = lambda row: ()
    repeated: frozenset[str] = frozenset()
    first_of_key: Callable[[Record], object] | None = None
    more_key_fields: frozenset[str] = frozenset()
    split: Callable[[Record], Iterable[Record]] = whole

    @cached_property
    def fields(self) -> frozenset[str]:
        """Every field that is known."""
        return self.table.source_fields | self.repeated

    @cached_property
    def key_fields(self) -> frozenset[str]:
        """The fields that the key is read from."""
        named = (column for column in self.table.columns if column.name in self.table.key)
        return self.more_key_fields.union(*(column.source_fields for column in named))

    def parse(self, records: Iterable[object], observed_at: datetime) -> Parsed:
        """Keep what fits at `observed_at` (timezone-aware, the answer's HTTP Date), reject the rest."""
        kept: list[Kept] = []
        rejected: list[Rejected] = []
        for record in records:
            for item in self.read(record, observed_at):
                if isinstance(item, Kept):
                    kept.append(item)
                else:
                    rejected.append(item)
        unique, repeated = self.without_duplicates(kept)
        return Parsed(tuple(unique), tuple(rejected + repeated))

    def read(self, record: object, observed_at: datetime) -> Iterator[Kept | Rejected]:
        """The rows of one record, by themselves: keys may come again with another record."""
        if isinstance(record, NotJson):
            yield Rejected(Reason.NOT_JSON, None, record.text, stands_for=ANY)
            return
        if not isinstance(record, Mapping):
            yield Rejected(Reason.NOT_AN_OBJECT, None, cut_deep(record), stands_for=ANY)
            return
        if deep := self._deep_field(record):
            cut = {name: cut_deep(value) for name, value in record.items()}
            # A record of several rows has no key of its own.
            key = self._key_of_bad(cut) if self.split is whole else None
            yield Rejected(Reason.TOO_DEEP, key, cut, clean(deep), self._stands_for(cut, key, deep))
            return
        try:
            parts = self.split(record)
        except RecordError as error:
            stands_for = self._stands_for(record, None, error.field)
            yield Rejected(error.reason, None, record, error.field, stands_for)
            return
        for part in parts:
            yield self._read(part, observed_at)

    def _read(self, record: Record, observed_at: datetime) -> Kept | Rejected:
        try:
            row = self.row(record, observed_at)
        except RecordError as error:
            key = self._key_of_bad(record)
            return Rejected(
                error.reason, key, record, error.field, self._stands_for(record, key, error.field)
            )
        key = join_key([row[name] for name in self.table.key])
        row["extra"] = None
        if not record.keys() <= self.fields:
            row["extra"] = {name: value for name, value in record.items() if name not in self.fields}
        return Kept(key, row, record)

    def _deep_field(self, record: Record) -> str | None:
        for name, value in record.items():
            if isinstance(value, list | Mapping) and is_too_deep(value):
                return name
        return None

    def _stands_for(self, record: Record, key: str | None, field: str) -> str | None:
        """What keys begin with that this refused record may mean; None when its key is certain."""
        if key is not None and field not in self.key_fields:
            return None
        if self.first_of_key is None:
            return ANY
        try:
            return join_key((self.first_of_key(record), ""))
        except RecordError:
            return ANY

    def _key_of_bad(self, record: Record) -> str | None:
        try:
            return self.key(record)
        except RecordError:
            return None

    def without_duplicates(self, kept: list[Kept]) -> tuple[list[Kept], list[Rejected]]:
        """Of rows that share a key the newest one, in any order of the answer; the others are rejected."""
        if len({item.key for item in kept}) == len(kept):
            return kept, []
        # The whole record decides a tie, so that the order of an answer, which is not stable, does not.
        ranked = sorted(kept, key=lambda item: (item.key, self.newest(item.row), _canonical(item.payload)))
        unique: list[Kept] = []
        repeated: list[Rejected] = []
        for _, group in groupby(ranked, key=lambda item: item.key):
            *others, newest = group
            unique.append(newest)
            repeated += [Rejected(Reason.DUPLICATE_KEY, item.key, item.payload) for item in others]
        return unique, repeated


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


def join_key(parts: Sequence[object]) -> str:
    """A natural key as one text, a null part as nothing."""
    return ":".join(["" if part is None else str(part) for part in parts])


def _canonical(record: Record) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
