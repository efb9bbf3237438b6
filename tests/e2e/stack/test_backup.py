"""A copy of a running home becomes a home again: PostgreSQL and the lake, consistent with each other."""

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from e2e.stack.replays import TABLES, rows_in_postgres, rows_in_silver, silver_events
from e2e.stack.running import Stack
from melpark.launch import LAUNCHER
from melpark.places import Home
from melpark.stack import postgres
from melpark.stack.declaration import UnhealthyError
from plugins.ports import free_port

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def copied(replayed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("backups") / "first"
    made = replayed.melpark("backup", str(target))
    assert made.returncode == 0, made.stderr
    return target


@pytest.fixture(scope="module")
def restored(replayed: Stack, copied: Path, short_folder: Path) -> Iterator[Stack]:
    """A home made from the backup, whose PostgreSQL runs."""
    root, home = short_folder, short_folder / "restored"
    variables = replayed.environment | {"MELPARK_HOME": str(home), "MELPARK_POSTGRES_PORT": str(free_port())}
    stack = dataclasses.replace(replayed, home=home, environment=variables, process=None)
    done = stack.melpark("restore", str(copied))
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


def test_a_restored_home_holds_what_the_running_one_does(replayed: Stack, restored: Stack) -> None:
    assert rows_in_postgres(restored) == rows_in_postgres(replayed)
    assert rows_in_silver(restored.home) == rows_in_silver(replayed.home)
    assert silver_events(restored.home) == silver_events(replayed.home)
    # The running one takes more events in the meantime.
    copy = DeltaTable(Home(restored.home).bronze)
    assert copy.count() == DeltaTable(Home(replayed.home).bronze, version=copy.version()).count()


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
