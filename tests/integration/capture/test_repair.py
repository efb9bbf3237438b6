"""Laws of the repair: the ranges that differ are captured anew, and it ends when silver has them."""

import pyarrow as pa
from deltalake import DeltaTable

from integration.capture.changes import add_events
from integration.capture.engines import Engines
from integration.capture.lakes import arrow_schema, rows_of, write
from melpark.contracts import POLLS, SENSOR_EVENTS
from melpark.ingestion.database import connect
from melpark.places import Home
from melpark.processing.capture import gaps
from melpark.processing.reconcile import compare, repair

BAYS = ["repair1", "repair2"]


def take_snapshot_rows(engines: Engines) -> None:
    """In place of the streams: merge what snapshots brought of these bays into silver."""
    images = [
        event["after"]
        for bay in BAYS
        for event in engines.events("sensor_events", holding=f'"{bay}"')
        if event["op"] == "r"
    ]
    rows = {(image["kerbside_id"], image["status_changed_at"]): image for image in images}
    schema = arrow_schema(SENSOR_EVENTS)
    texts = pa.Table.from_pylist(list(rows.values()))
    came = pa.Table.from_arrays(
        [texts[name].cast(schema.field(name).type) for name in schema.names], schema=schema
    )
    silver = DeltaTable(Home(engines.settings.home).silver(SENSOR_EVENTS.name))
    same = " AND ".join(f"held.{name} = came.{name}" for name in SENSOR_EVENTS.key)
    silver.merge(
        came, same, source_alias="came", target_alias="held"
    ).when_matched_update_all().when_not_matched_insert_all().execute()


def test_rows_that_silver_lacks_or_holds_otherwise_are_captured_anew_and_awaited(engines: Engines) -> None:
    settings = engines.settings
    engines.wait_until_streaming()
    for month in ("2035-01", "2035-02", "2035-03"):
        add_events(engines, month, BAYS, 50)
    engines.sql(
        "INSERT INTO parking.polls (dataset, outcome, observed_at, started_at, received_at, origin)"
        " VALUES ('on-street-parking-bay-sensors', 'accepted', '2035-04-01Z', now(), now(), 'live')"
    )
    for table in (SENSOR_EVENTS, POLLS):
        write(settings, table, rows_of(settings, table), mode="overwrite")
    silver = DeltaTable(Home(settings.home).silver(SENSOR_EVENTS.name))
    silver.delete("kerbside_id = 'repair1' AND status_changed_at < '2035-02-01T00:00:00Z'")
    silver.update(
        {"status": "'?'"}, predicate="kerbside_id = 'repair2' AND status_changed_at = '2035-02-01T00:07:00Z'"
    )
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if "rows were captured anew" in line:
            take_snapshot_rows(engines)

    found = compare.compare(settings, (SENSOR_EVENTS,), tell)
    assert {span.name: (span.missing, span.different) for span in found.differing} == {
        "2035-01": (50, 0),
        "2035-02": (0, 1),
    }
    assert repair.repair(settings, found, tell).is_equal
    assert "200 rows were captured anew" in " ".join(told)


def test_what_was_found_equal_closes_the_record_of_gaps_that_are_filled(engines: Engines) -> None:
    engines.sql(
        "INSERT INTO parking_capture.gaps (kind, detail, snapshot_started_at, snapshot_finished_at)"
        " VALUES ('snapshot_again', 'a test', now(), now())"
    )
    assert repair.verified(engines.settings) >= 1
    with connect(engines.settings) as session:
        assert [gap for gap in gaps.unverified(session) if gap.state == "filled"] == []
