"""The types that the mapping pages name are those that the readers take and the contracts give, both ways."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from integration.ingestion.made_up_polls import sensor
from integration.ingestion.portals import REFERENCES
from melpark.contracts import SENSORS
from melpark.ingestion.sources import READERS, Reader, Reason
from melpark.places import PROJECT

NAME = re.compile(r"`([^`]+)`")
NOW = datetime(2026, 1, 15, tzinfo=UTC)
GOOD = {dataset: records[0] for dataset, records in REFERENCES.items()} | {SENSORS.dataset: sensor(1, 0)}
PROBES: dict[str, object] = {
    "null": None,
    "boolean": True,
    "1": 1,
    "9": 9,
    "1.5": 1.5,
    "text": "x",
    "date": "2023-11-21",
    "time": "2025-08-07T00:00:00+00:00",
    "clock": "07:30:00",
    "clock of the year 1": "0001-01-01T07:30:00+00:00",
    "Yes": "Yes",
    "object": {"lon": 144.95, "lat": -37.81},
}
TEXTS = {"text", "date", "time", "clock", "clock of the year 1", "Yes"}
# What a type as the pages name it takes, but for null.
TAKEN = {
    "text": TEXTS,
    "integer": {"1", "9"},
    "integer or text": {"1", "9"} | TEXTS,
    "number": {"1", "9", "1.5"},
    "0 or 1": {"1"},
    "0 to 6": {"1"},
    "Yes or No": {"Yes"},
    "date": {"date"},
    "time with offset": {"time", "clock of the year 1"},
    "wall clock": {"clock"},
    "wall clock of the year 1": {"clock of the year 1"},
    "object of `lon` and `lat`": {"object"},
}
MISFIT = {Reason.WRONG_TYPE, Reason.MISSING_FIELD}
readers = pytest.mark.parametrize("reader", READERS.values(), ids=lambda reader: str(reader.table.name))


def rows(reader: Reader) -> Iterator[tuple[str, str, list[str], str, str]]:
    """Their field, their type, our columns, our type, what is done."""
    page = (PROJECT / "docs" / "mapping" / f"{reader.table.dataset}.md").read_text()
    for line in page.splitlines():
        if line.startswith("| `"):
            theirs, their_type, ours, our_type, done = (cell.strip() for cell in line.split("|")[1:-1])
            yield theirs.strip("`"), their_type, NAME.findall(ours), our_type, done


def taken(reader: Reader, field: str) -> set[str]:
    """The probes that a reader takes for the type of a field, whatever it says of their value."""
    good = GOOD[reader.table.dataset]
    found = set()
    for name, probe in PROBES.items():
        parsed = reader.parse([{**good, field: probe}], NOW)
        found |= {name} if not {item.reason for item in parsed.rejected} & MISFIT else set()
    return found


@readers
def test_the_types_of_our_columns_are_the_contracts(reader: Reader) -> None:
    columns = {column.name: column for column in reader.table.columns}
    for field, _, ours, our_type, _ in rows(reader):
        types = [f"{columns[name].type.value}{' or null' * columns[name].nullable}" for name in ours]
        assert our_type == ", ".join(dict.fromkeys(types)), field


@readers
def test_the_types_of_the_citys_fields_are_those_that_the_reader_takes(reader: Reader) -> None:
    for field, their_type, ours, _, _ in rows(reader):
        kind = their_type.removesuffix(" or null")
        expected = TAKEN[kind] | ({"null"} if kind != their_type else set())
        # Of a field that is not read nothing is asked.
        assert taken(reader, field.replace("1..6", "1")) == (expected if ours else PROBES.keys()), field


@readers
def test_a_reason_that_a_page_names_is_one(reader: Reader) -> None:
    known = {*Reason, *reader.fields, *reader.table.column_names, "lon", "lat", "Present", "Unoccupied"}
    words = {word for *_, done in rows(reader) for word in NAME.findall(done) if word.isidentifier()}
    assert words - known == set()
