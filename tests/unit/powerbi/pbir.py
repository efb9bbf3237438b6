"""A strict reader of the report's files (PBIR): what powerbi/ does not use is an error.

Power BI opens no report with a property that it does not know.

The names are those of Microsoft's schemas (visualContainer 2.8.0, page 2.0.0, report 3.2.0).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unit.powerbi.semantic_model import POWER_BI

REPORT = POWER_BI / "MelPark.Report"
SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric/"
# The schema that a file names, by its name or its place.
SCHEMA_OF = {
    "MelPark.pbip": "pbip/pbipProperties/1.0.0",
    ".platform": "gitIntegration/platformProperties/2.0.0",
    "definition.pbism": "item/semanticModel/definitionProperties/1.0.0",
    "definition.pbir": "item/report/definitionProperties/2.0.0",
    "version.json": "item/report/definition/versionMetadata/1.0.0",
    "report.json": "item/report/definition/report/3.2.0",
    "pages.json": "item/report/definition/pagesMetadata/1.0.0",
    "page.json": "item/report/definition/page/2.0.0",
    "visual.json": "item/report/definition/visualContainer/2.8.0",
}
# Roles of each kind of visual: those that it needs, then those that it may have.
ROLES: dict[str, tuple[set[str], set[str]]] = {
    "azureMap": ({"X", "Y"}, {"Tooltips", "Size", "Series"}),
    "cardVisual": ({"Data"}, set()),
    "clusteredBarChart": ({"Category", "Y"}, {"Series", "Tooltips"}),
    "clusteredColumnChart": ({"Category", "Y"}, {"Series", "Tooltips"}),
    "columnChart": ({"Category", "Y"}, {"Series", "Tooltips"}),
    "lineChart": ({"Category", "Y"}, {"Series", "Tooltips"}),
    "pivotTable": ({"Rows", "Values"}, {"Columns"}),
    "scatterChart": ({"Category", "X", "Y"}, {"Size", "Series", "Tooltips"}),
    "slicer": ({"Values"}, set()),
    "tableEx": ({"Values"}, set()),
    "textbox": (set(), set()),
}
OBJECTS = {
    "azureMap": {
        "mapControls": {"defaultStyle", "autoZoom", "showStylePicker", "showNavigationControls"},
        "bubbleLayer": {"show", "markerType", "sizeByValue", "bubbleRadius", "fillColor"},
    },
    "pivotTable": {"values": {"backColor"}},
    "slicer": {"data": {"mode"}, "header": {"show", "text"}},
    "tableEx": {"values": {"backColor"}},
    "textbox": {"general": {"paragraphs"}},
}
CONTAINER = {"title": {"show", "text"}, "general": {"altText"}}
LITERAL = re.compile(r"'(?:[^']|'')*'|true|false|-?\d+(?:\.\d+)?[LD]|datetime'[-\d]+T[:\d]+'")
ANY_POINT = [{"dataViewWildcard": {"matchingOption": 1}}]


class PbirError(ValueError):
    """What a file says is not the PBIR that we know."""


@dataclass(frozen=True)
class Field:
    """A column or a measure that a visual names."""

    kind: str
    table: str
    name: str
    is_minimum: bool = False

    @property
    def query_ref(self) -> str:
        plain = f"{self.table}.{self.name}"
        return f"Min({plain})" if self.is_minimum else plain


@dataclass(frozen=True)
class Visual:
    page: str
    name: str
    said: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.said["visual"]["visualType"])

    @property
    def roles(self) -> dict[str, list[Field]]:
        state = self.said["visual"].get("query", {}).get("queryState", {})
        return {
            role: [field(projection["field"]) for projection in projected["projections"]]
            for role, projected in state.items()
        }

    @property
    def objects(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.said["visual"].get("objects", {})
        return found

    @property
    def fields(self) -> list[Field]:
        """Every field that it names, by whatever way."""
        return list(fields(self.said))


def read(path: Path) -> Any:
    """What a file says. Raises PbirError when it names another schema than it should, or a key twice."""
    said = json.loads(path.read_text(), object_pairs_hook=_once)
    expected = f"{SCHEMAS}{SCHEMA_OF[path.name]}/schema.json"
    if said.get("$schema") != expected:
        raise PbirError(f"{path}: $schema is not {expected}")
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise PbirError(f"said twice: {[key for key, _ in pairs]}")
    return found


def pages() -> dict[str, Any]:
    """The pages by the names of their folders, in their order."""
    folder = REPORT / "definition" / "pages"
    order = read(folder / "pages.json")["pageOrder"]
    return {name: read(folder / name / "page.json") for name in order}


def visuals() -> list[Visual]:
    """Every visual, checked. Raises PbirError."""
    found = []
    for path in sorted((REPORT / "definition" / "pages").glob("*/visuals/*/visual.json")):
        visual = Visual(path.parents[2].name, path.parent.name, read(path))
        check(visual)
        found.append(visual)
    return found


def check(visual: Visual) -> None:
    """Raises PbirError when a visual has what we do not know, or lacks what it needs."""
    place = f"{visual.page}/{visual.name}"
    container = _only(place, visual.said, {"$schema", "name", "position", "visual"})
    _only(place, container["position"], {"x", "y", "z", "width", "height", "tabOrder"})
    needed = {"visualType", "visualContainerObjects", "drillFilterOtherVisuals"}
    said = _only(place, container["visual"], needed, {"query", "objects"})
    if visual.kind not in ROLES:
        raise PbirError(f"{place}: a {visual.kind} is not known")
    _query(place, visual.kind, said.get("query", {"queryState": {}}))
    _objects(place, said.get("objects", {}), OBJECTS.get(visual.kind, {}), visual)
    _objects(place, said["visualContainerObjects"], CONTAINER, visual)


def _query(place: str, kind: str, query: Mapping[str, Any]) -> None:
    _only(place, query, {"queryState"}, {"sortDefinition"})
    needed, may = ROLES[kind]
    for role, projected in _only(place, query["queryState"], needed, may).items():
        refs = []
        for projection in _only(place, projected, {"projections"})["projections"]:
            _only(place, projection, {"field", "queryRef", "nativeQueryRef"}, {"displayName", "active"})
            if projection["queryRef"] != field(projection["field"]).query_ref:
                raise PbirError(f"{place}: {projection['queryRef']} is not what its field says")
            refs.append(projection["queryRef"])
        if not refs or len(refs) != len(set(refs)):
            raise PbirError(f"{place}: {role} has nothing, or something twice")
    if "sortDefinition" in query:
        for sort in _only(place, query["sortDefinition"], {"sort", "isDefaultSort"})["sort"]:
            _only(place, sort, {"field", "direction"})
            roles = query["queryState"].values()
            shown = {projection["queryRef"] for role in roles for projection in role["projections"]}
            if field(sort["field"]).query_ref not in shown or sort["direction"] not in (
                "Ascending",
                "Descending",
            ):
                raise PbirError(f"{place}: sorted by what it does not show, or in no direction")


def _objects(place: str, said: Mapping[str, Any], known: Mapping[str, set[str]], visual: Visual) -> None:
    for name, entries in _only(place, said, set(), set(known)).items():
        for entry in entries:
            _only(place, entry, {"properties"}, {"selector"})
            for value in _only(place, entry["properties"], set(), known[name]).values():
                _value(place, value)
            if "selector" in entry:
                selector = _only(place, entry["selector"], {"data"}, {"metadata"})
                shown = {field.query_ref for role in visual.roles.values() for field in role}
                if selector["data"] != ANY_POINT or selector.get("metadata") not in {None, *shown}:
                    raise PbirError(f"{place}: {name} is for what is not shown")


def _value(place: str, value: Any) -> None:
    """A literal, the paragraphs of a text, or a colour by a measure or a scale."""
    if isinstance(value, list):
        for paragraph in value:
            for run in _only(place, paragraph, {"textRuns"})["textRuns"]:
                _only(place, run, {"value"}, {"textStyle"})
        return
    if "solid" in value:
        value = _only(place, _only(place, value, {"solid"})["solid"], {"color"})["color"]
    expression = _only(place, value, {"expr"})["expr"]
    if "Literal" in expression:
        _literal(place, expression)
    elif "FillRule" in expression:
        rule = _only(place, expression["FillRule"], {"Input", "FillRule"})
        field(rule["Input"])
        scale = _only(place, rule["FillRule"], {"linearGradient2"})["linearGradient2"]
        _only(place, scale, {"min", "max", "nullColoringStrategy"})
        for end in ("min", "max"):
            _literal(place, _only(place, scale[end], {"color"})["color"])
    else:
        field(expression)


def _literal(place: str, said: Mapping[str, Any]) -> None:
    text = _only(place, _only(place, said, {"Literal"})["Literal"], {"Value"})["Value"]
    if not LITERAL.fullmatch(text):
        raise PbirError(f"{place}: {text} is no literal")


def _only(
    place: str, said: Mapping[str, Any], needed: set[str], may: set[str] | None = None
) -> Mapping[str, Any]:
    keys = set(said)
    if not needed <= keys <= needed | (may or set()):
        raise PbirError(f"{place}: has {sorted(keys)}, needs {sorted(needed)}, may have {sorted(may or ())}")
    return said


def field(said: Mapping[str, Any]) -> Field:
    """The field of an expression. Raises PbirError when it is none."""
    match said:
        case {"Aggregation": {"Expression": {"Column": _} as column, "Function": 3}}:
            inner = field(column)
            return Field(inner.kind, inner.table, inner.name, is_minimum=True)
        case {"Column": {"Expression": {"SourceRef": {"Entity": str(table)}}, "Property": str(name)}} | {
            "Measure": {"Expression": {"SourceRef": {"Entity": str(table)}}, "Property": str(name)}
        }:
            return Field(next(iter(said)), table, name)
    raise PbirError(f"no field: {said}")


def fields(said: Any, sources: Mapping[str, str] | None = None) -> Iterator[Field]:
    """Every field that is named anywhere within, also in a filter by the short name of its table."""
    if isinstance(said, list):
        for part in said:
            yield from fields(part, sources)
    elif isinstance(said, dict):
        if "From" in said:
            sources = {source["Name"]: source["Entity"] for source in said["From"]}
        for key, value in said.items():
            if key in ("Column", "Measure"):
                source = value["Expression"]["SourceRef"]
                table = source["Entity"] if "Entity" in source else (sources or {})[source["Source"]]
                yield Field(key, table, value["Property"])
            else:
                yield from fields(value, sources)
