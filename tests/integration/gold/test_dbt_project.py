"""The rules of dbt-project-evaluator that make sense here, asked of the manifest that dbt wrote when gold was built."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from integration.lake.conftest import Lake

Node = Mapping[str, Any]

PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("dim_", "fact_"),
    "reports": ("rpt_",),
}
# What the models of a layer read.
READS = {
    "staging": {"sources"},
    "intermediate": {"staging", "intermediate"},
    "marts": {"staging", "intermediate", "marts", "seeds"},
    "reports": {"marts"},
}
# Exceptions, each with its reason.
READ_ALL_THE_SAME = {
    # Where a bay was is a dimension; a table of its own for these would cost every build a second.
    ("int_bay_times", "dim_bays"),
    ("int_stay_rules", "dim_bays"),
}
# By whom, of the exposures; the reason stands there.
READ_FROM_OUTSIDE = {("api", "int_bay_times")}
# Calendars and clocks are computed.
MADE_OF_NOTHING = {"dim_dates", "dim_times"}
# How old the whole of silver is, the polls tell: the other tables get a row only when something has changed.
FRESH = {"polls"}
HARD_CODED = re.compile(r"\b(from|join)\s+`?(bronze|silver|gold)`?\s*\.", re.IGNORECASE)


class Project:
    """What dbt's manifest says of the project."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        nodes = manifest["nodes"]
        self.models: dict[str, Node] = {
            node["name"]: node for node in nodes.values() if node["resource_type"] == "model"
        }
        self.tests: list[Node] = [node for node in nodes.values() if node["resource_type"] == "test"]
        self.sources: dict[str, Node] = {node["name"]: node for node in manifest["sources"].values()}
        self.exposures: list[Node] = list(manifest["exposures"].values())

    def of(self, *layers: str) -> Iterator[Node]:
        return (model for model in self.models.values() if layer(model) in layers)

    def parents(self, node: Node) -> list[tuple[str, str]]:
        """Layer and name of what a node reads."""
        found = []
        for parent in node["depends_on"]["nodes"]:
            kind, _, *way = parent.split(".")
            found.append((layer(self.models[way[-1]]) if kind == "model" else f"{kind}s", way[-1]))
        return found

    def tests_of(self, model: Node, name: str) -> list[set[str]]:
        """The columns of each test of that name on a model."""
        return [
            set(test["test_metadata"]["kwargs"].get("columns") or [test["column_name"]])
            for test in self.tests
            if test.get("test_metadata", {}).get("name") == name
            and test["attached_node"] == model["unique_id"]
        ]


def layer(model: Node) -> str:
    return str(model["path"]).partition("/")[0]


@pytest.fixture(scope="module")
def project(built: Lake) -> Project:
    return Project(json.loads((built.home.engine("dbt") / "target" / "manifest.json").read_text()))


def test_a_model_is_named_by_its_layer(project: Project) -> None:
    assert {layer(model) for model in project.models.values()} == set(PREFIXES)
    assert [
        name for name, model in project.models.items() if not name.startswith(PREFIXES[layer(model)])
    ] == []


def test_a_layer_reads_the_layers_before_it_and_no_other(project: Project) -> None:
    wrong = {
        (name, parent)
        for name, model in project.models.items()
        for kind, parent in project.parents(model)
        if kind not in READS[layer(model)]
    }
    assert wrong == READ_ALL_THE_SAME


def test_a_source_is_read_by_the_staging_model_of_its_name_and_by_no_other(project: Project) -> None:
    read = {model["name"]: project.parents(model) for model in project.of("staging")}
    assert read == {f"stg_{name}": [("sources", name)] for name in project.sources}


def test_a_model_is_made_of_others(project: Project) -> None:
    assert {name for name, model in project.models.items() if not project.parents(model)} == MADE_OF_NOTHING


def test_what_is_read_is_named_by_ref_or_source(project: Project) -> None:
    queries = {node["name"]: node["raw_code"] for node in [*project.models.values(), *project.tests]}
    assert [name for name, query in queries.items() if HARD_CODED.search(query)] == []


def test_a_view_reads_no_view(project: Project) -> None:
    views = {name for name, model in project.models.items() if model["config"]["materialized"] == "view"}
    read = {parent for name in views for _, parent in project.parents(project.models[name])}
    assert views & read == set()


def test_every_mart_has_a_key_that_is_tested_and_never_null(project: Project) -> None:
    # Reports group by theirs, which a test of theirs looks at; silver's keys are silver's.
    without = []
    for model in project.of("marts"):
        keys = project.tests_of(model, "unique") + project.tests_of(model, "unique_together")
        never_null = set().union(*project.tests_of(model, "never_null"))
        if not any(key <= never_null for key in keys):
            without.append(model["name"])
    assert without == []


def test_a_failed_test_is_an_error(project: Project) -> None:
    assert len(project.tests) > 50
    assert {test["config"]["severity"].lower() for test in project.tests} == {"error"}


def test_every_mart_has_an_enforced_contract(project: Project) -> None:
    assert [model["name"] for model in project.of("marts") if not model["contract"]["enforced"]] == []


def test_every_column_of_a_mart_and_of_a_report_is_described(project: Project) -> None:
    assert [
        (model["name"], column["name"])
        for model in project.of("marts", "reports")
        for column in model["columns"].values()
        if not column["description"]
    ] == []
    assert [model["name"] for model in project.of("marts", "reports") if not model["columns"]] == []


def test_who_reads_gold_reads_marts_and_reports(project: Project) -> None:
    read = {(one["name"], *parent) for one in project.exposures for parent in project.parents(one)}
    inner = {(who, name) for who, kind, name in read if kind not in ("marts", "reports")}
    assert inner == READ_FROM_OUTSIDE
    assert {name for _, kind, name in read if kind == "reports"} == {
        model["name"] for model in project.of("reports")
    }


def test_a_source_that_tells_its_age_is_watched(project: Project) -> None:
    watched = {name for name, source in project.sources.items() if source["loaded_at_field"]}
    assert watched == FRESH
    assert all(project.sources[name]["freshness"]["error_after"]["count"] for name in watched)
