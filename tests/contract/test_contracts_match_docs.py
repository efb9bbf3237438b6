"""The contracts, the pages that describe them, the lake and dbt say the same, both ways."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from cases import dbt_unit_tests
from melpark.contracts import CAPTURED, DATASETS, HISTORICAL, SENSORS, TABLES, Type, dictionary
from melpark.ingestion.sources import READERS, Reader
from melpark.places import DBT_PROJECT, PROJECT
from melpark.processing import dbt_known, dbt_sources
from melpark.processing.tables import COORDINATE_NAMES, SILVER, SPARK_TYPE

DOCS = PROJECT / "docs"
MAPPING = DOCS / "mapping"
# Numbers without a unit.
NUMBERS_THAT_NAME = {
    *("zone_number", "segment_id", "road_segment_id", "poll_id", "rejected_id"),
    *("slot", "from_weekday", "to_weekday", "line_number"),
}
COUNTS = {"records", "kept", "changed", "rejected"}
NAME = re.compile(r"`([^`]+)`")


def fields_of(page: str) -> list[tuple[set[str], set[str]]]:
    """Per row of the page's table: the City's fields and our columns."""
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    return [(expanded(row[1]), set(NAME.findall(row[3]))) for row in rows]


def expanded(cell: str) -> set[str]:
    names = set(NAME.findall(cell))
    numbered = {name for name in names if name.endswith("1..6")}
    return (names - numbered) | {f"{name[:-4]}{slot}" for name in numbered for slot in range(1, 7)}


def page_of(reader: Reader) -> str:
    return (MAPPING / f"{reader.table.dataset}.md").read_text()


def test_the_data_dictionary_is_the_one_made_from_the_contracts() -> None:
    assert (DOCS / "data-dictionary.md").read_text() == dictionary.text()


def test_every_quantity_has_a_unit_and_nothing_else_has() -> None:
    numbers = {Type.INTEGER, Type.BIGINT, Type.DOUBLE}
    columns = [(table.name, column) for table in (*TABLES, *HISTORICAL) for column in table.columns]
    assert {column.name for _, column in columns if column.unit and column.type not in numbers} == set()
    without = {
        (table, column.name) for table, column in columns if column.type in numbers and not column.unit
    }
    names = NUMBERS_THAT_NAME | COUNTS
    assert {(table, name) for table, name in without if name not in names} == set()
    assert names - {name for _, name in without} == set()


def test_dbts_sources_are_those_made_from_silvers_tables() -> None:
    file = DBT_PROJECT / "models" / "staging" / "_sources.yml"
    assert file.read_text() == dbt_sources.text()


def test_every_captured_table_but_the_present_has_its_silver_and_no_other() -> None:
    captured = {table.name for table in CAPTURED if table is not SENSORS}
    assert {table.lake.name for table in SILVER if table.contract in CAPTURED} == captured


@pytest.mark.parametrize("table", SILVER, ids=lambda table: str(table.lake.name))
def test_silver_has_the_contracts_columns_types_and_nulls_and_what_is_derived(table: object) -> None:
    silver = next(candidate for candidate in SILVER if candidate is table)
    expected = [
        # A column that PostgreSQL drops must not stop the line, so only keys are never null.
        (
            column.name,
            SPARK_TYPE[column.type],
            column.description,
            column.nullable or column.name not in silver.lake.key,
        )
        for column in silver.contract.columns
    ]
    derived = [derived.column.name for derived in silver.derived]
    added = [*derived, *(column.name for column in silver.intervals), *COORDINATE_NAMES, "lsn"]
    columns = silver.lake.columns
    found = [(column.name, column.type, column.description, column.nullable) for column in columns]
    assert found[: len(expected)] == expected
    assert [name for name, *_ in found[len(expected) :]] == added


def test_every_type_of_a_contract_has_one_in_spark() -> None:
    assert set(SPARK_TYPE) == set(Type)


def test_every_dataset_has_a_reader_and_a_mapping_page_and_there_are_no_others() -> None:
    assert set(READERS) == set(DATASETS) == {page.stem for page in Path(MAPPING).glob("*.md")}


@pytest.mark.parametrize("reader", READERS.values(), ids=lambda reader: str(reader.table.name))
def test_a_mapping_page_names_each_field_with_its_columns_and_none_that_is_not(reader: Reader) -> None:
    rows = fields_of(page_of(reader))
    named = [field for fields, _ in rows for field in fields]
    assert sorted(named) == sorted(reader.fields)
    columns = reader.table.columns
    for fields, ours in rows:
        expected = {column.name for column in columns if set(column.source_fields) & fields}
        assert ours - {"bay_key"} == expected


@pytest.mark.parametrize("reader", READERS.values(), ids=lambda reader: str(reader.table.name))
def test_a_mapping_page_names_every_column_that_is_computed(reader: Reader) -> None:
    page = page_of(reader)
    computed = {column.name for column in reader.table.columns if not column.source}
    assert computed <= set(NAME.findall(page))
    (line,) = [line for line in page.splitlines() if line.startswith("Computed: ")]
    assert set(NAME.findall(line.partition(";")[0])) <= computed


def test_what_dbt_is_told_is_what_python_knows() -> None:
    assert (DBT_PROJECT / "macros" / "known.sql").read_text() == dbt_known.text()


def test_dbt_is_held_to_the_cases_of_the_domain() -> None:
    assert dbt_unit_tests.PATH.read_text() == dbt_unit_tests.text()


@cache
def told() -> list[dict[str, Any]]:
    """What dbt is told of each model."""
    files = [file for file in (DBT_PROJECT / "models").rglob("*.yml") if file != dbt_unit_tests.PATH]
    return [model for file in files for model in yaml.safe_load(file.read_text()).get("models", ())]


def test_every_model_says_what_a_row_is() -> None:
    models = {path.stem for path in (DBT_PROJECT / "models").rglob("*.sql")}

    assert {model["name"] for model in told()} == models
    assert [model["name"] for model in told() if not model["description"].startswith("One row per")] == []


def test_a_description_that_several_columns_share_is_written_once() -> None:
    described = [column["description"] for model in told() for column in model.get("columns", ())]
    blocks = re.findall(r"{% docs (\w+) %}", (DBT_PROJECT / "models" / "docs.md").read_text())
    used = {block for text in described for block in re.findall(r"doc\('(\w+)'\)", text)}

    own = [text for text in described if "doc(" not in text]
    assert sorted({text for text in own if own.count(text) > 1}) == []
    assert used == set(blocks)


def test_dbt_asks_the_environment_for_nothing_that_it_must_have() -> None:
    # To be parsed, and to build here, it must not need what only another target knows.
    texts = [(DBT_PROJECT / name).read_text() for name in ("profiles.yml", "dbt_project.yml")]
    asked = [call for text in texts for call in re.findall(r"env_var\(([^)]*)\)", text)]

    assert len(asked) > 3
    assert [call for call in asked if "," not in call] == []
