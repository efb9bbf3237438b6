"""A copy of a running home becomes a home again: PostgreSQL and the lake, consistent with each other."""

import contextlib
import dataclasses
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltalake import DeltaTable

from e2e.stack.replays import TABLES, rows_in_postgres, rows_in_silver, silver_events, wait_until_drained
from e2e.stack.running import Stack
from melpark.launch import LAUNCHER
from melpark.places import Home
from melpark.stack import postgres
from melpark.stack.declaration import UnhealthyError
from plugins.ports import free_port

pytestmark = pytest.mark.real_data


WRITE_A_POLL = """
    INSERT INTO parking.polls (dataset, outcome, reason, started_at, received_at, origin)
    VALUES ('on-street-parking-bays', 'failed', 'written while a backup was taken', now(), now(), 'live')
"""


@dataclass(frozen=True)
class Copy:
    """A backup, and how many polls there were before it was taken."""

    folder: Path
    polls_before: int


@contextlib.contextmanager
def polls_go_on(stack: Stack) -> Iterator[None]:
    """Rows of polls are written all the time."""
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(0.02):
            stack.postgres(WRITE_A_POLL)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@pytest.fixture(scope="module")
def copied(replayed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Taken while the stack runs and rows are written."""
    target = tmp_path_factory.mktemp("backups") / "first"
    before = rows_in_postgres(replayed)["polls"]
    with polls_go_on(replayed):
        made = replayed.melpark("backup", str(target))
    assert made.returncode == 0, made.stderr
    wait_until_drained(replayed)
    return Copy(target, before)


@pytest.fixture(scope="module")
def restored(replayed: Stack, copied: Copy, short_folder: Path) -> Iterator[Stack]:
    """A home made from the backup, whose PostgreSQL runs."""
    root, home = short_folder, short_folder / "restored"
    variables = replayed.environment | {"MELPARK_HOME": str(home), "MELPARK_POSTGRES_PORT": str(free_port())}
    stack = dataclasses.replace(replayed, home=home, environment=variables, process=None)
    done = stack.melpark("restore", str(copied.folder))
    assert done.returncode == 0, done.stderr
    engine = postgres.engine(stack.settings)
    engine.prepare()
    command = engine.command()
    with (root / "restored-postgres.log").open("wb") as log:
        process = subprocess.Popen(
            [*LAUNCHER, command.user or "-", *command.arguments], cwd="/", stdout=log, stderr=log
        )
    try:
        while True:
            assert process.poll() is None, (root / "restored-postgres.log").read_text()
            try:
                engine.check()
                break
            except UnhealthyError:
                continue
        yield stack
    finally:
        process.send_signal(engine.stop_signal)
        process.wait(timeout=60)


def test_a_restored_home_holds_what_the_running_one_does(
    replayed: Stack, restored: Stack, copied: Copy
) -> None:
    held, copy = rows_in_postgres(replayed), rows_in_postgres(restored)
    assert copied.polls_before < copy.pop("polls") <= held.pop("polls")
    assert copy == held
    held, copy = rows_in_silver(replayed.home), rows_in_silver(restored.home)
    assert copied.polls_before <= copy.pop("polls") <= held.pop("polls")
    assert copy == held
    assert silver_events(restored.home) == silver_events(replayed.home)
    # The running one takes more events in the meantime.
    bronze = DeltaTable(Home(restored.home).bronze)
    assert bronze.count() == DeltaTable(Home(replayed.home).bronze, version=bronze.version()).count()


def test_the_restored_lake_is_never_ahead_of_the_restored_postgres(restored: Stack) -> None:
    rows = rows_in_postgres(restored)
    assert all(rows[name] >= count for name, count in rows_in_silver(restored.home).items())
    assert set(rows) == set(TABLES)


def test_a_restored_postgres_has_no_slot_and_goes_on_in_its_log(replayed: Stack, restored: Stack) -> None:
    assert restored.postgres("SELECT slot_name FROM pg_replication_slots") == []
    newest = max(
        lsn
        for lsn in DeltaTable(Home(restored.home).silver("polls"))
        .to_pyarrow_table(columns=["lsn"])["lsn"]
        .to_pylist()
        if lsn is not None
    )
    ((ahead,),) = restored.postgres(f"SELECT pg_current_wal_lsn() - '0/0'::pg_lsn > {newest}")
    assert ahead
