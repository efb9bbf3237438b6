"""Polls of the City's portal into PostgreSQL, every two minutes.

| task | command | what it does |
|---|---|---|
| `references` | `melpark ingest --once --due`, the five reference tables | asks for each that was not asked for a day |
| `sensors` | `melpark ingest --once --history`, the sensors | takes in the present; the rule windows follow in the same transaction |

- **Before the first sensors** the references are asked, so that rules and places are known. The calendar of rule windows
  is kept by every poll of sensors and sign plates, weeks ahead (`docs/rules.md`), so it has no task of its own.
- **Missed runs** are not made up: the portal tells only the present. A gap is seen as one (`melpark status`).
- **A simulated home's past** is filled in after the polls, a minute at a time.
- **When it fails** look at the task's log, then at `parking.polls`, which holds the reason of every poll. What failed is
  tried again twice; the next run tries everything again. Nothing is doubled: a poll is one transaction.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from wiring import melpark, told

REFERENCES = (
    "on-street-parking-bays",
    "sign-plates-located-in-each-parking-zone",
    "parking-zones-linked-to-street-segments",
    "on-street-car-park-bay-restrictions",
    "on-street-car-parking-meters-with-location",
)
SENSORS = "on-street-parking-bay-sensors"

with DAG(
    "melpark_ingestion_dag",
    description="Polls of the portal into PostgreSQL",
    schedule=timedelta(minutes=2),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    doc_md=__doc__,
    **told(minutes=10),
) as dag:
    asked = " ".join(f"--dataset {name}" for name in REFERENCES)
    # Not tried again: the next run asks for what is still due, and the sensors wait until this task has ended.
    references = melpark("references", f"ingest --once --due {asked}", retries=0)
    # A table that stands still is a day old at worst; the present is not to wait for it.
    sensors = melpark("sensors", f"ingest --once --history --dataset {SENSORS}", trigger_rule="all_done")
    references >> sensors
