"""A real PostgreSQL for the whole run, and a fresh database `melpark` for each test that asks for one."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from melpark import secrets
from melpark.errors import RetryableError
from melpark.ingestion.bootstrap import create_roles_and_database
from melpark.ingestion.database import connect
from melpark.ingestion.migrate import migrate
from melpark.places import DATABASE, LOADER_ROLE, OWNER_ROLE, SUPERUSER, Home
from melpark.settings import Settings
from melpark.stack.postgres import BINARIES
from plugins.ports import free_port

START_SECONDS = 60
TEMPLATE = "melpark_template"


@contextmanager
def running_postgres(root: Path, *, is_durable: bool = False) -> Iterator[Settings]:
    """Settings of a running PostgreSQL with generated passwords and nothing in it; `root` becomes its home."""
    home = Home(root)
    secrets.ensure(home)
    settings = Settings(home=home.root, postgres_port=free_port())
    folder = Path(tempfile.mkdtemp(prefix="melpark-postgres-"))
    try:
        process = _start(folder, settings, is_durable)
        try:
            _wait_until_it_answers(settings, process)
            yield settings
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running PostgreSQL with generated passwords and nothing in it."""
    with running_postgres(tmp_path_factory.mktemp("home")) as settings:
        yield settings


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Settings) -> Settings:
    """The same server with a migrated database to copy from."""
    make_template(postgres_server)
    return postgres_server


@pytest.fixture
def postgres(postgres_template: Settings) -> Settings:
    """Settings of a PostgreSQL whose database `melpark` is migrated and empty."""
    fresh_database(postgres_template)
    return postgres_template


@pytest.fixture
def empty_postgres(postgres_server: Settings) -> Iterator[Settings]:
    """Settings of a PostgreSQL without the database `melpark`."""
    with connect(postgres_server, SUPERUSER, database="postgres") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    yield postgres_server
    create_roles_and_database(postgres_server)


@pytest.fixture
def loader_session(postgres: Settings) -> Iterator[Connection[TupleRow]]:
    """A session of the loading role in the fresh database."""
    with connect(postgres, LOADER_ROLE) as connection:
        yield connection


def make_template(settings: Settings) -> None:
    """Migrate the database `melpark` and keep a copy for `fresh_database`."""
    create_roles_and_database(settings)
    migrate(settings)
    with connect(settings, SUPERUSER, database="postgres") as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {DATABASE} OWNER {OWNER_ROLE}")


def fresh_database(settings: Settings) -> None:
    """Replace the database `melpark` by an empty, migrated one."""
    with connect(settings, SUPERUSER, database="postgres") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE} OWNER {OWNER_ROLE}")
    # A copy has not the rights of its template.
    create_roles_and_database(settings)


def _start(folder: Path, settings: Settings, is_durable: bool) -> subprocess.Popen[bytes]:
    user = "nobody" if os.geteuid() == 0 else None
    password_file = folder / "password"
    password_file.write_text(secrets.password(settings.home, SUPERUSER))
    if user:
        shutil.chown(folder, user)
        shutil.chown(password_file, user)
    data = folder / "data"
    options = ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync", "--locale=C.UTF-8"]
    subprocess.run(
        [BINARIES / "initdb", "-D", data, "-U", SUPERUSER, "--encoding=utf8", *options],
        check=True,
        user=user,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    configuration = [
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={folder}",
        "wal_level=logical",
    ]
    if not is_durable:
        configuration += ["fsync=off", "synchronous_commit=off"]
    arguments = [part for setting in configuration for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [BINARIES / "postgres", "-D", data, "-p", str(settings.postgres_port), *arguments],
            user=user,
            cwd=folder,
            stdout=log,
            stderr=log,
        )


def _wait_until_it_answers(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connect(settings, SUPERUSER, database="postgres").close()
            return
        except (RetryableError, psycopg.Error):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
