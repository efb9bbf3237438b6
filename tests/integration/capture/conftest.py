"""PostgreSQL, Kafka and Connect for the folder, started once; every test leaves them running."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.capture.engines import Engines
from melpark import secrets
from melpark.ingestion.bootstrap import create_roles_and_database
from melpark.ingestion.migrate import migrate
from melpark.places import Home
from melpark.processing import setup_debezium, topics
from melpark.settings import Settings
from plugins.ports import free_ports


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    # A folder that PostgreSQL's user can enter, which pytest's own is not when root runs the tests.
    folder = Path(tempfile.mkdtemp(prefix="melpark-capture-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    home = folder / "home"
    home.mkdir(mode=0o711)
    postgres_port, kafka_port, controller_port, connect_port = free_ports(4)
    settings = Settings(
        home=home,
        postgres_port=postgres_port,
        kafka_port=kafka_port,
        kafka_controller_port=controller_port,
        connect_port=connect_port,
    )
    secrets.ensure(Home(home))
    started = Engines(settings, folder / "logs")
    try:
        started.start("postgres")
        create_roles_and_database(settings)
        migrate(settings)
        started.start("kafka")
        topics.make(settings)
        started.start("connect")
        assert setup_debezium.register(settings) == "created"
        started.wait_until_running()
        yield started
    finally:
        started.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
