"""What silver has learned since gold was built, by Delta tables made here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from melpark.contracts import SENSORS
from melpark.errors import RetryableError
from melpark.places import Home
from melpark.processing import catalogue, news
from melpark.processing.news import Built, EverythingIsNewError, News

LAG = timedelta(minutes=3)
NOON = datetime(2025, 8, 5, 2, tzinfo=UTC)  # In Melbourne.
SPELLS = pa.schema(
    [
        ("kerbside_id", pa.string()),
        ("status_changed_at", pa.timestamp("us", "UTC")),
        ("next_changed_at", pa.timestamp("us", "UTC")),
        ("ended_on", pa.date32()),
    ]
)
BAYS = pa.schema(
    [
        ("kerbside_id", pa.string()),
        ("zone_number", pa.int32()),
        ("longitude", pa.float64()),
        ("latitude", pa.float64()),
        ("is_retired", pa.bool_()),
        ("valid_from_at", pa.timestamp("us", "UTC")),
        ("valid_to_at", pa.timestamp("us", "UTC")),
    ]
)
BAY = {"kerbside_id": "a", "zone_number": 7, "longitude": 144.9, "latitude": -37.8, "is_retired": False}
STATE = {
    "valid_from_at": datetime(2025, 1, 1, tzinfo=UTC),
    "is_online": True,
    "is_current": True,
    "topic": "t",
    "partition": 0,
    "offset": 0,
}

HISTORICAL = {
    "street_marker": "m",
    "arrival_at": datetime(2018, 1, 1, tzinfo=UTC),
    "departure_at": datetime(2018, 1, 2, tzinfo=UTC),
    "duration_seconds": 86_400,
    "file_name": "2018.csv",
    "file_sha256": "0",
    "line_number": 2,
    "run_id": "1",
    "loaded_at": datetime(2025, 1, 1, tzinfo=UTC),
}


def at(hours: float, day: int = 5) -> datetime:
    return NOON.replace(day=day) + timedelta(hours=hours)


def append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    schema = pa.schema(DeltaTable(path).schema().to_arrow())
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    write_deltalake(path, pa.Table.from_pylist(full, schema=schema), mode="append")


def event(bay: str, changed_at: datetime, previous_heard_at: datetime | None = None) -> dict[str, Any]:
    coordinates = {"topic": "t", "partition": 0, "offset": 0}
    return {
        "kerbside_id": bay,
        "status_changed_at": changed_at,
        "status": "Present",
        "is_present": 1,
        "heard_at": changed_at,
        "previous_heard_at": previous_heard_at,
        **coordinates,
    }


def poll(number: int, feed_updated_at: datetime) -> dict[str, Any]:
    return {
        "poll_id": number,
        "dataset": SENSORS.dataset,
        "outcome": "accepted",
        "feed_updated_at": feed_updated_at,
        "topic": "t",
        "partition": 0,
        "offset": number,
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which gold was built with a bay whose vehicle came at 10 and left at 11, two hours before noon."""
    home = Home(tmp_path)
    catalogue.create(home)
    append(home.silver("sensor_events"), [event("a", at(-2)), event("a", at(-1), at(-1))])
    append(home.silver("polls"), [poll(1, at(0))])
    write_deltalake(
        home.gold / "int_bay_spells",
        pa.Table.from_pylist(
            [
                {
                    "kerbside_id": "a",
                    "status_changed_at": at(-2),
                    "next_changed_at": at(-1),
                    "ended_on": date(2025, 8, 5),
                },
                {
                    "kerbside_id": "a",
                    "status_changed_at": at(-1),
                    "next_changed_at": None,
                    "ended_on": date(9999, 12, 31),
                },
            ],
            schema=SPELLS,
        ),
    )
    write_deltalake(
        home.gold / "dim_bays",
        pa.Table.from_pylist([BAY | {"valid_from_at": datetime(1970, 1, 1, tzinfo=UTC)}], schema=BAYS),
    )
    append(home.silver("sensor_states"), [STATE | BAY])
    return home


@pytest.fixture
def built(home: Home) -> Built:
    return news.now(home, "models")


def since(home: Home, built: Built) -> News | None:
    return news.since(home, built, news.now(home, "models"), LAG)


