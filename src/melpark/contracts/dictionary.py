"""The data dictionary, made from the contracts: `python -m melpark.contracts.dictionary > docs/data-dictionary.md`."""

import sys
from collections.abc import Iterator

from melpark.contracts import HISTORICAL, TABLES, Column, Table

HEAD = """\
# Data dictionary

Every table of schema `parking` in PostgreSQL, and those of the lake that the City's historical files fill. Made from
`melpark.contracts` by `python -m melpark.contracts.dictionary > docs/data-dictionary.md`; a test compares.
Times are UTC.
"""


def text() -> str:
    """The whole page, as Markdown."""
    return HEAD + "".join(f"\n{section}" for table in (*TABLES, *HISTORICAL) for section in _sections(table))


def _sections(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n"
    facts = [f"{table.grain}. Key: {', '.join(f'`{name}`' for name in table.key)}."]
    if table.dataset:
        facts.append(f"Dataset: `{table.dataset}`, see [its mapping](mapping/{table.dataset}.md).")
    if not table.is_captured:
        facts.append("Not captured by the change log.")
    yield " ".join(facts) + "\n"
    rows = "".join(f"| {' | '.join(_cells(column))} |\n" for column in table.columns)
    yield f"| column | type | unit | null | the City's field | meaning |\n|---|---|---|---|---|---|\n{rows}"


def _cells(column: Column) -> tuple[str, ...]:
    return (
        f"`{column.name}`",
        column.type.value,
        column.unit.value if column.unit else "",
        "yes" if column.nullable else "no",
        f"`{column.source}`" if column.source else "",
        column.description,
    )


if __name__ == "__main__":
    sys.stdout.write(text())
