"""The past and the truth as files: what `melpark simulate history` and `melpark simulate --truth` write."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from melpark import cli
from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES, SENSORS
from melpark.errors import ConfigurationError, StopError
from melpark.settings import PREFIX, Settings
from melpark.simulator import server, truth_tables
from melpark.simulator.arrow import schema
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.feed import REFRESH_SECONDS, Feed
from melpark.simulator.history_files import write_table
from melpark.simulator.outages import Failure
from melpark.simulator.records import Record
from melpark.simulator.truth_tables import FAULTS, OUTAGES, STAYS
from unit.simulator.played_portal import FakeTime, PlayedPortal

REFRESH = timedelta(seconds=REFRESH_SECONDS)
DAYS = ("2025-08-06", "2025-08-07")
START, END = datetime(2025, 8, 6, tzinfo=UTC), datetime(2025, 8, 8, tzinfo=UTC)
TABLES = {
    "sensor_events": schema(SENSOR_EVENTS),
    "sensor_states": schema(SENSOR_STATES),
    "feed_outages": schema(FEED_OUTAGES),
    "polls": schema(POLLS, without=("poll_id",)),
}
TRUTH = {"stays": STAYS, "faults": FAULTS, "outages": OUTAGES}
Row = dict[str, Any]


def simulate(folder: Path, *arguments: str, **settings: str) -> Result:
    """The command, run in a folder and with no other settings."""
    environment: dict[str, str | None] = {name: None for name in os.environ if name.startswith(PREFIX)}
    environment |= {f"{PREFIX}{name}": value for name, value in settings.items()}
    with contextlib.chdir(folder):
        return CliRunner().invoke(cli.app, ["simulate", *arguments], env=environment, catch_exceptions=False)


def write_history(out: Path) -> str:
    two_days = ("--days", "2", "--end", "2025-08-08")
    result = simulate(out.parent, "history", *two_days, "--out", str(out))
    assert result.exit_code == 0
    return result.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two days of the default city, and what the command said."""
    out = tmp_path_factory.mktemp("history") / "days"
    return out, write_history(out)


@pytest.fixture(scope="module")
def out(written: tuple[Path, str]) -> Path:
    return written[0]


@pytest.fixture(scope="module")
def feed() -> Feed:
    """The same city, played live."""
    return server.history(Settings()).feed


@cache
def rows(out: Path, name: str, day: str) -> list[Row]:
    found: list[Row] = pq.read_table(out / "truth" / name / f"{day}.parquet").to_pylist()
    return found


def shown(feed: Feed, at: datetime) -> dict[str, Record]:
    return {str(record["kerbsideid"]): record for record in feed.records(int(at.timestamp()))}


