"""`melpark backup` and `melpark restore`: PostgreSQL and the lake, consistent with each other.

The lake is copied first and PostgreSQL after it, so the copy of PostgreSQL holds every change that the copy of
the lake does. Kafka, its offsets and the streams' checkpoints are left out: after a restore capture begins with a
snapshot in new topics, and silver gives way only to later changes, which all of those are.
"""

import json
import os
import pwd
import re
import secrets as random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from melpark import secrets
from melpark.errors import ConfigurationError, MelParkError, RetryableError, StopError
from melpark.places import SUPERUSER, Home
from melpark.processing import lake_copy
from melpark.settings import Settings
from melpark.stack import home as homes
from melpark.stack import postgres

FORMAT = 1
# Of a backup that is not given one.
NAME = "%Y-%m-%dT%H%M%SZ"
NAMED = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")


@dataclass(frozen=True)
class Backup:
    """What a backup's `backup.json` says. `cluster` is PostgreSQL's name of itself, which a restored home keeps."""

    made_at: str
    postgres_version: str
    versions: dict[str, int]
    format: int = FORMAT
    cluster: str = ""

    @property
    def tables(self) -> int:
        return len(self.versions)


def make(settings: Settings, target: Path) -> Backup:
    """Copy the running home into the new folder `target`, whole or not at all.

    Raises ConfigurationError when `target` exists, RetryableError when PostgreSQL does not answer.
    """
    home, target = Home(settings.home.resolve()), target.resolve()
    if target.is_relative_to(home.root):
        raise ConfigurationError(f"{target} lies in the home", "", "Name a folder elsewhere")
    _require_new(target)
    stamp = homes.read_stamp(home)
    if stamp is None:
        raise StopError(f"{home.root} holds nothing", "it was never started", "Run `melpark up` first")
    server, cluster = _server(settings)
    with _whole_or_not(target, 0o700) as unfinished:
        copied = Home(unfinished)
        versions = lake_copy.copy(home, copied.lake)
        _copy_postgres(settings, unfinished / "postgres")
        files = [(home.stamp, 0o644)]
        # Passwords that are handed over are no part of the home.
        if not secrets.are_handed_over():
            files.append((home.secrets, 0o600))
        for file, mode in files:
            shutil.copyfile(file, unfinished / file.name)
            (unfinished / file.name).chmod(mode)
        made = Backup(datetime.now(UTC).isoformat(), server, versions, cluster=cluster)
        # Last: a folder without it is no backup.
        (unfinished / "backup.json").write_text(json.dumps(asdict(made), indent=1))
    return made


def make_next(settings: Settings) -> tuple[Path, Backup]:
    """A backup in `backup_dir`, named by its time; once it is whole, the newest `backups_kept` of the home stay.

    Raises ConfigurationError where no folder is set, and what `make` raises.
    """
    folder = settings.backup_dir
    if folder is None:
        raise ConfigurationError(
            "There is no folder for the backup", "none is named", "Name one, or set MELPARK_BACKUP_DIR"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{datetime.now(UTC):{NAME}}"
    made = make(settings, target)
    for older in kept(folder, made.cluster)[: -settings.backups_kept]:
        shutil.rmtree(older)
    return target, made


def kept(folder: Path, cluster: str) -> list[Path]:
    """The whole backups of one home in a folder that are named by their time, oldest first."""
    named = (file.parent for file in folder.glob("*/backup.json") if NAMED.fullmatch(file.parent.name))
    return sorted(path for path in named if _is_of(path, cluster))


def _is_of(backup: Path, cluster: str) -> bool:
    try:
        return _read(backup).cluster == cluster
    except MelParkError:
        # Damaged, or of a newer MelPark.
        return False


def restore(settings: Settings, source: Path) -> Backup:
    """Make the home of the settings, which must be empty, from a backup, whole or not at all."""
    home, source = Home(settings.home.resolve()), source.resolve()
    _require_new(home.root)
    made = _read(source)
    if lake_copy.check(source / "lake") != made.versions:
        raise StopError(
            f"{source} is not whole", "its tables are not those of backup.json", "Use another one"
        )
    if not ((source / home.secrets.name).exists() or secrets.are_handed_over()):
        raise StopError(
            f"{source} holds no passwords",
            "it was made where CREDENTIALS_DIRECTORY hands them over",
            "Name the folder of those passwords in CREDENTIALS_DIRECTORY",
        )
    user = postgres.run_as(settings)
    # Root's PostgreSQL runs as another user and must pass through.
    with _whole_or_not(home.root, 0o711 if os.geteuid() == 0 else 0o700) as unfinished:
        new = Home(unfinished)
        for file in (new.stamp, new.secrets):
            if (source / file.name).exists():
                shutil.copy2(source / file.name, file)
        shutil.copytree(source / "lake", new.lake)
        data = new.engine("postgres") / "data"
        shutil.copytree(source / "postgres", data, symlinks=True)
        _give_to(data, user)
        lake_copy.expect_new_topics(new)
    return made


def _read(source: Path) -> Backup:
    try:
        made = Backup(**json.loads((source / "backup.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{source} is not a backup", str(error), "Name a folder of `melpark backup`"
        ) from None
    if made.format > FORMAT:
        raise StopError(f"{source} was written by a newer MelPark", "", "Update MelPark")
    return made


def _require_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is not empty", "nothing is written over", "Name a new folder")


@contextmanager
def _whole_or_not(target: Path, mode: int) -> Iterator[Path]:
    """A folder beside the target, which takes its place at the end; gone when something fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{random.token_hex(4)}")
    unfinished.mkdir()
    unfinished.chmod(mode)
    try:
        yield unfinished
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    except OSError as error:
        raise StopError(f"{target} could not be made", str(error), "Nothing was left behind") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _server(settings: Settings) -> tuple[str, str]:
    """Version and name of the cluster."""
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=settings.postgres_port,
            dbname="postgres",
            user=SUPERUSER,
            password=secrets.password(settings.home, SUPERUSER),
            connect_timeout=5,
        ) as connection:
            return connection.execute(  # type: ignore[return-value]
                "SELECT current_setting('server_version'), system_identifier::text FROM pg_control_system()"
            ).fetchone()
    except psycopg.Error as error:
        raise RetryableError(
            "PostgreSQL does not answer", str(error).strip().splitlines()[0], "Run `melpark up`; it may go on"
        ) from None


def _copy_postgres(settings: Settings, target: Path) -> None:
    """A base backup with the log that makes it consistent; slots are not part of one."""
    try:
        subprocess.run(
            [
                postgres.BINARIES / "pg_basebackup",
                "--host=127.0.0.1",
                f"--port={settings.postgres_port}",
                f"--username={SUPERUSER}",
                "--no-password",
                f"--pgdata={target}",
                "--checkpoint=fast",
                "--wal-method=stream",
            ],
            env=os.environ | {"PGPASSWORD": secrets.password(settings.home, SUPERUSER)},
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["pg_basebackup failed"]
        raise StopError("PostgreSQL could not be copied", lines[-1], "Mend that and try again") from None


def _give_to(folder: Path, user: str | None) -> None:
    folder.chmod(0o700)
    if user is None:
        return
    owner = pwd.getpwnam(user)
    for path in (folder.parent, folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid if path != folder.parent else -1, follow_symlinks=False)
