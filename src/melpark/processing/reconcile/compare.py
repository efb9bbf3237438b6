"""Compares the captured tables with silver, range by range; where a range differs, row by row."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deltalake import DeltaTable
from psycopg import IsolationLevel

from melpark.contracts import CAPTURED, SENSORS, Table
from melpark.errors import ConfigurationError, RetryableError
from melpark.ingestion.database import connect
from melpark.places import READER_ROLE, Home
from melpark.processing import catalogue, lake, query
from melpark.processing.reconcile.sides import Cut, Postgres, Side, Silver
from melpark.settings import Settings

log = logging.getLogger(__name__)

TABLES: tuple[Table, ...] = tuple(table for table in CAPTURED if table is not SENSORS)
EXAMPLES = 5
# Silver is given so long to take what PostgreSQL holds now; it is compared as far as it came.
CATCH_UP_SECONDS = 90.0
LOOK_SECONDS = 0.5
# No batch of silver takes longer to its first commit.
BATCH_SECONDS = 10.0
# The nightly comparison runs in the scheduler's process, which may have a gibibyte.
MEMORY_LIMIT = "512MB"


@dataclass(frozen=True)
class Span:
    """One range of one table: keys that are `missing` in silver, there alone or more often (`extra`), or `different` in
    both; some of them in `examples`.

    `is_dropped`: PostgreSQL no longer keeps the range, which only silver can hold.
    """

    table: str
    name: str
    postgres: int
    silver: int
    missing: int = 0
    extra: int = 0
    different: int = 0
    is_dropped: bool = False
    examples: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        return not (self.missing or self.extra or self.different)

    @property
    def counts(self) -> str:
        """How many rows differ, and how."""
        return f"{self.missing:,} missing, {self.extra:,} extra, {self.different:,} different"

    @property
    def can_be_repaired(self) -> bool:
        """PostgreSQL holds rows that silver should have."""
        return bool(self.missing or self.different)


@dataclass(frozen=True)
class Comparison:
    """All ranges that were compared, up to one poll."""

    poll_id: int
    polls_behind: int
    spans: tuple[Span, ...]

    @property
    def is_equal(self) -> bool:
        return all(span.is_equal for span in self.spans)

    @property
    def is_whole(self) -> bool:
        """Nothing differs, and nothing was left out for being on its way."""
        return self.is_equal and not self.polls_behind

    @property
    def differing(self) -> list[Span]:
        return [span for span in self.spans if not span.is_equal]

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "is_equal": self.is_equal,
            "poll_id": self.poll_id,
            "polls_behind": self.polls_behind,
            "ranges": [vars(span) | {"is_equal": span.is_equal} for span in self.spans],
        }


def tables_of(names: Iterable[str]) -> tuple[Table, ...]:
    """The tables of these names, all without one. Raises ConfigurationError for one that is not compared."""
    wanted = list(names)
    known = {table.name: table for table in TABLES}
    if unknown := [name for name in wanted if name not in known]:
        raise ConfigurationError(
            f"{', '.join(unknown)} cannot be compared", "", f"Name one of {', '.join(known)}"
        )
    return tuple(known[name] for name in wanted) or TABLES


def compare(
    settings: Settings, tables: tuple[Table, ...] = TABLES, tell: Callable[[str], None] = log.info
) -> Comparison:
    """Compare the tables once silver has what PostgreSQL holds now, or as far as it has come.

    Raises RetryableError when PostgreSQL does not answer, StopError when the home has no lake.
    """
    home = Home(settings.home.resolve())
    deadline = time.monotonic() + CATCH_UP_SECONDS
    found = _compare_once(settings, home, tables, tell)
    # A batch of silver may end within a commit of bronze: then a poll is there before the rest of that commit.
    while not found.is_equal and time.monotonic() < deadline and _moves(home):
        found = _compare_once(settings, home, tables, tell)
    return found


def _moves(home: Home) -> bool:
    """Whether the running stream writes to silver within a while."""
    before = _versions(home)
    until = time.monotonic() + BATCH_SECONDS
    while home.streams_ready.exists() and time.monotonic() < until:
        if _versions(home) != before:
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _versions(home: Home) -> list[int]:
    return [DeltaTable(path).version() for path in catalogue.in_database(home, "silver")]


def _compare_once(
    settings: Settings, home: Home, tables: tuple[Table, ...], tell: Callable[[str], None]
) -> Comparison:
    with _reader(settings) as postgres:
        wanted = postgres.newest_poll()
    poll_id = _wait_for_silver(home, wanted, tell)
    # Silver first: what it held then, PostgreSQL holds in the transaction that begins now.
    with query.connect(home, MEMORY_LIMIT) as connection, _reader(settings) as postgres:
        silver = Silver(connection)
        newest = postgres.newest_poll()
        cut = Cut(poll_id, silver.polls_until(poll_id) if newest > poll_id else {})
        kept_since = _kept_since(settings, silver)
        spans = [
            span for table in tables for span in _compare_table(table, postgres, silver, cut, kept_since)
        ]
    return Comparison(poll_id, max(0, wanted - poll_id), tuple(spans))


def _compare_table(table: Table, postgres: Postgres, silver: Silver, cut: Cut, kept_since: str) -> list[Span]:
    theirs, ours = postgres.spans(table, cut), silver.spans(table, cut)
    spans = []
    for name in sorted(theirs.keys() | ours.keys()):
        one, other = theirs.get(name, (0, 0)), ours.get(name, (0, 0))
        if table.name == "sensor_events" and not one[0] and name < kept_since:
            spans.append(Span(table.name, name, 0, other[0], is_dropped=True))
        elif one == other:
            spans.append(Span(table.name, name, one[0], other[0]))
        else:
            spans.append(_look_closer(table, name, postgres, silver, cut))
    return spans


def _look_closer(table: Table, name: str, postgres: Postgres, silver: Silver, cut: Cut) -> Span:
    """The range row by row, without the rows that are on their way."""
    buckets = _differing(postgres.buckets(table, cut, name), silver.buckets(table, cut, name))
    theirs = postgres.rows(table, cut, name, buckets) if buckets else {}
    ours = silver.rows(table, cut, name, buckets) if buckets else {}
    moving = postgres.in_flight(table, cut)
    missing = theirs.keys() - ours.keys()
    extra = {key for key, held in ours.items() if len(held) > len(theirs.get(key, ()))} - moving
    different = {key for key in theirs.keys() & ours.keys() if set(theirs[key]) != set(ours[key])} - moving
    sums = postgres.spans(table, cut).get(name, (0, 0)), silver.spans(table, cut).get(name, (0, 0))
    return Span(
        table.name,
        name,
        sums[0][0],
        sums[1][0],
        len(missing),
        len(extra),
        len(different),
        examples=tuple(_readable(key) for key in sorted(missing | extra | different)[:EXAMPLES]),
    )


def _differing(one: dict[str, tuple[int, int]], other: dict[str, tuple[int, int]]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _readable(key: str) -> str:
    """A key's text without its marks; times in it are microseconds since 1970."""
    return ", ".join(part.removeprefix("=") for part in key.split(chr(31)))


