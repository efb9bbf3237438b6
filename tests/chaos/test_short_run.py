"""Ten faults, a stop in the middle and a lost catalogue during one replay; every place is right all the same."""

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from deltalake import DeltaTable, write_deltalake

from chaos import made_up_capture, places
from chaos.comparison import Findings, compare, compare_log
from chaos.schedule import EVERYTHING, VICTIMS, Kind, faults
from chaos.striking import Struck, all_run, kill_bystanders, strike_all
from chaos.watching import Gate
from e2e.stack import oracle
from e2e.stack.replays import is_done, wait_until_drained
from e2e.stack.running import Stack, read_status, stopped_at_the_end
from melpark.contracts import SENSOR_EVENTS
from melpark.places import Home, topic
from melpark.processing.spark_session import connect

SEED = 7220
# What a terminal is told before it is drawn on again: to go up line by line, and to clear each.
DRAWN_AGAIN = re.compile(r"(?:\x1b\[2K|\x1b\[1A|\r)*\x1b\[1A\x1b\[2K")
COLOURS = re.compile(r"\x1b\[[\d;]*m")
# Of the two tables, engines and stages: PostgreSQL and Kafka are both.
SHOWN = {
    "postgres": 2,
    "kafka": 2,
    "connect": 1,
    "spark": 1,
    "server": 1,
    "bronze": 1,
    "silver": 1,
    "gold": 1,
}
CHANGES, BAYS = 20_000, 800
# A third of them; the rest is left for the end.
POLLS_WITH_FAULTS = 20


@dataclass
class Survivor:
    """A stack that went through it, drained and running, and what was seen on the way."""

    stack: Stack
    capture: Path
    struck: list[Struck]
    bystanders: set[str]
    was_done_at_the_stop: bool
    left_running: list[int]
    findings: dict[str, Findings] = field(default_factory=dict)

    @property
    def home(self) -> Home:
        return Home(self.stack.home)


@pytest.fixture(scope="module")
def survivor(short_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survivor]:
    capture = made_up_capture.write(tmp_path_factory.mktemp("capture"), SEED, CHANGES, BAYS)
    stack = Stack.on(
        short_folder / "survivor",
        MELPARK_SOURCE="replay",
        MELPARK_CAPTURE_DIR=str(capture),
        MELPARK_SPEED="0",
    )
    stack.has_terminal = True
    schedule = faults(10, SEED, everything_every=10, longest_pause=4)
    # So that the stop falls into the start after it.
    schedule[-1] = dataclasses.replace(schedule[-1], is_waited_for=False)
    with stopped_at_the_end(stack):
        with contextlib.closing(Gate(stack)) as gate:
            stack.start()
            stack.wait_until_healthy()
            bystanders = kill_bystanders(stack)
            struck = strike_all(stack, gate, schedule, POLLS_WITH_FAULTS)
            gate.allow(struck[-1].polls + 1)
            stack.wait_for("another poll", lambda status: (gate.polls or 0) > struck[-1].polls)
            was_done = is_done(stack)
            left_running = stack.stop()
        shutil.rmtree(Home(stack.home).engine("spark") / "metastore")
        stack.start()
        wait_until_drained(stack)
        findings = places.compare_all(stack, capture)
        yield Survivor(stack, capture, struck, bystanders, was_done, left_running, findings)


def test_every_process_was_struck_and_came_back(survivor: Survivor) -> None:
    killed = {struck.fault.victim for struck in survivor.struck if struck.fault.kind is Kind.KILL}
    assert killed == {*VICTIMS, EVERYTHING}
    survivor.stack.wait_for("every engine running", all_run)
    engines = read_status(survivor.stack.home)["engines"]
    assert all(psutil.pid_exists(engine["pid"]) for engine in engines.values())


def test_the_faults_fell_into_the_moments_that_were_asked_for(survivor: Survivor) -> None:
    assert all(struck.met_its_moment for struck in survivor.struck)
    assert not survivor.was_done_at_the_stop


def test_nothing_is_lost_doubled_or_out_of_order(survivor: Survivor) -> None:
    assert {place: str(found) for place, found in survivor.findings.items() if not found.is_clean} == {}
    assert all(found.rows for found in survivor.findings.values())
    assert survivor.findings["bronze against parking.sensor_events"].rows >= CHANGES


def test_each_status_change_that_is_missing_was_refused_with_its_reason(survivor: Survivor) -> None:
    refused = survivor.stack.postgres(
        "SELECT DISTINCT record_key, payload ->> 'status_timestamp', reason FROM parking.rejected_records"
    )
    missing = oracle.told(survivor.capture) - oracle.events(survivor.capture).keys()
    assert missing == {(key, oracle.time(at)) for key, at, _ in refused}
    assert {reason for _, _, reason in refused} == {"time_runs_backwards"}


