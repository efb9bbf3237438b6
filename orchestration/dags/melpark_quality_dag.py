"""Is it all there, fresh and right? Every night at 03:00 UTC, and the lake is cared for.

| task | command | what it does |
|---|---|---|
| `freshness` | `melpark gold freshness` | how old silver's newest rows are, by dbt's limits |
| `reconcile` | `melpark reconcile` | PostgreSQL compared with silver, row by row where ranges differ |
| `tests` | `melpark gold test` | every test of gold, whole |
| `report` | `melpark quality` | what a day of polls brought and how the sensors are, into the task's log |
| `maintenance` | `melpark maintain` | packs the lake, compares once more, lets old rows go; then the backup may begin |

- **Missed runs** are not made up: the next night looks at everything.
- **When it fails** the others have been tried all the same. `reconcile` names what silver lacks, and
  `melpark reconcile --repair` captures it again; `tests` names the law that is broken.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset
from wiring import melpark, told

# What the backup waits for: a lake that was packed, and compared once more.
LAKE_CARED_FOR = Asset("melpark://lake/cared-for")

with DAG(
    "melpark_quality_dag",
    description="Is it all there, fresh and right?",
    schedule="0 3 * * *",
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    doc_md=__doc__,
    **told(minutes=180),
) as dag:
    melpark("freshness", "gold freshness")
    melpark("reconcile", "reconcile")
    melpark("tests", "gold test")
    melpark("report", "quality")
    # After none of them: what one finds is no reason to let the others, or the care, wait for the next night, and a run is
    # as good as the tasks that nothing comes after.
    melpark("maintenance", "maintain", outlets=[LAKE_CARED_FOR])
