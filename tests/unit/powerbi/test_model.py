"""The semantic model is gold's star, name by name and both ways."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from cases.gold_rows import described
from melpark.places import DBT_PROJECT
from unit.powerbi import tmdl
from unit.powerbi.semantic_model import DEFINITION, Relationship, model

MODEL = model()
MODELS = DBT_PROJECT / "models"
CONTRACTS = described(*(MODELS / "marts").glob("*.yml"), MODELS / "reports" / "_reports.yml")
DOCS = dict(re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", (MODELS / "docs.md").read_text()))
TYPES = {
    "string": "string",
    "int": "int64",
    "bigint": "int64",
    "double": "double",
    "boolean": "boolean",
    "date": "dateTime",
    "timestamp": "dateTime",
}
PARAMETERS = {"DatabricksHost", "DatabricksHttpPath", "DatabricksCatalog"}
PARAMETER = re.compile(r'"[^"]+" meta \[IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true\]')
SOURCE = """let
	Source = Databricks.Catalogs(DatabricksHost, DatabricksHttpPath, [Catalog = null, Database = null, \
EnableAutomaticProxyDiscovery = null]),
	catalog = Source{{[Name = DatabricksCatalog, Kind = "Database"]}}[Data],
	gold = catalog{{[Name = "gold", Kind = "Schema"]}}[Data],
	{table} = gold{{[Name = "{table}", Kind = "{kind}"]}}[Data]
in
	{table}"""
# What no test of dbt speaks of: views, and a table of rules that several locations share.
BESIDE_THE_STAR = {
    (("rpt_bay_states", "location_key"), ("dim_locations", "location_key")),
    (("rpt_stay_by_restriction", "local_date"), ("dim_dates", "local_date")),
    (("rpt_stay_by_restriction", "street"), ("dim_locations", "street")),
    (("dim_sign_plates", "zone_number"), ("dim_locations", "zone_number")),
}


def told(text: str) -> str:
    """A description of dbt's with the shared texts in it."""
    return re.sub(r"{{ doc\('(\w+)'\) }}", lambda found: DOCS[found[1]], " ".join(text.split()))