def test_the_same_silver_has_no_news(home: Home, built: Built) -> None:
    assert built.until_at == at(0)
    assert since(home, built) is None


def test_what_was_built_is_read_as_it_was_written(built: Built, tmp_path: Path) -> None:
    (tmp_path / "built.json").write_text(built.text())

    assert Built.read(tmp_path / "built.json") == built
    (tmp_path / "built.json").write_text('{"versions": 3}')
    assert Built.read(tmp_path / "built.json") is None
    assert Built.read(tmp_path / "none.json") is None


def test_a_new_poll_goes_on_from_the_one_that_was_built(home: Home, built: Built) -> None:
    append(home.silver("polls"), [poll(2, at(1))])

    assert since(home, built) == News(at(0), date(2025, 8, 5), date(2025, 8, 5))


def test_a_late_event_reaches_back_to_its_day(home: Home, built: Built) -> None:
    append(home.silver("polls"), [poll(2, at(1))])
    append(home.silver("sensor_events"), [event("b", at(-30), at(-30))])

    # Gold knows no bay b yet.
    assert since(home, built) == News(at(-30), date(2025, 8, 4), date(2025, 8, 4), are_references_new=True)


def test_what_may_hide_before_an_event_reaches_back_for_occupancy_only(home: Home, built: Built) -> None:
    append(home.silver("polls"), [poll(2, at(20))])
    # Heard at 23:30 local time, and then at one: the vehicle may have left on either day.
    append(home.silver("sensor_events"), [event("a", at(13), at(11.5))])
    later = replace(built, until_at=at(13))

    assert news.since(home, later, news.now(home, "models"), LAG) == News(
        at(13), date(2025, 8, 6), date(2025, 8, 5)
    )


def test_an_event_reported_late_may_hide_all_since_the_one_before(home: Home, built: Built) -> None:
    append(home.silver("polls"), [poll(2, at(20))])
    append(home.silver("sensor_events"), [event("a", at(13), at(14))])
    later = replace(built, until_at=at(13))

    found = news.since(home, later, news.now(home, "models"), LAG)

    assert found is not None
    assert found.occupancy_from_on == date(2025, 8, 5)


def test_an_event_between_two_reaches_back_to_what_the_later_one_hid(home: Home, built: Built) -> None:
    append(home.silver("sensor_events"), [event("a", at(-1.01), at(-1.01))])

    found = since(home, built)

    assert found == News(at(-1.01), date(2025, 8, 5), date(2025, 8, 5))


def test_bays_are_made_anew_when_a_reference_or_a_place_has_changed(home: Home, built: Built) -> None:
    moved = STATE | BAY | {"zone_number": 8, "valid_from_at": at(0)}
    DeltaTable(home.silver("sensor_states")).update({"valid_to_at": "timestamp '2025-08-05T02:00:00Z'"})
    append(home.silver("sensor_states"), [moved])
    found = since(home, built)
    assert found is not None
    assert found.are_references_new
    assert not found.is_history_new
    assert found.stays_from_on == date(2025, 8, 5)


def plate(zone: int) -> dict[str, Any]:
    key = {"zone_number": zone, "days": "Mon-Fri", "start_minute": 0, "finish_minute": 1, "code": "2P"}
    times = {"observed_at": at(0), "valid_from_at": at(0), "is_current": True, "is_assumed": True}
    return key | times | {"is_retired": False, "topic": "t", "partition": 0, "offset": zone}


def test_tables_that_are_only_packed_have_no_news(home: Home) -> None:
    for number in range(3):
        append(home.silver("sensor_events"), [event(f"b{number}", at(0))])
        append(home.silver("sign_plates"), [plate(number)])
    before = news.now(home, "models")
    for name in ("sensor_events", "sign_plates"):
        DeltaTable(home.silver(name)).optimize.compact()
    after = news.now(home, "models")

    assert all(after.versions[name] != before.versions[name] for name in ("sensor_events", "sign_plates"))
    assert news.since(home, before, after, LAG) is None


def test_a_refused_poll_is_no_news(home: Home, built: Built) -> None:
    append(home.silver("polls"), [poll(2, at(1)) | {"outcome": "refused"}])

    assert since(home, built) is None


