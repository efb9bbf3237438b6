"""dbt's description of silver: `python -m melpark.processing.dbt_sources > dbt_gold/models/staging/_sources.yml`."""

import json
import sys
from collections.abc import Iterator

from melpark.contracts import POLLS, SENSORS
from melpark.processing.tables import SILVER, STAYS_OF_FILES, LakeTable

HEAD = """\
# Made by `python -m melpark.processing.dbt_sources`; a test compares.
version: 2

sources:
  - name: silver
    schema: silver
    description: Typed change events, one row per key, and the stays of the City's historical files.
    tables:
"""
# By our clock, for the source's own may be that of a replay. Only the polls tell it.
FRESHNESS = f"""\
        config:
          loaded_at_field: received_at
          freshness:
            warn_after: {{ count: 15, period: minute }}
            error_after: {{ count: 60, period: minute }}
            filter: dataset = '{SENSORS.dataset}' and outcome = 'accepted'
"""


def text() -> str:
    """The whole file, as YAML."""
    tables = [*(table.lake for table in SILVER), STAYS_OF_FILES]
    return HEAD + "".join(line for table in tables for line in _table(table))


def _table(table: LakeTable) -> Iterator[str]:
    yield f"      - name: {table.name}\n        description: {json.dumps(table.grain + '.')}\n"
    if table.name == POLLS.name:
        yield FRESHNESS
    yield "        columns:\n"
    for column in table.columns:
        yield f"          - name: {column.name}\n"
        yield f"            data_type: {column.type}\n"
        yield f"            description: {json.dumps(column.description)}\n"


if __name__ == "__main__":
    sys.stdout.write(text())
