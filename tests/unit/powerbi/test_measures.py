"""Each measure's DAX, read as we understand it, tells what its twin in gold tells on rows worked out by hand."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from cases.gold_rows import described, tables
from melpark.places import DBT_PROJECT
from melpark.processing import reports
from unit.powerbi import dax, dax_in_sql
from unit.powerbi.semantic_model import model

MODEL = model()
MEASURES = MODEL.measures
WITH_TWINS = [(name, *twin) for name, measure in MEASURES.items() for twin in measure.twins]
CONTRACTS = described(
    *(DBT_PROJECT / "models" / "marts").glob("*.yml"), DBT_PROJECT / "models" / "reports" / "_reports.yml"
)
# Where a mart is a twin: the key that dbt tests.
KEYS_OF_MARTS = {"fact_bay_days": ["kerbside_id", "local_date"]}
# What a report calls what is not known.
NOT_KNOWN = {"street": "Unknown", "sign": "none"}
COLOUR = re.compile(r"#[0-9A-F]{6}")


@pytest.fixture(scope="module")
def gold() -> Iterator[duckdb.DuckDBPyConnection]:
    """Gold of the rows worked out by hand, with its reports and the model's views."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA gold")
    for name, table in tables().items():
        connection.register("rows", table)
        connection.execute(f"CREATE TABLE gold.{name} AS SELECT * FROM rows")
    for name, query in reports.queries().items():
        connection.execute(f"CREATE VIEW gold.{name} AS {query}")
    yield connection
    connection.close()


def figures(connection: duckdb.DuckDBPyConnection, query: str, key: list[str]) -> dict[tuple[Any, ...], Any]:
    """The last column of a query by the others."""
    found = {}
    for *row, value in connection.execute(query).fetchall():
        names = (NOT_KNOWN[column] if name is None else name for name, column in zip(row, key, strict=True))
        found[tuple(names)] = value.timestamp() if isinstance(value, datetime) else value
    return found


def key_of(twin: str) -> list[str]:
    key: list[str] = KEYS_OF_MARTS.get(twin) or CONTRACTS[twin]["config"]["meta"]["key"]
    return key


def is_a_sum(measure: str) -> bool:
    """A sum or a count of nothing is blank, and nought in a report."""
    expression = dax.parse(MEASURES[measure].node.expression)
    return isinstance(expression, dax.Call) and expression.name in ("SUM", "COUNTROWS", "CALCULATE")


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_dax_and_names_what_is_there(name: str) -> None:
    for part in dax.walk(dax.parse(MEASURES[name].node.expression)):
        match part:
            case dax.MeasureRef(other):
                assert other in MEASURES
            case dax.Column(table, column):
                assert column in MODEL.tables[table].of("column")
            case dax.Table(table):
                assert table in MODEL.tables


def test_a_measure_stands_at_the_table_that_it_reads() -> None:
    assert {name: dax_in_sql.home(MODEL, name) for name in MEASURES} == {
        name: measure.table for name, measure in MEASURES.items()
    }


def test_every_measure_but_a_colour_has_a_twin_in_gold() -> None:
    without = {name for name, measure in MEASURES.items() if not measure.twins}
    assert without == {name for name in MEASURES if name.endswith(" colour")}
    for name in without:
        texts = [
            part for part in dax.walk(dax.parse(MEASURES[name].node.expression)) if isinstance(part, dax.Text)
        ]
        assert len({text.value for text in texts if COLOUR.fullmatch(text.value)}) >= 4


def test_a_twin_is_a_column_of_gold() -> None:
    for _, table, column in WITH_TWINS:
        assert column in {column["name"] for column in CONTRACTS[table]["columns"]}


@pytest.mark.parametrize(("name", "table", "column"), WITH_TWINS)
def test_a_measure_tells_what_its_twin_tells(
    name: str, table: str, column: str, gold: duckdb.DuckDBPyConnection
) -> None:
    key = key_of(table)
    expected = figures(gold, f"SELECT {', '.join(key)}, {column} FROM gold.{table}", key)
    found = figures(gold, dax_in_sql.query(MODEL, name, key), key)

    assert len(expected) > 0
    assert any(value for value in expected.values())
    nothing = 0 if is_a_sum(name) else None
    for row, value in expected.items():
        told = found.pop(row, None)
        assert (nothing if told is None else told) == pytest.approx(value), row
    # Where there is no twin's row, there is nothing to tell.
    assert {row: value for row, value in found.items() if value is not None} == {}


def test_a_filter_of_calculate_that_replaced_another_is_refused() -> None:
    with pytest.raises(dax_in_sql.NotTranslatedError, match="filtered again"):
        dax_in_sql.query(MODEL, "Free bays", ["state"])


@pytest.mark.parametrize(
    "text",
    [
        "SUM('a'[b])) ",
        "SUM('a'[b]",
        "SUM([b])",
        "SUMX('a', 'a'[b])",
        "[a] + * [b]",
        "[a] [b]",
        "DIVIDE([a])",
        "CALCULATE([a], 'a'[b] IN {1})",
        "COUNTROWS('a'[b])",
        "total",
    ],
)
def test_what_is_no_dax_is_refused(text: str) -> None:
    with pytest.raises(dax.DaxError):
        dax.parse(text)


def test_dax_is_read_with_its_precedences() -> None:
    column = dax.Column("a", "b")
    assert dax.parse("NOT 'a'[b] = 1 && 2 + 3 * 4 >= 5") == dax.Binary(
        "&&",
        dax.Not(dax.Binary("=", column, dax.Number("1"))),
        dax.Binary(
            ">=",
            dax.Binary("+", dax.Number("2"), dax.Binary("*", dax.Number("3"), dax.Number("4"))),
            dax.Number("5"),
        ),
    )
