"""What a seeded day costs: seconds to make it and to write it into PostgreSQL, and its rows.

    python benchmarks/seed.py [--days 7] [--output benchmark-seed.json]

A PostgreSQL of its own, durable, without anything else running; no rest between the parts.
"""

import argparse
import asyncio
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES
from melpark.ingestion.database import connect
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.ingestion.seed import Seeding
from melpark.settings import Settings
from plugins.postgres import fresh_database, make_template, running_postgres

LIVE_FROM_AT = datetime(2026, 1, 15, 3, tzinfo=UTC)


async def fill(settings: Settings) -> dict[str, float]:
    """Open and fill in the whole history. Returns seconds and rows."""
    loader = PostgresLoader(settings)
    seeding = Seeding(settings, loader)
    begun = perf_counter()
    await seeding.open(LIVE_FROM_AT)
    opened = perf_counter()
    longest, before = 0.0, opened
    while await seeding.fill_in_next():
        now = perf_counter()
        longest, before = max(longest, now - before), now
    seconds = perf_counter() - opened
    loader.close()
    found = {"open_seconds": opened - begun, "seconds": seconds, "longest_part_seconds": longest}
    with connect(settings) as session:
        for table in (SENSOR_EVENTS, SENSOR_STATES, FEED_OUTAGES, POLLS):
            row = session.execute(f"SELECT count(*) FROM parking.{table.name}".encode()).fetchone()
            found[table.name] = row[0] if row else 0
    return found | {"seconds_per_day": seconds / settings.history_days}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("benchmark-seed.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder), is_durable=True) as settings:
        make_template(settings)
        fresh_database(settings)
        found = asyncio.run(fill(settings.model_copy(update={"history_days": arguments.days})))
    text = json.dumps(found, indent=2)
    arguments.output.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
