"""What `melpark doctor` says of a home."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from melpark.places import Home
from melpark.processing import catalogue
from melpark.processing.tables import QUARANTINE
from melpark.settings import Settings
from melpark.stack import doctor, status
from melpark.stack import home as homes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    catalogue.create(Home(tmp_path))
    return Settings(home=tmp_path)


def said_of(subject: str, settings: Settings) -> str:
    return next(finding.problem for finding in doctor.examine(settings) if finding.subject == subject)


def test_an_empty_quarantine_is_fine(settings: Settings) -> None:
    assert said_of("Quarantine", settings) == ""


def test_a_frozen_feed_of_a_running_stack_is_told(settings: Settings) -> None:
    home = Home(settings.home)
    with homes.lock(home):
        for is_frozen in (False, True):
            source = {"kind": "simulator", "unchanged_seconds": 9000.0, "is_frozen": is_frozen}
            status.write(home, status.stopped(home) | {"state": "healthy", "source": source})
            said = said_of("Feed", settings)
            assert ("No bay has changed for 2.5 hours" in said) == is_frozen
    assert said_of("Feed", settings) == ""


def test_what_is_in_quarantine_is_counted_and_found(settings: Settings) -> None:
    path = Home(settings.home).silver(QUARANTINE.name)
    schema = pa.schema(DeltaTable(path).schema().to_arrow())
    values = {"string": "x", "int32": 1, "int64": 1}
    row = {field.name: values.get(str(field.type)) for field in schema}
    write_deltalake(path, pa.Table.from_pylist([row, row], schema=schema), mode="append")

    said = said_of("Quarantine", settings)
    assert "2 change events did not fit" in said
    assert "SELECT reason" in said
