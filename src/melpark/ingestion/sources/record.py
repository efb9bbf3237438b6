"""One record of the portal: its row or why there is none, and which of two with one key is kept."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import groupby

import orjson

from melpark.contracts import Table
from melpark.ingestion.sources.fields import Reason, Record, RecordError
from melpark.ingestion.sources.nesting import cut_deep, is_too_deep
from melpark.ingestion.sources.wording import clean

Row = dict[str, object]

# All keys begin with it.
ANY = ""


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


def join_key(parts: Sequence[object]) -> str:
    """A natural key as one text, a null part as nothing."""
    return ":".join(["" if part is None else str(part) for part in parts])


def _canonical(record: Record) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
