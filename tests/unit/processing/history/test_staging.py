"""What DuckDB keeps while the lines of a file flow through."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from melpark.processing.history import columns, local_time
from melpark.processing.history.checks import look_at
from melpark.processing.history.staging import stage
from unit.processing.history.made_up_files import HEADER_2017

Node = dict[str, Any]


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node["children"]:
        yield from nodes(child)


def test_the_lines_flow_past_the_days_and_are_not_kept(tmp_path: Path) -> None:
    """A join keeps its second side: that must be the days, of which there are few."""
    found = columns.read(HEADER_2017.split(","), "events.csv")
    texts = [(name, pa.string()) for name in (*found.ours, "line_text")]
    lines = pa.schema([*texts, ("line_number", pa.int64()), ("is_utf8", pa.bool_())])
    with stage(tmp_path / "staging", found) as staging:
        staging._connection.register("days", local_time.days())
        staging._connection.register("lines", pa.RecordBatchReader.from_batches(lines, iter([])))
        ((_, plan),) = staging._connection.execute(f"EXPLAIN (FORMAT json) {look_at(found)}").fetchall()
    joins = [node for node in nodes(json.loads(plan)[0]) if node["name"].strip() == "HASH_JOIN"]
    assert [join["extra_info"]["Join Type"] for join in joins] == ["LEFT", "LEFT"]
    assert {join["children"][1]["extra_info"]["Estimated Cardinality"] for join in joins} == {
        str(local_time.days().num_rows)
    }