def _wait_for_silver(home: Home, wanted: int, tell: Callable[[str], None]) -> int:
    """The newest poll that silver holds, once it is `wanted` or does not come nearer any more."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    told = False
    while True:
        held = lake.newest_poll_id_in_silver(home)
        if held is None:
            raise RetryableError(
                "Silver holds no poll yet", "there is nothing to compare with", "Let `melpark stream` run"
            )
        if held >= wanted:
            return held
        if time.monotonic() > deadline:
            tell(
                f"Silver holds polls up to {held}, PostgreSQL up to {wanted}: compared as far as silver came."
            )
            return held
        if not told:
            tell(f"Waiting until silver holds poll {wanted}; it holds {held} ...")
            told = True
        time.sleep(LOOK_SECONDS)


def _kept_since(settings: Settings, silver: Side) -> str:
    """The first month of events that PostgreSQL must still hold, by the source's time."""
    statement = "SELECT max(observed_at) FROM silver.polls WHERE outcome = 'accepted'"
    newest: datetime | None = silver.ask(statement, [])[0][0]
    if newest is None:
        return ""
    return f"{newest - timedelta(days=settings.event_retention_days):%Y-%m}"


@contextmanager
def _reader(settings: Settings) -> Iterator[Postgres]:
    with connect(settings, READER_ROLE, application_name="melpark reconcile") as session:
        session.isolation_level = IsolationLevel.REPEATABLE_READ
        with session.transaction():
            yield Postgres(session)