def rules_of(contract: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The column and what dbt is told of each of its tests."""
    for column in contract["columns"]:
        for test in column.get("data_tests", ()):
            yield column["name"], test


def star() -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """What dbt tests as relationships between tables of the model."""
    found = set()
    for name in MODEL.tables:
        for column, test in rules_of(CONTRACTS[name]):
            if isinstance(test, dict) and "relationships" in test:
                said = test["relationships"]["arguments"]
                to = re.fullmatch(r"ref\('(\w+)'\)", said["to"])
                assert to is not None
                found.add(((name, column), (to[1], said["field"])))
    return found


def paths(start: str, relationships: list[Relationship]) -> Iterator[str]:
    """Each table that filters a table, once per way."""
    for relationship in relationships:
        if relationship.start[0] == start:
            yield relationship.to[0]
            yield from paths(relationship.to[0], relationships)


def test_each_object_stands_in_the_file_where_power_bi_looks_for_it() -> None:
    kinds = {name: {node.kind for node in nodes} for name, nodes in MODEL.files.items()}
    expected = {
        "database.tmdl": {"database"},
        "model.tmdl": {"model", "annotation", "ref"},
        "expressions.tmdl": {"expression"},
        "relationships.tmdl": {"relationship"},
    }
    assert kinds == expected | {f"tables/{name}.tmdl": {"table"} for name in MODEL.tables}
    assert [path.name for path in DEFINITION.rglob("*") if path.is_file() and path.suffix != ".tmdl"] == []
    refs = [node.name for node in MODEL.files["model.tmdl"] if node.kind == "ref"]
    assert refs == [f"table {name}" for name in sorted(MODEL.tables)]


def test_the_model_is_told_of_to_dbt_with_the_twins_of_its_measures() -> None:
    exposures = yaml.safe_load((MODELS / "_exposures.yml").read_text())["exposures"]
    (ours,) = [exposure for exposure in exposures if exposure["name"] == "power_bi"]
    twins = {table for measure in MODEL.measures.values() for table, _ in measure.twins}
    assert ours["depends_on"] == [f"ref('{name}')" for name in sorted(MODEL.tables | dict.fromkeys(twins))]


@pytest.mark.parametrize("name", MODEL.tables)
def test_a_table_has_the_columns_types_and_words_of_golds_contract(name: str) -> None:
    contract = CONTRACTS[name]
    table = MODEL.tables[name]
    assert table.description == told(contract["description"])
    assert [
        (column.name, column.properties["sourceColumn"], column.properties["dataType"], column.description)
        for column in table.of("column").values()
    ] == [
        (column["name"], column["name"], TYPES[column["data_type"]], told(column["description"]))
        for column in contract["columns"]
    ]
    days = {column["name"] for column in contract["columns"] if column["data_type"] == "date"}
    assert days == {
        name
        for name, column in table.of("column").items()
        if "UnderlyingDateTimeDataType" in column.of("annotation")
    }


@pytest.mark.parametrize("name", MODEL.tables)
def test_a_column_is_summed_by_measures_only(name: str) -> None:
    columns = MODEL.tables[name].of("column")
    assert {column.properties["summarizeBy"] for column in columns.values()} == {"none"}
    for column in columns.values():
        assert column.properties.get("sortByColumn", column.name) in columns


@pytest.mark.parametrize("name", MODEL.tables)
def test_a_key_is_one_that_dbt_tests(name: str) -> None:
    keys = {
        column.name for column in MODEL.tables[name].of("column").values() if "isKey" in column.properties
    }
    tested = {column for column, test in rules_of(CONTRACTS[name]) if test == "unique" or "unique" in test}
    if "meta" in CONTRACTS[name].get("config", {}):
        key = CONTRACTS[name]["config"]["meta"]["key"]
        tested = set(key) if len(key) == 1 else set()
    assert keys == tested


@pytest.mark.parametrize("name", MODEL.tables)
def test_a_table_is_read_from_databricks_at_each_question(name: str) -> None:
    (partition,) = MODEL.tables[name].of("partition").values()
    assert (partition.name, partition.expression) == (name, "m")
    assert partition.properties["mode"] == "directQuery"
    kind = "View" if name.startswith("rpt_") else "Table"
    assert partition.properties["source"] == SOURCE.format(table=name, kind=kind)


def test_host_path_and_catalogue_are_parameters() -> None:
    assert set(MODEL.parameters) == PARAMETERS
    for parameter in MODEL.parameters.values():
        assert PARAMETER.fullmatch(parameter.expression)
        assert parameter.description
    # No workspace of anybody's.
    assert re.search(r"adb-0+\.0\.", MODEL.parameters["DatabricksHost"].expression)


def test_relationships_are_those_that_dbt_tests_and_few_others() -> None:
    found = {(relationship.start, relationship.to) for relationship in MODEL.relationships}
    assert len(found) == len(MODEL.relationships)
    assert found == star() | BESIDE_THE_STAR
    for (table, column), (other, theirs) in found:
        assert column in MODEL.tables[table].of("column")
        assert theirs in MODEL.tables[other].of("column")


def test_a_relationship_ends_at_a_key_or_says_that_it_does_not() -> None:
    for relationship in MODEL.relationships:
        table, column = relationship.to
        is_key = "isKey" in MODEL.tables[table].of("column")[column].properties
        assert relationship.is_many_to_many != is_key
        # Databricks may join it as an inner one only where no row is without its other.
        assert relationship.is_relied_on == is_key


def test_a_table_is_filtered_by_another_in_one_way_only() -> None:
    for name in MODEL.tables:
        found = list(paths(name, MODEL.active()))
        assert sorted(found) == sorted(set(found)), name
    assert [r.start for r in MODEL.relationships if not r.is_active] == [
        ("fact_parking_sessions", "bay_version_key")
    ]


def test_no_two_fields_are_called_alike() -> None:
    # Power BI takes no measure that is called as a column of its table, whatever the case.
    for table in MODEL.tables.values():
        names = [name.lower() for kind in ("column", "measure") for name in table.of(kind)]
        assert sorted(names) == sorted(set(names)), table.name
    measures = [name.lower() for table in MODEL.tables.values() for name in table.of("measure")]
    assert sorted(measures) == sorted(set(measures))


def test_a_measure_is_described_formatted_and_in_a_folder() -> None:
    for name, measure in MODEL.measures.items():
        assert measure.node.description.endswith("."), name
        assert "displayFolder" in measure.node.properties, name
        assert ("formatString" in measure.node.properties) == bool(measure.twins), name
    # As gold has it: percents are 0 to 100, shares 0 to 1.
    scaled = {
        name
        for name, measure in MODEL.measures.items()
        if "%" in measure.node.properties.get("formatString", "")
    }
    assert scaled == {
        name
        for name, measure in MODEL.measures.items()
        if any(twin.endswith("_share") or twin.startswith("share_") for _, twin in measure.twins)
    }


def test_every_lineage_tag_is_of_one_object() -> None:
    tags = re.findall(r"lineageTag: (\S+)", "".join(path.read_text() for path in DEFINITION.rglob("*.tmdl")))
    assert len(tags) == len(set(tags)) > 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("table a\n  column b", "indented by tabs"),
        ("tabel a", "expected one of"),
        ("table a\n\tcolumn b\n\t\tcolour: red", "no such property"),
        ("table a\n\tcolumn b\n\t\tdataType: string\n\t\tdataType: int64", "said twice"),
        ("table a\n\tcolumn b\n\tcolumn b", "said twice"),
        ("table a\n\tmeasure b", "an = is missing"),
        ("table a\n\tmeasure b =", "expression is missing"),
        ("table a\n\tmeasure b c = 1", "is quoted"),
        ("table a\n\tmeasure 'b = 1", "does not end"),
        ("table a\n\t\tcolumn b", "too deep"),
        ("table a\n\t/// Of nothing.", "an object is missing"),
        ("table", "a name is missing"),
        ("table a\n\tnonsense", "neither a property nor an object"),
    ],
)
def test_what_is_no_tmdl_is_refused(text: str, why: str) -> None:
    with pytest.raises(tmdl.TmdlError, match=why):
        tmdl.parse(text)


def test_an_expression_may_stand_below_its_measure() -> None:
    (table,) = tmdl.parse("table a\n\tmeasure 'b c' =\n\t\t\tDIVIDE(\n\t\t\t\t1, 2)\n\t\tformatString: 0\n")
    measure = table.of("measure")["b c"]
    assert measure.expression == "DIVIDE(\n\t1, 2)"
    assert measure.properties == {"formatString": "0"}
