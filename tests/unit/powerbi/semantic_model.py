"""The semantic model of powerbi/ as its files say it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from melpark.places import PROJECT
from unit.powerbi.tmdl import Node, read

POWER_BI = PROJECT / "powerbi"
DEFINITION = POWER_BI / "MelPark.SemanticModel" / "definition"


@dataclass(frozen=True)
class Relationship:
    """Filters flow from the table `to` to the table `start`."""

    start: tuple[str, str]
    to: tuple[str, str]
    is_active: bool
    is_many_to_many: bool
    is_relied_on: bool


@dataclass(frozen=True)
class Measure:
    name: str
    table: str
    node: Node

    @property
    def twins(self) -> list[tuple[str, str]]:
        """Tables or views of gold with the column that tells the same."""
        annotation = self.node.of("annotation").get("MelPark_Twin")
        if annotation is None:
            return []
        pairs = [twin.strip().partition(".") for twin in annotation.expression.split(",")]
        return [(table, column) for table, _, column in pairs]


@dataclass(frozen=True)
class Model:
    files: dict[str, list[Node]]
    tables: dict[str, Node]
    measures: dict[str, Measure]
    relationships: list[Relationship]
    parameters: dict[str, Node]

    def active(self) -> list[Relationship]:
        return [relationship for relationship in self.relationships if relationship.is_active]


@cache
def model(folder: Path = DEFINITION) -> Model:
    """The model. Raises TmdlError."""
    files = {str(path.relative_to(folder)): read(path) for path in sorted(folder.rglob("*.tmdl"))}
    nodes = [node for file in files.values() for node in file]
    tables = {node.name: node for node in nodes if node.kind == "table"}
    return Model(
        files=files,
        tables=tables,
        measures={
            name: Measure(name, table.name, node)
            for table in tables.values()
            for name, node in table.of("measure").items()
        },
        relationships=[_relationship(node) for node in nodes if node.kind == "relationship"],
        parameters={node.name: node for node in nodes if node.kind == "expression"},
    )


def _relationship(node: Node) -> Relationship:
    said = node.properties
    return Relationship(
        start=_column(said["fromColumn"]),
        to=_column(said["toColumn"]),
        is_active=said.get("isActive", "true") == "true",
        is_many_to_many=said.get("toCardinality", "one") == "many",
        is_relied_on="relyOnReferentialIntegrity" in said,
    )


def _column(text: str) -> tuple[str, str]:
    table, _, column = text.partition(".")
    return table, column
