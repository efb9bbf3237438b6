"""An answer on its way into temporary tables, a batch of records at a time, so that memory stays flat.

`seen_<table>` holds the rows that fit, each with the number of its record; `refused_records` holds the others. The
few records that turn out bad only later (a key that comes again, a contradiction) are read from the answer a second
time.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from psycopg import Cursor, sql
from psycopg.rows import TupleRow

from melpark.contracts import Column, Table, Type
from melpark.ingestion import staging
from melpark.ingestion.answer_format import records
from melpark.ingestion.body import Body
from melpark.ingestion.guards import Census
from melpark.ingestion.sources import Kept, Reader, Rejected

BATCH_RECORDS = 5000
REFUSED = "refused_records"
REFUSED_COLUMNS = (
    Column("place", Type.INTEGER, "Order of refusal"),
    Column("step", Type.TEXT, "parse or load"),
    Column("reason", Type.TEXT, "Reason code"),
    Column("field", Type.TEXT, "Field at fault"),
    Column("record_key", Type.TEXT, "Natural key"),
    Column("payload", Type.JSON, "The record"),
)
RECORD_NUMBER = Column("record_number", Type.INTEGER, "Number of the record in the answer")
RECORD_KEY = Column("record_key", Type.TEXT, "Natural key joined by colons")


def seen(table: Table) -> str:
    """Name of the temporary table of the rows seen."""
    return f"seen_{table.name}"


class StagedAnswer:
    """The records of `body`, staged by `stage`; counts are of records and of rows."""

    def __init__(
        self,
        cursor: Cursor[TupleRow],
        reader: Reader,
        body: Body,
        observed_at: datetime,
        columns: Sequence[Column],
    ) -> None:
        self.records = 0
        self.kept = 0
        self.rejected = 0
        self.census = Census(reader.fields)
        self._cursor = cursor
        self._reader = reader
        self._body = body
        self._observed_at = observed_at
        self._columns = columns
        self._seen = sql.Identifier(seen(reader.table))

    def stage(self) -> None:
        """Read the whole answer. Raises RefusedError when it cannot be read."""
        staging.create(self._cursor, REFUSED, REFUSED_COLUMNS)
        columns = (*self._columns, RECORD_NUMBER, RECORD_KEY)
        staging.create(self._cursor, seen(self._reader.table), columns)
        names = [column.name for column in self._columns]
        numbered = self._numbered()
        while batch := list(islice(numbered, BATCH_RECORDS)):
            kept: list[tuple[object, ...]] = []
            refused: list[Rejected] = []
            for number, record in batch:
                self.census.take(record)
                for item in self._reader.read(record, self._observed_at):
                    if isinstance(item, Kept):
                        kept.append((*(item.row[name] for name in names), number, item.key))
                    else:
                        refused.append(item)
            self.records += len(batch)
            self.kept += len(kept)
            staging.copy(self._cursor, self._seen, columns, kept)
            self.refuse("parse", refused)

    def refuse(self, step: str, items: Sequence[Rejected]) -> None:
        """Keep rejected records with their reason."""
        if items:
            rows = (
                (self.rejected + place, step, item.reason.value, item.field, item.key, item.payload)
                for place, item in enumerate(items)
            )
            staging.copy(self._cursor, sql.Identifier(REFUSED), REFUSED_COLUMNS, rows)
            self.rejected += len(items)

    def take_out_duplicates(self) -> None:
        """Leave one row of each key, the newest, and refuse the others."""
        repeated = self._cursor.execute(
            sql.SQL("SELECT record_key FROM {} GROUP BY record_key HAVING count(*) > 1").format(self._seen)
        ).fetchall()
        if not repeated:
            return
        keys = {key for (key,) in repeated}
        again = [(number, item) for number, item in self._kept_again(None) if item.key in keys]
        number_of = {id(item.payload): number for number, item in again}
        _, losers = self._reader.without_duplicates([item for _, item in again])
        self._cursor.executemany(
            sql.SQL("DELETE FROM {} WHERE record_key = %s AND record_number = %s").format(self._seen),
            [(item.key, number_of[id(item.payload)]) for item in losers],
        )
        self.kept -= len(losers)
        self.refuse("parse", losers)

    def refuse_kept(self, step: str, numbers: Collection[int], why: Iterable[Rejected]) -> None:
        """Refuse rows that were taken out of the seen ones; `why` lacks their payloads, in order of `numbers`."""
        wanted = list(numbers)
        payloads = {number: item.payload for number, item in self._kept_again(set(wanted))}
        items = [
            Rejected(item.reason, item.key, payloads[number], item.field)
            for number, item in zip(wanted, why, strict=True)
        ]
        self.kept -= len(items)
        self.refuse(step, items)

    def refused_keys(self) -> list[str]:
        """Keys of the refused records, where they have one."""
        rows = self._cursor.execute(
            sql.SQL("SELECT record_key FROM {} WHERE record_key IS NOT NULL").format(sql.Identifier(REFUSED))
        )
        return [key for (key,) in rows]

    def _numbered(self) -> Iterator[tuple[int, object]]:
        return enumerate(records(self._body, self._reader.table), 1)

    def _kept_again(self, numbers: set[int] | None) -> Iterator[tuple[int, Kept]]:
        for number, record in self._numbered():
            if numbers is None or number in numbers:
                for item in self._reader.read(record, self._observed_at):
                    if isinstance(item, Kept):
                        yield number, item
