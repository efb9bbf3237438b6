"""A strict reader of TMDL, as far as powerbi/ uses it: what it does not know is an error with its file and line.

Objects are `kind name`, with children and properties one tab deeper; the expression of an object stands behind its
`=`, or below it two tabs deeper than the object.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What each kind of object may hold: properties and flags.
PROPERTIES = {
    "database": {"compatibilityLevel"},
    "model": {"culture", "defaultPowerBIDataSourceVersion", "sourceQueryCulture"},
    "dataAccessOptions": {"legacyRedirects", "returnErrorValuesAsNull"},
    "expression": {"lineageTag"},
    "table": {"lineageTag"},
    "column": {
        *("dataType", "isHidden", "isKey", "lineageTag", "summarizeBy", "sourceColumn", "sortByColumn"),
        *("formatString", "dataCategory"),
    },
    "measure": {"formatString", "displayFolder", "lineageTag", "isHidden"},
    "partition": {"mode", "source"},
    "relationship": {
        *("fromColumn", "toColumn", "toCardinality", "isActive", "relyOnReferentialIntegrity"),
    },
    "annotation": set[str](),
    "ref": set[str](),
}
FLAGS = {
    *("isHidden", "isKey", "legacyRedirects", "returnErrorValuesAsNull"),
    "relyOnReferentialIntegrity",
}
CHILDREN = {
    "model": {"dataAccessOptions", "annotation"},
    "expression": {"annotation"},
    "table": {"column", "measure", "partition", "annotation"},
    "column": {"annotation"},
    "measure": {"annotation"},
}
WITH_EXPRESSION = {"expression", "measure", "partition", "annotation"}
WITHOUT_NAME = {"database", "dataAccessOptions"}
TOP = {"database", "model", "expression", "table", "relationship", "annotation", "ref"}


class TmdlError(ValueError):
    """What a file says is not the TMDL that we know."""


@dataclass
class Node:
    kind: str
    name: str
    expression: str = ""
    description: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def of(self, kind: str) -> dict[str, "Node"]:
        """Its children of a kind by their names."""
        return {child.name: child for child in self.children if child.kind == kind}


@dataclass(frozen=True)
class Line:
    place: str
    depth: int
    text: str

    def wrong(self, why: str) -> TmdlError:
        return TmdlError(f"{self.place}: {why}: {self.text!r}")


class Lines:
    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self._next = 0

    def peek(self) -> Line | None:
        return self._lines[self._next] if self._next < len(self._lines) else None

    def take(self) -> Line:
        self._next += 1
        return self._lines[self._next - 1]

    def block(self, depth: int) -> str:
        """The lines that are at least so deep, without that depth."""
        found = []
        while (line := self.peek()) and line.depth >= depth:
            found.append("\t" * (line.depth - depth) + self.take().text)
        return "\n".join(found)


def read(path: Path) -> list[Node]:
    """The objects of a file. Raises TmdlError."""
    return parse(path.read_text(), path.name)


def parse(text: str, name: str = "text") -> list[Node]:
    """The objects of a text. Raises TmdlError."""
    lines = Lines(list(_lines(text, name)))
    found: list[Node] = []
    while lines.peek():
        found.append(_object(lines, 0, TOP))
    _only_once(name, found)
    return found


def _lines(text: str, name: str) -> Iterator[Line]:
    for number, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip():
            continue
        stripped = raw.lstrip("\t")
        line = Line(f"{name}:{number}", len(raw) - len(stripped), stripped.rstrip())
        if stripped[0].isspace():
            raise line.wrong("TMDL is indented by tabs")
        yield line


def _object(lines: Lines, depth: int, allowed: set[str]) -> Node:
    description = []
    while (line := lines.peek()) and line.text.startswith("///"):
        if line.depth != depth:
            raise line.wrong("a description stands as deep as its object")
        description.append(lines.take().text.removeprefix("///").strip())
    if not line or line.depth != depth:
        raise (line or Line("end", 0, "")).wrong("an object is missing here")
    node = _head(lines.take(), allowed)
    node.description = " ".join(description)
    if node.kind in WITH_EXPRESSION and not node.expression:
        node.expression = lines.block(depth + 2)
        if not node.expression:
            raise line.wrong("its expression is missing")
    _body(lines, depth + 1, node)
    return node


def _head(line: Line, allowed: set[str]) -> Node:
    kind, _, rest = line.text.partition(" ")
    if kind not in allowed:
        raise line.wrong(f"expected one of {sorted(allowed)}")
    head, equals, expression = rest.partition("=") if kind in WITH_EXPRESSION else (rest, "", "")
    if kind in WITH_EXPRESSION and not equals:
        raise line.wrong("an = is missing")
    name = _name(line, head.strip())
    if bool(name) == (kind in WITHOUT_NAME):
        raise line.wrong("a name is missing, or there is one")
    return Node(kind, name, expression.strip())


def _name(line: Line, text: str) -> str:
    if text.startswith("'"):
        if not text.endswith("'") or len(text) < 3:
            raise line.wrong("a quoted name does not end")
        return text[1:-1].replace("''", "'")
    if not line.text.startswith("ref ") and not all(c.isalnum() or c in "_-" for c in text):
        raise line.wrong("a name with such characters is quoted")
    return text


def _body(lines: Lines, depth: int, node: Node) -> None:
    while (line := lines.peek()) and line.depth >= depth:
        if line.depth > depth:
            raise line.wrong("indented too deep")
        kind = line.text.partition(" ")[0]
        if kind in CHILDREN.get(node.kind, ()) or line.text.startswith("///"):
            node.children.append(_object(lines, depth, CHILDREN.get(node.kind, set())))
        else:
            _property(lines, depth, node)
    _only_once(node.name, node.children)


def _property(lines: Lines, depth: int, node: Node) -> None:
    line = lines.take()
    if line.text in FLAGS:
        name, value = line.text, "true"
    elif line.text.endswith(" ="):
        name, value = line.text.removesuffix(" ="), lines.block(depth + 1)
    else:
        name, colon, value = line.text.partition(": ")
        if not colon:
            raise line.wrong("neither a property nor an object")
    if name not in PROPERTIES[node.kind]:
        raise line.wrong(f"a {node.kind} has no such property")
    if name in node.properties:
        raise line.wrong("said twice")
    node.properties[name] = value


def _only_once(place: str, nodes: list[Node]) -> None:
    names = [(node.kind, node.name) for node in nodes]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TmdlError(f"{place}: said twice: {sorted(twice)}")
