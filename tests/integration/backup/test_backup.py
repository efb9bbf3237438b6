"""A home becomes a backup and an empty home becomes that home: whole or not at all."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from melpark.contracts import FEED_OUTAGES
from melpark.errors import ConfigurationError, RetryableError, StopError
from melpark.ingestion.database import connect
from melpark.launch import LAUNCHER
from melpark.places import SUPERUSER, Home
from melpark.processing import catalogue
from melpark.settings import Settings
from melpark.stack import backup, postgres
from melpark.stack.declaration import UnhealthyError
from plugins.ports import free_port
from plugins.postgres import make_template, running_postgres

INSERT = (
    "INSERT INTO parking.feed_outages (start_at, end_at, observed_at, origin) "
    "VALUES (%s, '2001-02-01', '2001-02-01', 'live')"
)
COUNT = f"SELECT count(*) FROM parking.{FEED_OUTAGES.name}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="melpark-backup-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def home(folder: Path) -> Iterator[Settings]:
    """A home with a running PostgreSQL that holds one outage, and an empty lake."""
    root = folder / "home"
    root.mkdir()
    with running_postgres(root) as settings:
        make_template(settings)
        catalogue.create(Home(root))
        Home(root).stamp.write_text(json.dumps({"source": "simulator"}))
        with connect(settings, SUPERUSER) as connection:
            connection.execute(INSERT, ["2001-01-01"])
        yield settings


@pytest.fixture(scope="module")
def copied(home: Settings, folder: Path) -> Path:
    backup.make(home, folder / "copy")
    return folder / "copy"


def test_backups_are_named_by_their_time_and_the_newest_of_a_home_stay(
    home: Settings, copied: Path, folder: Path
) -> None:
    kept = folder / "kept"
    own = json.loads((copied / "backup.json").read_text())
    assert own["cluster"]
    # What is not named as a backup, cannot be read or is of another home is somebody else's.
    others = {
        "2025-12-30T030000Z": own | {"cluster": "another"},
        "2025-12-31T030000Z": "damaged",
        "letters": own,
        "2026-01-03T030000Z.part": own,
    }
    for name, said in {"2026-01-01T030000Z": own, "2026-01-02T030000Z": own, **others}.items():
        (kept / name).mkdir(parents=True)
        (kept / name / "backup.json").write_text(json.dumps(said))
    target, _ = backup.make_next(home.model_copy(update={"backup_dir": kept, "backups_kept": 2}))
    assert {path.name for path in kept.iterdir()} == {"2026-01-02T030000Z", target.name, *others}
    with pytest.raises(ConfigurationError, match="MELPARK_BACKUP_DIR"):
        backup.make_next(Settings())


def test_a_restored_home_starts_with_what_the_copied_one_held_and_goes_on(
    home: Settings, copied: Path, folder: Path
) -> None:
    with connect(home, SUPERUSER) as connection:
        connection.execute(INSERT, ["2001-01-02"])
        slot = "SELECT pg_create_physical_replication_slot('copied')"
        connection.execute(slot)
        newest = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
    later = folder / "later"
    backup.make(home, later)
    for source, outages in ((copied, 1), (later, 2)):
        settings = Settings(home=folder / f"restored-{outages}", postgres_port=free_port())
        made = backup.restore(settings, source)
        assert made.versions["silver.polls"] >= 0
        with Running(settings), connect(settings, SUPERUSER) as connection:
            assert connection.execute(COUNT).fetchone() == (outages,)
            assert connection.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
            connection.execute(INSERT, ["2001-01-03"])
            assert connection.execute(COUNT).fetchone() == (outages + 1,)
            if source == later:
                # Its log goes on: what is written now is later than all that the lake may hold.
                ahead = connection.execute("SELECT pg_current_wal_lsn() > %s::pg_lsn", newest).fetchone()
                assert ahead == (True,)


def test_a_backup_is_closed_to_others(copied: Path) -> None:
    assert stat.S_IMODE(copied.stat().st_mode) == 0o700
    assert stat.S_IMODE((copied / "secrets.json").stat().st_mode) == 0o600


def test_passwords_that_are_handed_over_are_in_no_backup_and_are_handed_to_the_restored_home(
    home: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Home(home.home).secrets
    handed = tmp_path / "credentials"
    handed.mkdir()
    for name, password in json.loads(own.read_text()).items():
        (handed / name).write_text(password)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    target = folder / "without-passwords"
    own.rename(own.with_suffix(".away"))
    try:
        backup.make(home, target)
    finally:
        own.with_suffix(".away").rename(own)
    assert {path.name for path in target.iterdir()} == {"backup.json", "home.json", "lake", "postgres"}

    settings = Settings(home=folder / "restored-without", postgres_port=free_port())
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(StopError, match="holds no passwords"):
        backup.restore(settings, target)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    backup.restore(settings, target)
    assert not Home(settings.home).secrets.exists()
    with Running(settings), connect(settings, SUPERUSER) as connection:
        assert connection.execute(COUNT).fetchone()


def test_nothing_is_written_over(home: Settings, copied: Path) -> None:
    with pytest.raises(ConfigurationError, match="not empty"):
        backup.make(home, copied)
    with pytest.raises(ConfigurationError, match="not empty"):
        backup.restore(home, copied)
    with pytest.raises(ConfigurationError, match="lies in the home"):
        backup.make(home, home.home / "backup")


def test_a_backup_that_is_not_whole_is_not_restored(copied: Path, tmp_path: Path) -> None:
    broken, settings = tmp_path / "broken", Settings(home=tmp_path / "home")
    shutil.copytree(copied, broken, ignore=shutil.ignore_patterns("postgres"))
    shutil.rmtree(broken / "lake" / "silver" / "polls")
    with pytest.raises(StopError, match="is not whole"):
        backup.restore(settings, broken)
    (broken / "backup.json").unlink()
    with pytest.raises(ConfigurationError, match="not a backup"):
        backup.restore(settings, broken)
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_a_backup_that_fails_leaves_nothing_behind(home: Settings, tmp_path: Path) -> None:
    away = home.model_copy(update={"postgres_port": free_port()})
    with pytest.raises(RetryableError, match="PostgreSQL does not answer"):
        backup.make(away, tmp_path / "copy")
    (home.home / "home.json").rename(home.home / "home.away")
    try:
        with pytest.raises(StopError, match="never started"):
            backup.make(home, tmp_path / "copy")
    finally:
        (home.home / "home.away").rename(home.home / "home.json")
    assert list(tmp_path.iterdir()) == []


class Running:
    """The restored PostgreSQL, as the stack starts it."""

    def __init__(self, settings: Settings) -> None:
        self.engine = postgres.engine(settings)

    def __enter__(self) -> None:
        self.engine.prepare()
        command = self.engine.command()
        self.process = subprocess.Popen(
            [*LAUNCHER, command.user or "-", *command.arguments], cwd="/", stderr=subprocess.DEVNULL
        )
        while True:
            assert self.process.poll() is None
            try:
                return self.engine.check()
            except (UnhealthyError, psycopg.Error):
                continue

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(self.engine.stop_signal)
        self.process.wait(timeout=60)
