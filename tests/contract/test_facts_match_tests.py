"""The page of the City's facts names tests that are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`((?:unit|integration)/[\w/]+\.py)::(\w+)`")


def rows() -> list[str]:
    page = (ROOT / "docs" / "facts.md").read_text()
    return [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| fact |")]


def test_every_test_that_the_page_of_facts_names_is_there() -> None:
    named = {found for row in rows() for found in NAMED.findall(row)}
    trees = {path: ast.parse((ROOT / "tests" / path).read_text()) for path, _ in named}
    there = {(path, node.name) for path, tree in trees.items() for node in tree.body if hasattr(node, "name")}
    assert named <= there, f"not there: {sorted(named - there)}"


def test_every_fact_has_a_test_or_says_that_its_data_is_not_here() -> None:
    without = [row for row in rows() if not NAMED.search(row) and "not here" not in row]
    assert (without, len(rows()) > 40) == ([], True)
