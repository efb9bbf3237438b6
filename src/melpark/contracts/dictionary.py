"""The data dictionary, made from the contracts: `python -m melpark.contracts.dictionary > docs/data-dictionary.md`."""

import sys
from collections.abc import Iterable, Iterator

from melpark.contracts import HISTORICAL, LIVE_TOPICS, TABLES, Column, LiveTopic, Table
from melpark.places import live_topic

HEAD = """\
# Data dictionary

Every table of schema `parking` in PostgreSQL, those of the lake that the City's historical files fill, and the topics
of live answers. Made from `melpark.contracts` by
`python -m melpark.contracts.dictionary > docs/data-dictionary.md`; a test compares.
Times are UTC.
"""


def text() -> str:
    """The whole page, as Markdown."""
    tables = (section for table in (*TABLES, *HISTORICAL) for section in _sections(table))
    topics = (section for topic in LIVE_TOPICS for section in _sections_of_topic(topic))
    return HEAD + "".join(f"\n{section}" for section in (*tables, *topics))


def _sections_of_topic(topic: LiveTopic) -> Iterator[str]:
    yield f"## {live_topic(topic.name)}\n"
    yield f"{_grain(topic)} A topic of Kafka, see [its page](live.md).\n"
    yield _columns(topic.columns)


def _sections(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n"
    facts = [_grain(table)]
    if table.dataset:
        facts.append(f"Dataset: `{table.dataset}`, see [its mapping](mapping/{table.dataset}.md).")
    if not table.is_captured:
        facts.append("Not captured by the change log.")
    yield " ".join(facts) + "\n"
    yield _columns(table.columns)


def _grain(of: Table | LiveTopic) -> str:
    return f"{of.grain}. Key: {', '.join(f'`{name}`' for name in of.key)}."


def _columns(columns: Iterable[Column]) -> str:
    rows = "".join(f"| {' | '.join(_cells(column))} |\n" for column in columns)
    return f"| column | type | unit | null | the City's field | meaning |\n|---|---|---|---|---|---|\n{rows}"


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