def test_every_table_is_the_same_in_silver_and_no_loss_was_thought_possible(survivor: Survivor) -> None:
    answer = survivor.stack.melpark("reconcile")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert places.noticed_gaps(survivor.stack) == []


def test_ctrl_c_in_the_middle_of_a_replay_leaves_no_process(survivor: Survivor) -> None:
    assert not survivor.was_done_at_the_stop
    assert survivor.left_running == []


def test_a_terminal_shows_one_table_that_is_drawn_again_in_its_place(survivor: Survivor) -> None:
    shown = survivor.stack.home.with_suffix(".out").read_text()
    frames = [COLOURS.sub("", frame) for frame in DRAWN_AGAIN.split(shown)]
    whole = [frame for frame in frames if "MelPark healthy" in frame]
    assert len(whole) > 10
    for frame in whole:
        first_words = [line.split()[0] for line in frame.splitlines() if line.strip()]
        assert {name: first_words.count(name) for name in SHOWN} == SHOWN
        assert frame.count("Ctrl-C stops everything") == 1


def test_tables_are_registered_again_after_the_catalogue_was_deleted(survivor: Survivor) -> None:
    session = connect(survivor.stack.settings, wait_seconds=30)
    try:
        rows = session.sql("SELECT count(*) FROM silver.sensor_events").collect()[0][0]
        names = {row["tableName"] for row in session.sql("SHOW TABLES IN silver").collect()}
    finally:
        session.stop()
    assert rows == len(oracle.events(survivor.capture))
    assert {"sensor_events", "sensor_states", "feed_outages", "polls", "bays"} <= names


def test_a_row_deleted_from_silver_is_found(survivor: Survivor, tmp_path: Path) -> None:
    table, row = _copy_of_silver(survivor, tmp_path)
    table.delete(f"kerbside_id = '{row['kerbside_id']}' AND offset = {row['offset']}")
    assert _against_postgres(survivor, table).lost == [(row["kerbside_id"], row["status_changed_at"])]


def test_a_row_written_to_silver_again_is_found(survivor: Survivor, tmp_path: Path) -> None:
    table, row = _copy_of_silver(survivor, tmp_path)
    held = table.to_pyarrow_table()
    write_deltalake(table, held.slice(0, 1), mode="append")
    assert _against_postgres(survivor, table).duplicated == [(row["kerbside_id"], row["status_changed_at"])]


def test_an_event_that_bronze_took_too_late_is_found(survivor: Survivor, tmp_path: Path) -> None:
    shutil.copytree(survivor.home.bronze, tmp_path / "bronze")
    table = DeltaTable(tmp_path / "bronze")
    held = list(places.in_postgres(survivor.stack, SENSOR_EVENTS))
    oldest = min(places.log(survivor.home.bronze), key=lambda event: event.at)
    where = f"topic = '{topic(SENSOR_EVENTS.name)}' AND partition = {oldest.partition} AND offset = {oldest.offset}"
    table.update({"offset": "offset + 1000000"}, predicate=where)
    assert compare_log(held, places.log(tmp_path / "bronze")).disordered == [(oldest.bay, oldest.at)]


def test_the_api_gives_each_bays_last_status_after_it_all(survivor: Survivor) -> None:
    bays = httpx.get(f"{survivor.stack.url}/api/v1/bays", timeout=30).json()["bays"]
    assert {bay["kerbside_id"]: bay["status"] for bay in bays} == oracle.last_status(survivor.capture)


def test_source_scheduler_and_server_were_killed_during_the_replay_and_came_back(survivor: Survivor) -> None:
    assert survivor.bystanders == {"source", "scheduler", "server"}


def test_a_home_of_another_source_is_refused(survivor: Survivor) -> None:
    assert survivor.stack.stop() == []
    answer = survivor.stack.melpark("up", "--source", "simulator", MELPARK_SPEED="1")
    assert answer.returncode == 2
    assert "holds data of source replay, not simulator" in answer.stderr
    assert answer.stderr.count("\n") == 1


def _copy_of_silver(survivor: Survivor, folder: Path) -> "tuple[DeltaTable, dict[str, object]]":
    """A copy of silver.sensor_events to spoil, and its first row."""
    shutil.copytree(survivor.home.silver("sensor_events"), folder / "silver")
    table = DeltaTable(folder / "silver")
    return table, table.to_pyarrow_table().slice(0, 1).to_pylist()[0]


def _against_postgres(survivor: Survivor, silver: DeltaTable) -> Findings:
    held = places.in_postgres(survivor.stack, SENSOR_EVENTS)
    return compare(held, places.in_silver(Path(silver.table_uri.removeprefix("file://")), SENSOR_EVENTS))
