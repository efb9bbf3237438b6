"""Laws of the comparison: the same rows are equal whatever wrote them, and every planted difference is found."""

from contextlib import nullcontext
from pathlib import Path

import pytest
from deltalake import DeltaTable

from integration.capture.lakes import rows_of, write
from melpark.contracts import REFERENCES, Table
from melpark.errors import StopError
from melpark.ingestion.database import connect
from melpark.places import SUPERUSER, Home
from melpark.processing import maintenance
from melpark.processing.reconcile import compare
from melpark.processing.reconcile.compare import Comparison, Span
from melpark.settings import Settings

ROWS = """
INSERT INTO parking.polls (dataset, outcome, observed_at, feed_updated_at, started_at, received_at, origin, reason)
SELECT 'on-street-parking-bay-sensors', 'accepted', at, at, at, at, 'live', CASE number WHEN 3 THEN 'a "ü" ~' END
FROM (SELECT number, '2025-08-06T23:58:00.123456Z'::timestamptz + number * interval '2 min' AS at
      FROM generate_series(1, 5) AS number) AS polls;
SELECT parking.make_event_parts(ARRAY['2025-07-01Z'::timestamptz, '2025-08-01Z']);
INSERT INTO parking.sensor_events
SELECT 'bay' || bay, '2025-07-20T00:00:00.000001Z'::timestamptz + number * interval '3 h', 'Present',
    '2025-08-07T00:00Z', '2025-08-07T00:00Z', CASE WHEN number > 1 THEN '2025-08-06T23:00Z'::timestamptz END, 'live'
FROM generate_series(1, 20) AS bay, generate_series(1, 120) AS number;
INSERT INTO parking.sensor_states
SELECT 'bay' || bay, '2025-08-01Z', bay > 3, CASE WHEN bay > 9 THEN bay END, 144.9 + bay / 1e3, -37.8 - bay / 3e6,
    false, '2025-08-07T00:00Z', 'live'
FROM generate_series(1, 20) AS bay;
INSERT INTO parking.feed_outages VALUES ('2025-08-02Z', '2025-08-03Z', '2025-08-03Z', 'live');
INSERT INTO parking.bays
SELECT 'segment:' || number, NULL, number, 'street', 144.9, -37.8, '2024-02-29', number = 7, '2025-08-07T00:00Z',
    '{"b": [1, 2.50], "a": "é"}'
FROM generate_series(1, 50) AS number;
INSERT INTO parking.rule_windows
SELECT number, '2025-08-01Z', '2025-08-02Z', 'MP2P', 120, 'timed', true, false, '2025-08-01Z', '2025-08-07T00:00Z'
FROM generate_series(1, 5) AS number
"""


@pytest.fixture
def home(postgres: Settings, tmp_path: Path) -> Settings:
    """PostgreSQL with rows of every kind, and a lake that was given the same rows."""
    (tmp_path / "secrets.json").write_text((postgres.home / "secrets.json").read_text())
    settings = postgres.model_copy(update={"home": tmp_path})
    with connect(settings, SUPERUSER) as session:
        for statement in ROWS.split(";\n"):
            session.execute(statement.encode())
    for table in compare.TABLES:
        write(settings, table, rows_of(settings, table))
    return settings


def differing(found: Comparison) -> dict[str, Span]:
    return {f"{span.table} {span.name}": span for span in found.differing}


def sql(settings: Settings, statement: str) -> None:
    with connect(settings, SUPERUSER) as session:
        session.execute(statement.encode())


def table_of(name: str) -> Table:
    return next(table for table in compare.TABLES if table.name == name)


def test_the_same_rows_are_equal_in_every_table_and_range(home: Settings) -> None:
    found = compare.compare(home)
    assert found.is_equal
    assert (found.poll_id, found.polls_behind) == (5, 0)
    events = [span for span in found.spans if span.table == "sensor_events"]
    assert {span.name for span in events} == {"2025-07", "2025-08"}
    assert sum(span.postgres for span in events) == sum(span.silver for span in events) == 2400
    assert {span.table for span in found.spans} >= {"sensor_states", "feed_outages", "bays", "polls"}


def test_rows_that_silver_lacks_are_found_by_range_and_key(home: Settings) -> None:
    lost = "kerbside_id = 'bay7' AND status_changed_at < '2025-07-21'"
    DeltaTable(Home(home.home).silver("sensor_events")).delete(lost)
    (span,) = differing(compare.compare(home)).values()
    assert (span.table, span.name) == ("sensor_events", "2025-07")
    assert (span.missing, span.extra, span.different) == (7, 0, 0)
    assert all(example.startswith("bay7, ") for example in span.examples)
    assert span.can_be_repaired


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("sensor_events", "previous_heard_at = previous_heard_at + interval '1 microsecond'"),
        ("sensor_events", "heard_at = heard_at - interval '1 day'"),
        ("sensor_states", "latitude = latitude + 0.00000001"),
        ("sensor_states", "zone_number = NULL"),
        ("sensor_states", "is_online = NOT is_online"),
        ("feed_outages", "origin = 'seed'"),
        ("bays", "updated_on = updated_on + 1"),
        ("bays", """extra = '{"a": "e", "b": [1, 2.50]}'"""),
        ("bays", "kerbside_id = ''"),
        ("polls", "reason = '~'"),
        ("rule_windows", "end_at = end_at + interval '1 second'"),
    ],
)
def test_a_value_that_differs_is_found(table: str, change: str, home: Settings) -> None:
    sql(home, f"UPDATE parking.{table} SET {change} WHERE true")
    found = compare.compare(home, (table_of(table),))
    assert not found.is_equal
    assert {(span.missing, span.extra) for span in found.differing} == {(0, 0)}
    assert sum(span.different for span in found.spans) > 0


