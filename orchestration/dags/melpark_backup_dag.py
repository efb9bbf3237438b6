"""A backup of PostgreSQL and the lake, each time that the quality DAG has cared for the lake.

| task | command | what it does |
|---|---|---|
| `backup` | `melpark backup` | a new folder in `MELPARK_BACKUP_DIR`, whole or not at all; the newest `MELPARK_BACKUPS_KEPT` stay |

- **It is paused** until somebody turns it on: set `MELPARK_BACKUP_DIR` first, on another disk.
- **An asset, not a clock,** starts it: what is copied was compared with PostgreSQL and packed before.
- **When it fails** nothing is left but the older backups; `melpark backup /somewhere` by hand tells why.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset
from wiring import melpark, told

with DAG(
    "melpark_backup_dag",
    description="A backup of PostgreSQL and the lake",
    schedule=[Asset("melpark://lake/cared-for")],
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    is_paused_upon_creation=True,
    doc_md=__doc__,
    **told(minutes=180),
) as dag:
    melpark("backup", "backup")
