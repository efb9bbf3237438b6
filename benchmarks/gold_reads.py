"""Ten questions of the dashboard, asked of the tables as the server reads them and of copies in memory."""

import statistics
import time
from collections.abc import Callable

import duckdb
from deltalake import DeltaTable

from melpark.places import Home
from melpark.processing import query
from melpark.serving.lake import NAMED, Lake
from melpark.settings import Settings

# A day as text, as whoever asks gives it.
TODAY = "DATE '{today}'"
A_LOCATION = "(SELECT min(location_key) FROM gold.dim_locations)"
OCCUPANCY = "SELECT {} FROM gold.fact_occupancy WHERE {} GROUP BY ALL ORDER BY {}"
STAYS = "SELECT {} FROM gold.fact_parking_sessions WHERE {} GROUP BY ALL ORDER BY {}"
SHARE = "sum(occupied_minutes) / sum(online_minutes)"
DAY, WEEK, MONTH = f"local_date = {TODAY}", f"ended_on > {TODAY} - 7", f"local_date > {TODAY} - 28"
QUESTIONS = {
    "occupancy of the city, a day": OCCUPANCY.format(f"starts_at, {SHARE}", DAY, "ALL"),
    "occupancy by hour, 28 days": OCCUPANCY.format(f"hour(starts_at), {SHARE}", MONTH, "ALL"),
    "fullest locations, a day": OCCUPANCY.format("location_key, sum(minutes_full)", DAY, "2 DESC LIMIT 20"),
    "one location, 28 days": OCCUPANCY.format(
        "starts_at, any_value(occupancy_percent)", f"{MONTH} AND location_key = {A_LOCATION}", "ALL"
    ),
    "overstays by rule, a week": STAYS.format(
        "rule_at_arrival, count(*) FILTER (is_overstay), count(*)", WEEK, "ALL"
    ),
    "newest overstays": "SELECT * FROM gold.fact_parking_sessions "
    f"WHERE is_overstay AND ended_on >= {TODAY} - 1 ORDER BY first_breach_at DESC LIMIT 50",
    "median stay by limit, a week": STAYS.format("limit_minutes, median(duration_minutes)", WEEK, "ALL"),
    "turnover by street, 28 days": "SELECT street, sum(stays) FROM gold.fact_bay_days "
    f"JOIN gold.dim_locations USING (location_key) WHERE {MONTH} GROUP BY ALL ORDER BY ALL",
    "sensors that stand still": "SELECT count(*) FILTER (is_stuck), count(*) FROM gold.fact_sensor_health",
    "revenue by day, 28 days": STAYS.format(
        "ended_on, sum(estimated_revenue)", f"ended_on > {TODAY} - 28", "ALL"
    ),
}


def reading(settings: Settings, repeats: int) -> dict[str, dict[str, float]]:
    """For each question p50 and p95 from the tables, and p50 from memory, in milliseconds, asked in turns."""
    lake = Lake(settings)
    found = {}
    ((today,),) = lake.rows("SELECT max(local_date) FROM gold.fact_occupancy").rows
    for name, text in QUESTIONS.items():
        question = text.replace("{today}", f"{today}")
        with _in_memory(Home(settings.home), question) as memory:
            ways: dict[str, Callable[[], object]] = {
                "tables": lambda question=question: lake.rows(question),  # type: ignore[misc]
                "memory": lambda question=question, memory=memory: memory.execute(question).fetchall(),  # type: ignore[misc]
            }
            took: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(repeats):
                for way, ask in ways.items():
                    began = time.perf_counter()
                    ask()
                    took[way].append(1000 * (time.perf_counter() - began))
        found[name] = {
            "p50": statistics.median(took["tables"]),
            "p95": statistics.quantiles(took["tables"], n=20)[-1],
            "memory_p50": statistics.median(took["memory"]),
        }
    return found


def _in_memory(home: Home, question: str) -> duckdb.DuckDBPyConnection:
    """A connection that holds copies of the tables that the question names."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA gold")
    for table in sorted({name for layer, name in NAMED.findall(question)}):
        query.add_view(connection, "source", DeltaTable(home.gold / table), has_one_schema=True)
        connection.execute(f"CREATE TABLE gold.{table} AS SELECT * FROM source")
        connection.execute("DROP VIEW source")
    return connection