def test_a_row_that_only_silver_holds_is_told_and_cannot_be_repaired(home: Settings) -> None:
    sql(home, "DELETE FROM parking.feed_outages")
    (span,) = differing(compare.compare(home)).values()
    assert (span.missing, span.extra, span.different) == (0, 1, 0)
    assert not span.can_be_repaired


def test_a_row_that_silver_holds_twice_is_found(home: Settings) -> None:
    events = table_of("sensor_events")
    twice = [row for row in rows_of(home, events) if row["kerbside_id"] == "bay7"][:3]
    write(home, events, twice)
    (span,) = differing(compare.compare(home)).values()
    assert (span.table, span.missing, span.extra, span.different) == ("sensor_events", 0, 3, 0)
    assert not span.can_be_repaired


def test_of_a_reference_the_newest_version_counts(home: Settings) -> None:
    bays = table_of("bays")
    assert bays in REFERENCES
    older = [row | {"observed_at": row["observed_at"].replace(year=2024)} for row in rows_of(home, bays)]
    write(home, bays, [row | {"is_retired": True} for row in older])
    assert compare.compare(home, (bays,)).is_equal


def test_what_is_on_its_way_is_no_difference(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "CATCH_UP_SECONDS", 0.0)
    sql(
        home,
        "INSERT INTO parking.polls (dataset, outcome, observed_at, started_at, received_at, origin)"
        " SELECT dataset, outcome, '2025-08-07T01:00Z', started_at, received_at, origin FROM parking.polls"
        " WHERE poll_id = 5",
    )
    sql(
        home,
        "INSERT INTO parking.sensor_events VALUES"
        " ('bay1', '2025-08-07T00:59Z', 'Present', '2025-08-07T01:00Z', '2025-08-07T01:00Z', NULL, 'live')",
    )
    sql(
        home,
        "UPDATE parking.sensor_states SET is_online = false, observed_at = '2025-08-07T01:00Z'"
        " WHERE kerbside_id = 'bay9'",
    )
    found = compare.compare(home)
    assert (found.poll_id, found.polls_behind) == (5, 1)
    assert found.is_equal


def test_a_month_that_postgres_no_longer_keeps_is_left_to_silver(home: Settings) -> None:
    sql(home, "DELETE FROM parking.sensor_events WHERE status_changed_at < '2025-08-01Z'")
    assert not compare.compare(home).is_equal
    shorter = home.model_copy(update={"event_retention_days": 1})
    found = compare.compare(shorter)
    assert found.is_equal
    assert [span.name for span in found.spans if span.is_dropped] == ["2025-07"]


@pytest.fixture
def filled_gap(home: Settings) -> str:
    """SQL that tells whether a gap that a snapshot has filled is closed."""
    sql(
        home,
        "INSERT INTO parking_capture.gaps (kind, detail, snapshot_started_at, snapshot_finished_at)"
        " VALUES ('slot_missing', 'gone', now(), now())",
    )
    return "SELECT verified_at IS NOT NULL FROM parking_capture.gaps WHERE kind = 'slot_missing'"


def is_closed(settings: Settings, gap: str) -> bool:
    with connect(settings, SUPERUSER) as session:
        return session.execute(gap.encode()).fetchone() == (True,)


def test_nightly_care_closes_what_a_snapshot_filled_when_all_is_equal(
    home: Settings, filled_gap: str
) -> None:
    assert maintenance.silver_lacks_nothing(home)
    assert is_closed(home, filled_gap)


def test_nightly_care_tells_a_difference_and_leaves_the_gap(
    home: Settings, filled_gap: str, caplog: pytest.LogCaptureFixture
) -> None:
    DeltaTable(Home(home.home).silver("feed_outages")).delete()
    assert not maintenance.silver_lacks_nothing(home)
    assert not is_closed(home, filled_gap)
    told, verdict = (record.message for record in caplog.records if record.levelname == "ERROR")
    assert told.startswith("silver.feed_outages differs from PostgreSQL in ")
    assert told.endswith(": 1 missing, 0 extra, 0 different")
    assert "melpark reconcile --repair" in verdict


@pytest.mark.parametrize(
    ("lost", "dropped"), [("false", 1), ("true", 0)], ids=["silver has all", "silver lacks some"]
)
def test_old_events_are_dropped_only_after_a_comparison_that_finds_silver_whole(
    lost: str, dropped: int, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Settings] = []

    def drop(settings: Settings) -> bool:
        calls.append(settings)
        return True

    monkeypatch.setattr(maintenance, "_drop_old_events", drop)
    DeltaTable(Home(home.home).silver("feed_outages")).delete(lost)
    with nullcontext() if dropped else pytest.raises(StopError, match="comparing silver with PostgreSQL"):
        maintenance.run(home)
    assert len(calls) == dropped


def test_a_comparison_that_cannot_be_made_keeps_everything_and_ends_nothing(
    home: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for file in Home(home.home).silver("bays").glob("*.parquet"):
        file.unlink()
    assert not maintenance.silver_lacks_nothing(home)
    assert "Silver was not compared" in caplog.text
