"""From commit in PostgreSQL to bronze and to silver at steady rates, beside a bare Kafka consumer of them."""

import statistics
import time
from datetime import UTC, datetime
from typing import Any

import cdc_engines
import cdc_places as places
from melpark.places import Home
from melpark.settings import Settings

WAIT_SECONDS = 300.0
PLACES = ("kafka", "bronze", "silver")


def measure(settings: Settings, rate: int, seconds: float) -> dict[str, Any]:
    """`rate` commits a second of one event each, at their time whether or not the lake keeps up."""
    home = Home(settings.home)
    prefix = f"latency-{rate}-{time.time_ns()}"
    before = {"bronze": places.version(home.bronze), "silver": places.version(home.silver("sensor_events"))}
    follower = places.KafkaFollower(settings, keys=True)
    committed = _commit(settings, prefix, rate, int(rate * seconds))
    deadline = time.monotonic() + WAIT_SECONDS
    seen: dict[str, dict[str, float]] = {}
    while True:
        seen = {
            "kafka": follower.seen,
            "bronze": places.arrivals(home.bronze, before["bronze"], "key", places.bay_of_key, prefix),
            "silver": places.arrivals(
                home.silver("sensor_events"), before["silver"], "kerbside_id", str, prefix
            ),
        }
        if all(len(came) == len(committed) for came in seen.values()) or time.monotonic() > deadline:
            break
        time.sleep(1)
    follower.stop()
    report = {name: percentiles(committed, seen[name]) for name in PLACES}
    for row in report.values():
        row["p50_of_kafka"] = row["p50"] / report["kafka"]["p50"]
    return report


def _commit(settings: Settings, prefix: str, rate: int, count: int) -> dict[str, float]:
    committed: dict[str, float] = {}
    with cdc_engines.connect(settings) as connection:
        began = time.time()
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.time()))
            now = datetime.now(UTC)
            bay = f"{prefix}-{number}"
            connection.execute(
                "INSERT INTO parking.sensor_events VALUES (%s, %s, 'Present', %s, %s, NULL, 'live')",
                (bay, now, now, now),
            )
            committed[bay] = time.time()
    return committed


def percentiles(committed: dict[str, float], seen: dict[str, float]) -> dict[str, float]:
    """Milliseconds; `lost` are the commits that never came."""
    delays = [(seen[bay] - at) * 1000 for bay, at in committed.items() if bay in seen]
    if len(delays) < 2:
        return {"count": len(delays), "lost": len(committed) - len(delays)} | dict.fromkeys(
            ("p50", "p95", "p99"), float("nan")
        )
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {
        "count": len(delays),
        "lost": len(committed) - len(delays),
        "p50": cuts[49],
        "p95": cuts[94],
        "p99": cuts[98],
    }


def lines(report: dict[str, Any]) -> list[str]:
    rows = [
        f"{'commit to':<28}{'p50 ms':>10}{'p95 ms':>9}{'p99 ms':>9}{'p50 of kafka':>14}{'commits':>9}{'lost':>6}"
    ]
    for rate, found in report.items():
        rows += [
            f"{name + ' at ' + rate:<28}{row['p50']:10,.0f}{row['p95']:9,.0f}{row['p99']:9,.0f}"
            f"{row['p50_of_kafka']:14.1f}{row['count']:9,}{row['lost']:6,}"
            for name, row in found.items()
        ]
    return rows
