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
from melpark.errors import RefusedError
from melpark.ingestion import staging
from melpark.ingestion.answer_format import records
from melpark.ingestion.body import Body
from melpark.ingestion.guards import Census, check_rejected
from melpark.ingestion.sources import Kept, Reader, Reason, Rejected

BATCH_RECORDS = 5000
# When nothing among the first of them fits, the others are not read.
HOPELESS_RECORDS = BATCH_RECORDS
# What is kept of the rejects of an answer that is refused.
MOST_REJECTS = 1000
REFUSED = "refused_records"
REFUSED_COLUMNS = (
    Column("place", Type.INTEGER, "Order of refusal"),
    Column("step", Type.TEXT, "parse or load"),
    Column("reason", Type.TEXT, "Reason code"),
    Column("field", Type.TEXT, "Field at fault"),
    Column("record_key", Type.TEXT, "Natural key"),
    Column("payload", Type.JSON, "The record"),
    Column("stands_for", Type.TEXT, "What keys begin with that it may mean, where its own is not certain"),
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
        self.is_hopeless = False
        self.census = Census(reader.fields)
        self._cursor = cursor
        self._reader = reader
        self._body = body
        self._observed_at = observed_at
        self._columns = columns
        self._seen = sql.Identifier(seen(reader.table))

    def stage(self, may_stop: bool = True) -> None:
        """Read the whole answer. Raises RefusedError when it cannot be read.

        `may_stop` ends it, and sets `is_hopeless`, where none of its first HOPELESS_RECORDS records fits.
        """
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
            if may_stop and not self.kept and self.records >= HOPELESS_RECORDS:
                self.is_hopeless = True
                return

    def refuse(self, step: str, items: Sequence[Rejected]) -> None:
        """Keep rejected records with their reason."""
        if items:
            rows = (
                (
                    self.rejected + place,
                    step,
                    item.reason.value,
                    item.field,
                    item.key,
                    item.payload,
                    item.stands_for,
                )
                for place, item in enumerate(items)
            )
            staging.copy(self._cursor, sql.Identifier(REFUSED), REFUSED_COLUMNS, rows)
            self.rejected += len(items)

    def take_out_duplicates(self, most_rejected: float) -> None:
        """Leave one row of each key, the newest, and refuse the others.

        Raises RefusedError where they are too many, of which only MOST_REJECTS are then staged.
        """
        repeated = self._cursor.execute(
            sql.SQL("SELECT record_key, count(*) - 1 FROM {} GROUP BY record_key HAVING count(*) > 1").format(
                self._seen
            )
        ).fetchall()
        if not repeated:
            return
        surplus = sum(count for _, count in repeated)
        try:
            check_rejected(self.rejected + surplus, self.kept - surplus, most_rejected)
        except RefusedError:
            self._count_duplicates(surplus)
            raise
        keys = {key for key, _ in repeated}
        again = [(number, item) for number, item in self._kept_again(None) if item.key in keys]
        number_of = {id(item.payload): number for number, item in again}
        _, losers = self._reader.without_duplicates([item for _, item in again])
        self._cursor.execute(
            sql.SQL(
                "DELETE FROM {} AS seen USING unnest(%s::int[], %s::text[]) AS loser (number, key) "
                "WHERE seen.record_number = loser.number AND seen.record_key = loser.key"
            ).format(self._seen),
            [[number_of[id(item.payload)] for item in losers], [item.key for item in losers]],
        )
        self.kept -= len(losers)
        self.refuse("parse", losers)

    def _count_duplicates(self, surplus: int) -> None:
        """Refuse the first of the rows whose key came before, and count the others."""
        rows = self._cursor.execute(
            sql.SQL(
                "SELECT record_number, record_key FROM (SELECT record_number, record_key, "
                "row_number() OVER (PARTITION BY record_key ORDER BY record_number) AS place FROM {}) AS ranked "
                "WHERE place > 1 ORDER BY record_number LIMIT %s"
            ).format(self._seen),
            [MOST_REJECTS],
        ).fetchall()
        wanted = set(rows)
        numbers = {number for number, _ in rows}
        sample = [item for number, item in self._kept_again(numbers) if (number, item.key) in wanted]
        self.refuse("parse", [Rejected(Reason.DUPLICATE_KEY, item.key, item.payload) for item in sample])
        self.kept -= surplus
        self.rejected += surplus - len(sample)

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

    def reasons(self) -> list[tuple[str, int]]:
        """How many staged rejects have each reason, the most frequent first."""
        return self._cursor.execute(
            sql.SQL("SELECT reason, count(*) FROM {} GROUP BY reason ORDER BY 2 DESC, 1").format(
                sql.Identifier(REFUSED)
            )
        ).fetchall()

    def refused_keys(self) -> list[str]:
        """Keys of the refused records, where they have one."""
        rows = self._cursor.execute(
            sql.SQL("SELECT record_key FROM {} WHERE record_key IS NOT NULL").format(sql.Identifier(REFUSED))
        )
        return [key for (key,) in rows]

    def refused_beginnings(self) -> list[str]:
        """What keys begin with that the other refused records may mean."""
        rows = self._cursor.execute(
            sql.SQL("SELECT DISTINCT stands_for FROM {} WHERE stands_for IS NOT NULL").format(
                sql.Identifier(REFUSED)
            )
        )
        return [beginning for (beginning,) in rows]

    def _numbered(self) -> Iterator[tuple[int, object]]:
        return enumerate(records(self._body, self._reader.table), 1)

    def _kept_again(self, numbers: set[int] | None) -> Iterator[tuple[int, Kept]]:
        for number, record in self._numbered():
            if numbers is None or number in numbers:
                for item in self._reader.read(record, self._observed_at):
                    if isinstance(item, Kept):
                        yield number, item
