"""The report has the dashboard's pages, and names nothing that the model does not have."""

import copy
import itertools
import json
import re
from typing import Any

import pytest

from melpark.places import PROJECT
from melpark.processing import reports
from unit.powerbi import dax, pbir
from unit.powerbi.pbir import Visual
from unit.powerbi.semantic_model import POWER_BI, model
from unit.powerbi.test_model import PARAMETERS, paths

MODEL = model()
PAGES = pbir.pages()
VISUALS = pbir.visuals()
IDS = [f"{visual.page}/{visual.name}" for visual in VISUALS]


def visual_of(page: str, name: str) -> Visual:
    return next(visual for visual in VISUALS if (visual.page, visual.name) == (page, name))


def test_the_pages_are_those_of_the_dashboard() -> None:
    assert [page["displayName"] for page in PAGES.values()] == [
        "Live map",
        "Now",
        "Trends",
        "Overstays",
        "Health",
    ]
    folders = {path.parent.name for path in pbir.REPORT.rglob("page.json")}
    assert folders == set(PAGES) == {page["name"] for page in PAGES.values()}
    assert {visual.page for visual in VISUALS} == folders


def test_every_file_is_one_that_power_bi_looks_for() -> None:
    files = [path for path in POWER_BI.rglob("*") if path.is_file()]
    others = {path.name for path in files if path.suffix != ".tmdl"} - set(pbir.SCHEMA_OF)
    assert others == {"README.md", ".gitignore"}
    for path in files:
        if path.name in pbir.SCHEMA_OF:
            pbir.read(path)
    assert max(path.stat().st_size for path in files) < 100_000


def test_project_report_and_model_find_each_other() -> None:
    (artifact,) = pbir.read(POWER_BI / "MelPark.pbip")["artifacts"]
    report = POWER_BI / artifact["report"]["path"]
    assert report == pbir.REPORT
    dataset = pbir.read(report / "definition.pbir")["datasetReference"]["byPath"]["path"]
    platform = pbir.read((report / dataset).resolve() / ".platform")
    assert platform["metadata"] == {"type": "SemanticModel", "displayName": "MelPark"}
    assert pbir.read(report / ".platform")["metadata"] == {"type": "Report", "displayName": "MelPark"}


def test_what_a_filter_names_is_in_the_model() -> None:
    found = {field for page in PAGES.values() for field in pbir.fields(page)}
    assert {(field.table, field.name) for field in found} == {("dim_dates", "local_date")}


@pytest.mark.parametrize("visual", VISUALS, ids=IDS)
def test_what_a_visual_names_is_in_the_model(visual: Visual) -> None:
    assert visual.said["name"] == visual.name
    for field in visual.fields:
        assert field.name in MODEL.tables[field.table].of(field.kind.lower()), field


@pytest.mark.parametrize("visual", VISUALS, ids=IDS)
def test_what_a_visual_groups_by_filters_what_it_measures(visual: Visual) -> None:
    fields = [field for role in visual.roles.values() for field in role]
    measured = {field.table for field in fields if field.kind == "Measure"}
    grouped = {field.table for field in fields if field.kind == "Column"}
    for table in measured:
        assert grouped <= {table, *paths(table, MODEL.active())}
    # Without a measure nothing says how tables belong together.
    assert measured or len(grouped) <= 1


@pytest.mark.parametrize("visual", VISUALS, ids=IDS)
def test_a_visual_lies_on_its_page_and_tells_those_who_do_not_see_it(visual: Visual) -> None:
    position = visual.said["position"]
    page = PAGES[visual.page]
    assert 0 <= position["x"] <= position["x"] + position["width"] <= page["width"]
    assert 0 <= position["y"] <= position["y"] + position["height"] <= page["height"]
    (general,) = visual.said["visual"]["visualContainerObjects"]["general"]
    assert len(general["properties"]["altText"]["expr"]["Literal"]["Value"]) > 10


def test_no_visual_lies_on_another_and_each_has_its_turn() -> None:
    for page in PAGES:
        boxes = [visual.said["position"] for visual in VISUALS if visual.page == page]
        assert len({box["tabOrder"] for box in boxes}) == len(boxes)
        for one, other in itertools.combinations(boxes, 2):
            beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            below = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
            assert beside or below, (page, one, other)


