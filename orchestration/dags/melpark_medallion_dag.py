"""Bronze, silver and gold, every ten minutes.

| task | command | what it does |
|---|---|---|
| `streams` | `melpark stream --available-now --unless-running` | takes what Kafka holds into bronze and silver; nothing where the continuous streams run, as with `melpark up` |
| `begin` | `melpark gold begin` | finds what is new in silver; when nothing is, the rest is skipped |
| `gold.*` | `melpark gold model NAME` | builds one dbt model and tests it, in dbt's own order |
| `finish` | `melpark gold finish` | makes missing views, and writes down what gold was built from |

- **The models** and their order come from dbt's manifest (`orchestration/manifest.json`, made by `melpark gold manifest`) by
  astronomer-cosmos. Views have nothing to build and no task.
- **Missed runs** are not made up: a run takes all that is there.
- **When it fails** the model that failed is named; the tables after it are as they were, and the next run builds the same
  news again, together with newer ones. `melpark gold build` by hand does the same in one go.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, LoadMode, TestBehavior
from cosmos.dbt.graph import DbtNode
from wiring import NOTHING_TO_DO, melpark, told

PROJECT = Path(__file__).resolve().parents[2]
MODELS = PROJECT / "dbt_gold"


def model(dag: DAG, task_group: TaskGroup, node: DbtNode, **others: Any) -> Any:
    """A dbt model as a task of ours."""
    return melpark(node.name, f"gold model {node.name}", dag=dag, task_group=task_group)


with DAG(
    "melpark_medallion_dag",
    description="Bronze, silver and gold",
    schedule=timedelta(minutes=10),
    start_date=datetime(2025, 1, 1, tzinfo=UTC),
    doc_md=__doc__,
    **told(minutes=240),
) as dag:
    streams = melpark("streams", "stream --available-now --unless-running")
    begin = melpark("begin", "gold begin", skip_on_exit_code=NOTHING_TO_DO)
    gold = DbtTaskGroup(
        group_id="gold",
        project_config=ProjectConfig(
            manifest_path=PROJECT / "orchestration" / "manifest.json", project_name="melpark"
        ),
        profile_config=ProfileConfig("melpark", "local", profiles_yml_filepath=MODELS / "profiles.yml"),
        execution_config=ExecutionConfig(dbt_project_path=MODELS),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            select=["path:models/intermediate", "path:models/marts"],
            test_behavior=TestBehavior.NONE,
            emit_datasets=False,
            node_converters={DbtResourceType.MODEL: model},
        ),
    )
    finish = melpark("finish", "gold finish")
    streams >> begin >> gold >> finish
