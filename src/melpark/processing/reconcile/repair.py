"""What silver lacks is captured again, by incremental snapshots of the ranges that differ."""

import time
from collections.abc import Callable
from datetime import datetime

from melpark.contracts import Table
from melpark.ingestion.database import connect
from melpark.processing.capture import gaps, snapshots
from melpark.processing.reconcile import compare as comparing
from melpark.processing.reconcile.compare import Comparison, Span
from melpark.processing.reconcile.digest import TIME_OF
from melpark.settings import Settings

# Silver is given so long after the snapshot.
WAIT_SECONDS = 180.0
LOOK_SECONDS = 3.0


def repair(settings: Settings, found: Comparison, tell: Callable[[str], None]) -> Comparison:
    """Capture the rows anew that silver lacks or holds otherwise, and compare those tables until it has them.

    Returns the last comparison, with the tables that were equal as they were. Raises RetryableError or StopError
    when the snapshot cannot be taken.
    """
    wanted = _requests(found)
    if not wanted:
        return found
    request = snapshots.Request.of_conditions(wanted)
    tell(f"Capturing anew: {', '.join(wanted)} ...")
    rows = snapshots.take(settings, request, lambda notification: None)
    tell(f"{rows:,} rows were captured anew; waiting until silver has them ...")
    tables = comparing.tables_of(wanted)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        again = comparing.compare(settings, tables, tell)
        if not any(span.can_be_repaired for span in again.spans) or time.monotonic() > deadline:
            return _merged(found, again, tables)
        time.sleep(LOOK_SECONDS)


def verified(settings: Settings, began_at: datetime) -> int:
    """A comparison of every table that began then found them equal: close what was filled before in the record.

    Returns how many entries.
    """
    with connect(settings, application_name="melpark reconcile") as session:
        return gaps.verify(session, began_at)


def _requests(found: Comparison) -> dict[str, str]:
    """Condition on the rows of each table to read again; empty for all of them."""
    spans: dict[str, list[Span]] = {}
    for span in found.spans:
        if span.can_be_repaired:
            spans.setdefault(span.table, []).append(span)
    return {table: " OR ".join(_condition(span) for span in some) for table, some in spans.items()}


def _condition(span: Span) -> str:
    """Rows of one month; a table that has no months is small, and read whole."""
    if span.table not in TIME_OF:
        return "true"
    start = f"'{span.name}-01T00:00:00Z'::timestamptz"
    column = TIME_OF[span.table]
    return f"({column} >= {start} AND {column} < {start} + interval '1 month')"


def _merged(before: Comparison, after: Comparison, tables: tuple[Table, ...]) -> Comparison:
    names = {table.name for table in tables}
    spans = [*(span for span in before.spans if span.table not in names), *after.spans]
    return Comparison(
        after.poll_id, after.polls_behind, tuple(sorted(spans, key=lambda s: (s.table, s.name)))
    )