@pytest.mark.parametrize(("page", "colour"), [("live_map", "Bay colour"), ("health", "Sensor colour")])
def test_a_map_shows_every_bay_coloured_by_a_measure(page: str, colour: str) -> None:
    visual = visual_of(page, "map")
    assert visual.kind == "azureMap"
    assert {
        role: [field.name for field in fields] for role, fields in visual.roles.items() if role in "XY"
    } == {
        "X": ["longitude"],
        "Y": ["latitude"],
    }
    (conditional,) = [entry for entry in visual.objects["bubbleLayer"] if "selector" in entry]
    fill = conditional["properties"]["fillColor"]["solid"]["color"]["expr"]
    assert pbir.field(fill) == pbir.Field("Measure", "rpt_bay_states", colour)
    assert conditional["selector"] == {"data": pbir.ANY_POINT}


def test_every_state_of_a_bay_has_its_colour_and_the_legend_tells_it() -> None:
    case = reports.queries()["rpt_bay_states"].partition("case")[2].partition("as state")[0]
    states = set(re.findall(r"(?:then|else) '(\w+)'", case))
    colours = _colours("Bay colour")
    # The last one is of what is left.
    assert states == {*colours, "unknown"}
    legend = {
        run["value"].strip("● "): run["textStyle"]["color"]
        for paragraph in _paragraphs("live_map")
        for run in paragraph["textRuns"]
    }
    assert legend == colours | {"unknown": _texts("Bay colour")[-1]}
    assert len(set(legend.values())) == len(states)


def test_the_legend_of_the_sensors_has_the_colours_of_the_map() -> None:
    runs = [run for paragraph in _paragraphs("health") for run in paragraph["textRuns"] if "textStyle" in run]
    assert {run["textStyle"]["color"] for run in runs} == set(_texts("Sensor colour"))


def _texts(measure: str) -> list[str]:
    parts = dax.walk(dax.parse(MODEL.measures[measure].node.expression))
    return [part.value for part in parts if isinstance(part, dax.Text)]


def _colours(measure: str) -> dict[str, str]:
    texts = _texts(measure)
    return dict(zip(texts[:-1:2], texts[1::2], strict=True))


def _paragraphs(page: str) -> list[dict[str, Any]]:
    (general,) = visual_of(page, "legend").objects["general"]
    paragraphs: list[dict[str, Any]] = general["properties"]["paragraphs"]
    return paragraphs


def test_days_that_have_not_ended_are_no_trend() -> None:
    (filtered,) = PAGES["trends"]["filterConfig"]["filters"]
    (where,) = filtered["filter"]["Where"]
    comparison = where["Condition"]["Comparison"]
    less_than = 3
    assert comparison["ComparisonKind"] == less_than
    assert comparison["Right"] == {"Literal": {"Value": "datetime'9999-12-31T00:00:00'"}}


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("visual", "colour"), "red"),
        (("position", "angle"), 1),
        (("visual", "visualType"), "map"),
        (("visual", "query", "queryState", "Category"), {"projections": []}),
        (("visual", "query", "queryState", "X", "projections", 0, "queryRef"), "dim_bays.longitude"),
        (("visual", "query", "queryState", "X", "projections", 0, "field"), {"Literal": {"Value": "1L"}}),
        (
            ("visual", "objects", "bubbleLayer", 0, "properties", "show"),
            {"expr": {"Literal": {"Value": "yes"}}},
        ),
        (
            ("visual", "objects", "bubbleLayer", 0, "properties", "size"),
            {"expr": {"Literal": {"Value": "1L"}}},
        ),
        (("visual", "objects", "bubbleLayer", 1, "selector"), {"data": [{"roles": ["X"]}]}),
    ],
)
def test_what_is_no_pbir_is_refused(way: tuple[str | int, ...], value: Any) -> None:
    said = copy.deepcopy(dict(visual_of("live_map", "map").said))
    place: Any = said
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    with pytest.raises(pbir.PbirError):
        pbir.check(Visual("live_map", "map", said))


def test_the_page_on_power_bi_tells_of_every_page_and_parameter() -> None:
    text = (POWER_BI / "README.md").read_text()
    for page in PAGES.values():
        assert f"| {page['displayName']} |" in text
    assert set(re.findall(r"`(Databricks\w+)`", text)) == PARAMETERS
    assert f"{len(MODEL.measures)} measures" in text
    assert f"{len(MODEL.tables)} tables" in text
    assert "powerbi/README.md" in (PROJECT / "README.md").read_text()


def test_files_are_written_alike() -> None:
    for path in pbir.REPORT.rglob("*.json"):
        assert (
            path.read_text() == json.dumps(json.loads(path.read_text()), indent=2, ensure_ascii=False) + "\n"
        )
