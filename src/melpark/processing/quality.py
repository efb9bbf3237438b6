"""How good the data is: what the polls of the newest day brought, and how the sensors are."""

from typing import Any

from melpark.processing import query
from melpark.settings import Settings

POLLS = """
SELECT
    dataset,
    count(*) FILTER (outcome = 'accepted') AS accepted,
    count(*) FILTER (outcome = 'refused') AS refused,
    count(*) FILTER (outcome = 'failed') AS failed,
    CAST(coalesce(sum(records) FILTER (outcome = 'accepted'), 0) AS BIGINT) AS records,
    CAST(coalesce(sum(rejected), 0) AS BIGINT) AS rejected,
    max(observed_at) FILTER (outcome = 'accepted') AS newest_accepted_at
FROM silver.polls
WHERE received_at > (SELECT max(received_at) FROM silver.polls) - INTERVAL 1 DAY
GROUP BY dataset
ORDER BY dataset
"""
SENSORS = """
SELECT
    count(*) AS sensors,
    count(*) FILTER (is_online AND NOT is_retired) AS online,
    count(*) FILTER (is_retired) AS retired,
    count(*) FILTER (is_stale) AS stale,
    count(*) FILTER (is_stuck) AS stuck,
    count(*) FILTER (is_suspect) AS suspect
FROM gold.fact_sensor_health
"""


def report(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """`polls` by dataset and the one row of `sensors`. Raises StopError when the home has no gold yet."""
    return {name: _rows(settings, sql) for name, sql in (("polls", POLLS), ("sensors", SENSORS))}


def _rows(settings: Settings, statement: str) -> list[dict[str, Any]]:
    columns, rows = query.sql(settings, statement)
    return [dict(zip(columns, row, strict=True)) for row in rows]