def contents(out: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_each_table_has_a_file_a_day_and_the_opening_and_the_truth_a_file_a_day(out: Path) -> None:
    found = contents(out).keys()
    expected = {f"{name}/{part}.parquet" for name in TABLES for part in (*DAYS, "opening")}
    expected |= {f"truth/{name}/{day}.parquet" for name in TRUTH for day in DAYS}
    assert found == expected | {"sensors.parquet"}


def test_every_file_has_the_schema_of_its_table(out: Path) -> None:
    for name, expected in TABLES.items():
        for path in (out / name).iterdir():
            assert pq.read_schema(path).equals(expected), path
    for name, expected in TRUTH.items():
        for path in (out / "truth" / name).iterdir():
            assert pq.read_schema(path).equals(expected), path
    assert pq.read_schema(out / "sensors.parquet").equals(schema(SENSORS))


def test_the_command_says_how_many_events_its_files_hold(written: tuple[Path, str]) -> None:
    out, said = written
    events = sum(pq.read_metadata(out / "sensor_events" / f"{day}.parquet").num_rows for day in DAYS)
    assert events > 50_000
    assert said == f"Wrote {events:,} events of 2 days to {out}.\n"


def test_a_file_of_a_day_holds_its_refreshes_and_what_they_found(out: Path) -> None:
    for day, start in zip(DAYS, (START, START + timedelta(days=1)), strict=True):
        polls = pq.read_table(out / "polls" / f"{day}.parquet")["started_at"].to_pylist()
        assert polls == [start + number * REFRESH for number in range(720)]
        for name in ("sensor_events", "sensor_states"):
            observed = set(pq.read_table(out / name / f"{day}.parquet")["observed_at"].to_pylist())
            assert observed <= set(polls)
    for name in ("sensor_events", "sensor_states"):
        opening = pq.read_table(out / name / "opening.parquet")["observed_at"].to_pylist()
        assert set(opening) == {START - REFRESH}


def test_a_second_run_into_the_same_folder_leaves_the_same_bytes(out: Path, tmp_path: Path) -> None:
    again = tmp_path / "days"
    shutil.copytree(out, again)
    (again / "sensors.parquet").write_bytes(b"cut")
    (again / "truth" / "stays" / f"{DAYS[0]}.parquet").unlink()
    build.cache_clear()
    write_history(again)
    assert contents(again) == contents(out)


@pytest.mark.parametrize("hours", [0.1, 9.5, 25, 47.9])
def test_the_dead_of_the_truth_are_the_bays_that_are_silent_in_the_feed(
    out: Path, feed: Feed, hours: float
) -> None:
    at = START + timedelta(hours=hours) - timedelta(hours=hours) % REFRESH
    records = shown(feed, at)
    newest = max(record["lastupdated"] for record in records.values())
    silent = {bay for bay, record in records.items() if record["lastupdated"] < newest}
    assert {row["kerbside_id"] for row in faults_at(out, at, "dead")} == silent
    assert len(silent) > 400


def faults_at(out: Path, at: datetime, kind: str) -> list[Row]:
    """Those that hold at an instant, by the file of its day."""
    found = rows(out, "faults", at.date().isoformat())
    return [row for row in found if row["kind"] == kind and holds(row, at)]


def holds(row: Row, at: datetime) -> bool:
    return row["start_at"] < at and (row["end_at"] is None or at < row["end_at"])


def passing(out: Path, kind: str) -> list[Row]:
    """Faults that begin and end within the two days."""
    both = {tuple(row.items()): row for day in DAYS for row in rows(out, "faults", day)}
    found = [row for row in both.values() if row["kind"] == kind and row["end_at"]]
    return [row for row in found if row["start_at"] > START and row["end_at"] < END - REFRESH]


def test_a_sensor_that_falls_silent_is_last_heard_when_the_truth_says_and_again_when_it_revives(
    out: Path, feed: Feed
) -> None:
    found = passing(out, "dead")
    for row in found[:10]:
        bay, start, end = row["kerbside_id"], row["start_at"], row["end_at"]
        heard = {
            at: shown(feed, at)[bay]["lastupdated"] for at in (start, start + REFRESH, end - REFRESH, end)
        }
        assert heard[start] == heard[end - REFRESH] == heard[start + REFRESH] == start.isoformat()
        assert heard[end] == end.isoformat()
    assert len(found) > 3


def test_a_stuck_sensor_goes_on_telling_one_status_while_cars_come_and_go(out: Path, feed: Feed) -> None:
    stuck = faults_at(out, START + timedelta(hours=12), "stuck")
    lasting = {row["kerbside_id"] for row in stuck if row["end_at"] is None}
    before, after = (shown(feed, at) for at in (START + REFRESH, END - REFRESH))
    arrived = {row["kerbside_id"] for day in DAYS for row in rows(out, "stays", day)}
    for bay in lasting & arrived:
        told = {records[bay]["status_timestamp"] for records in (before, after)}
        assert len(told - {"1970-01-01T00:00:00+00:00"}) == 1
        assert after[bay]["lastupdated"] == (END - REFRESH).isoformat()
    assert len(lasting & arrived) > 500


def test_a_row_without_time_of_the_truth_is_one_of_1970_in_the_feed(out: Path, feed: Feed) -> None:
    end = START + timedelta(days=1)
    faults = [row for row in rows(out, "faults", DAYS[0]) if row["kind"] == "no_time"]
    found = {row["start_at"] + REFRESH: row for row in faults if row["start_at"] + REFRESH < end}
    for at, row in list(found.items())[:5]:
        assert row["end_at"] == at + REFRESH
        times = {bay: record["status_timestamp"] for bay, record in shown(feed, at).items()}
        assert [bay for bay, time in times.items() if time.startswith("1970")] == [row["kerbside_id"]]
    polls = pq.read_table(out / "polls" / f"{DAYS[0]}.parquet")
    assert sum(polls["rejected"].to_pylist()) == len(found) > 200
    assert set(polls["kept"].to_pylist()) == {3_299, 3_300}


def test_a_fault_is_in_the_file_of_each_day_that_it_touches_and_of_no_other(out: Path) -> None:
    for day, start in zip(DAYS, (START, START + timedelta(days=1)), strict=True):
        for row in rows(out, "faults", day):
            assert row["start_at"] < start + timedelta(days=1)
            assert row["end_at"] is None or row["end_at"] > start
    lasting = [{row["kerbside_id"] for row in rows(out, "faults", day) if not row["end_at"]} for day in DAYS]
    assert lasting[0] == lasting[1]


def test_a_bay_that_a_sound_sensor_shows_as_taken_has_a_stay_in_the_truth(out: Path, feed: Feed) -> None:
    at = END - timedelta(hours=20)
    known = datetime.fromtimestamp(feed.known_until(int(at.timestamp())), UTC)
    faulty = {row["kerbside_id"] for row in rows(out, "faults", DAYS[1])}
    there = {
        row["kerbside_id"]: row["arrival_at"].isoformat()
        for day in DAYS
        for row in rows(out, "stays", day)
        if row["arrival_at"] <= known < row["departure_at"]
    }
    sound = {bay: record for bay, record in shown(feed, at).items() if bay not in faulty}
    # A stay that began before the files is in none of them.
    taken = {
        bay: record["status_timestamp"]
        for bay, record in sound.items()
        if record["status_description"] == "Present" and record["status_timestamp"] >= START.isoformat()
    }
    assert {bay: arrival for bay, arrival in there.items() if bay in sound} == taken
    assert len(taken) > 700


def test_a_stay_is_in_the_file_of_the_day_of_its_arrival(out: Path) -> None:
    for day in DAYS:
        assert {row["arrival_at"].date().isoformat() for row in rows(out, "stays", day)} == {day}


def test_the_outages_of_the_truth_are_those_of_the_feed_and_of_its_answers(feed: Feed) -> None:
    """In a city where something fails every day."""
    often = Dirt(stale_feeds=40, frozen_feeds=20, server_errors=60, exceeded_quotas=40, cut_bodies=60)
    failing = Feed(replace(feed.city, dirt=replace(often, is_late=False)), feed.truth)
    told = truth_tables.outages(failing, START, START + timedelta(days=7)).to_pylist()
    seen = set()
    for number in range(7 * 720):
        at = START + number * REFRESH
        tick = int(at.timestamp())
        kinds = {Failure(row["kind"]) for row in told if row["start_at"] < at < row["end_at"]}
        played = {failing.time.failure(tick)} - {None}
        played |= {Failure.STALE} if failing.updated(tick) != tick else set()
        played |= {Failure.FROZEN} if failing.known_until(tick) != failing.updated(tick) else set()
        assert kinds == played
        seen |= kinds
    assert seen == set(Failure)


def test_a_running_simulator_writes_the_truth_of_each_day_as_the_history_does(
    out: Path, tmp_path: Path
) -> None:
    time = FakeTime(START + timedelta(hours=23, minutes=56))
    portal = PlayedPortal(Settings(), time, truth=tmp_path)
    assert contents(tmp_path) == of_day(out / "truth", DAYS[0])
    first = tmp_path / "stays" / f"{DAYS[0]}.parquet"
    first.unlink()
    time.pass_by(REFRESH_SECONDS)
    portal.export()
    assert not first.exists(), "a day is written once"
    time.pass_by(REFRESH_SECONDS)
    portal.export()
    assert of_day(tmp_path, DAYS[1]) == of_day(out / "truth", DAYS[1])


def of_day(truth: Path, day: str) -> Mapping[str, bytes]:
    return {name: content for name, content in contents(truth).items() if day in name}


def test_a_folder_that_is_none_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a letter")
    with pytest.raises(ConfigurationError, match="cannot hold a history: it is not a folder"):
        write_history(taken)
    assert contents(tmp_path) == {"taken": b"a letter"}


def test_only_the_simulator_knows_a_truth(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no truth to write: the source is replay"):
        simulate(tmp_path, "--truth", str(tmp_path), SOURCE="replay", CAPTURE_DIR=str(tmp_path))


def test_a_file_that_the_disk_refuses_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(rows: pa.Table, path: Path, compression: str) -> None:
        path.write_bytes(b"cut")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", no_space)
    with pytest.raises(StopError, match="No space left on device"):
        write_table(tmp_path / "stays" / "day.parquet", pa.table({"a": [1]}))
    assert contents(tmp_path) == {}