def test_a_plate_that_came_makes_references_new(home: Home, built: Built) -> None:
    append(home.silver("sign_plates"), [plate(1)])

    assert since(home, built) == News(at(0), date(2025, 8, 5), date(2025, 8, 5), are_references_new=True)


def test_history_is_new_when_it_has_more_rows(home: Home, built: Built) -> None:
    path = home.silver(news.HISTORY)
    for _ in range(3):
        append(path, [HISTORICAL])
    before = news.now(home, "models")
    DeltaTable(path).optimize.compact()

    assert since(home, before) is None
    assert since(home, built) == News(at(0), date(2025, 8, 5), date(2025, 8, 5), is_history_new=True)


def test_a_calendar_that_is_extended_changes_from_its_old_end_on(home: Home, built: Built) -> None:
    version = {
        "zone_number": 7,
        "start_at": at(0, day=1),
        "end_at": at(0, day=20),
        "is_current": True,
        "plates": "[]",
        "topic": "t",
        "partition": 0,
        "offset": 0,
    }
    path = home.silver("rule_versions")
    append(path, [version])
    before = news.now(home, "models")
    DeltaTable(path).delete()
    append(path, [version | {"end_at": at(0, day=21)}])

    assert news.since(home, before, news.now(home, "models"), LAG) == News(
        at(0), date(2025, 8, 5), date(2025, 8, 5)
    )
    # A new zone has rules from its beginning on.
    assert since(home, built) == News(at(0, day=1), date(2025, 8, 1), date(2025, 8, 1))


def test_a_table_made_anew_other_models_and_a_lost_version_are_all_new(home: Home, built: Built) -> None:
    present = news.now(home, "models")
    with pytest.raises(EverythingIsNewError, match="models"):
        news.since(home, built, replace(present, models="others"), LAG)
    other = {
        name: replace(version, version=version.version + 1) for name, version in present.versions.items()
    }
    with pytest.raises(EverythingIsNewError, match="is gone"):
        news.since(home, replace(built, versions=other), present, LAG)
    other = {name: replace(version, table_id="other") for name, version in present.versions.items()}
    with pytest.raises(EverythingIsNewError, match="made anew"):
        news.since(home, replace(built, versions=other), present, LAG)
    with pytest.raises(EverythingIsNewError, match="no poll"):
        news.since(home, replace(built, versions={}, until_at=None), present, LAG)


def test_files_that_were_deleted_make_everything_new(home: Home, built: Built) -> None:
    path = home.silver("sensor_events")
    DeltaTable(path).update({"origin": "'seed'"})
    DeltaTable(path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    with pytest.raises(EverythingIsNewError, match="files of a version"):
        since(home, built)


def test_gold_stays_while_silver_is_made_anew(home: Home, built: Built) -> None:
    with pytest.raises(RetryableError, match="Gold stays as it is"):
        news.since(home, replace(built, until_at=at(1)), replace(built, versions={}), LAG)


def test_a_place_that_a_sensor_had_for_a_while_makes_bays_new(home: Home, built: Built) -> None:
    DeltaTable(home.silver("sensor_states")).delete()
    gone, back = at(-2), at(-1)
    append(
        home.silver("sensor_states"),
        [
            STATE | BAY | {"valid_to_at": gone},
            STATE | BAY | {"valid_from_at": gone, "valid_to_at": back, "zone_number": None},
            STATE | BAY | {"valid_from_at": back},
        ],
    )
    found = since(home, built)
    assert found is not None
    assert found.are_references_new
    assert found.stays_from_on == date(2025, 8, 5)


def test_news_of_two_builds_are_those_of_both(tmp_path: Path) -> None:
    one = News(at(1), date(2025, 8, 5), date(2025, 8, 3), are_references_new=True)
    two = News(at(0), date(2025, 8, 4), date(2025, 8, 4), is_history_new=True)
    (tmp_path / "unfinished.json").write_text(two.text())

    assert News.read(tmp_path / "none.json") is None
    assert one | None == one
    assert one | News.read(tmp_path / "unfinished.json") == News(
        at(0), date(2025, 8, 4), date(2025, 8, 3), are_references_new=True, is_history_new=True
    )
