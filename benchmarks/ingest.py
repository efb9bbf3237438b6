"""What a poll costs in PostgreSQL, beside the plain way of appending the whole poll. Run by `make bench-ingest`.

Made-up polls of 3,309 sensors and 23,864 bays, as many as the City has, on a PostgreSQL of its own that flushes its
log as in production. Milliseconds are from the complete answer to the end of its transaction, medians of all rounds, by
the clock and of CPU (ours and PostgreSQL's session), which says more where others use the cores too; bytes of WAL and
change events (counted by a logical slot on the publication) are of one poll.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import psutil
import psycopg
from psycopg.rows import TupleRow

from melpark.contracts import BAYS, SENSORS
from melpark.ingestion.body import Body
from melpark.ingestion.database import connect
from melpark.ingestion.parking_api import Answer
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.places import PUBLICATION, SUPERUSER
from melpark.settings import Settings
from plugins.postgres import fresh_database, make_template, running_postgres

Record = dict[str, object]
Connection = psycopg.Connection[TupleRow]
T0 = datetime(2026, 3, 2, tzinfo=UTC)
SENSOR_COUNT, BAY_COUNT = 3309, 23_864
ROW_CHANGES = (b"I", b"U", b"D")
WATCHER = "melpark benchmark"
CASES = ("first poll", "unchanged poll", "unchanged, same bytes", "1 % changed")


@dataclass
class Cost:
    """What polls of one case cost."""

    milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: list[float] = field(default_factory=list)
    rows: int = 0
    wal_bytes: int = 0
    change_events: int = 0


Report = dict[str, dict[str, Cost]]


def main() -> None:
    parser = argparse.ArgumentParser(description="What a poll costs in PostgreSQL")
    parser.add_argument("--rounds", type=int, default=5, help="fresh databases")
    parser.add_argument("--output", type=Path, default=Path("benchmark-ingest.json"))
    arguments = parser.parse_args()
    report: Report = {}
    with tempfile.TemporaryDirectory(prefix="melpark-bench-") as folder:
        Path(folder).chmod(0o711)
        with running_postgres(Path(folder), is_durable=True) as settings:
            make_template(settings)
            for _ in range(arguments.rounds):
                _round(settings, report)
    arguments.output.write_text(json.dumps(_plain(report), indent=2))
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; {arguments.rounds} rounds\n")
    print(table(report))


def _round(settings: Settings, report: Report) -> None:
    fresh_database(settings)
    loader = PostgresLoader(settings)
    with connect(settings, SUPERUSER, application_name=WATCHER) as watcher:
        watcher.execute("SELECT pg_create_logical_replication_slot('bench', 'pgoutput')")
        try:
            for dataset, polls in ((SENSORS.dataset, sensor_polls()), (BAYS.dataset, bay_polls())):
                _append_table(watcher, dataset, polls[0][1])
                for case, records in polls:
                    _poll(watcher, loader, report, dataset, case, records)
        finally:
            loader.close()
            watcher.execute("SELECT pg_drop_replication_slot('bench')")


def _poll(
    watcher: Connection,
    loader: PostgresLoader,
    report: Report,
    dataset: str,
    case: str,
    records: list[Record],
) -> None:
    body = Body.of(orjson.dumps(records))
    moment = datetime.fromisoformat(str(records[0]["lastupdated"])).replace(tzinfo=UTC)
    answer = Answer(dataset, body, None, moment, moment, moment)
    cost = report.setdefault(dataset, {}).setdefault(case, Cost())
    with _measured(watcher, "melpark ingest", cost):
        outcome = loader.load(answer)
    assert outcome.outcome == "accepted", outcome.reason
    assert outcome.changed is not None
    cost.rows = _rows_written(watcher)
    plain = report.setdefault(f"{dataset}, appended whole", {}).setdefault(case, Cost())
    with _measured(watcher, WATCHER, plain):
        _append(watcher, dataset, orjson.loads(body.read()), moment)
    plain.rows = len(records)


@contextmanager
def _measured(watcher: Connection, application: str, cost: Cost) -> Iterator[None]:
    """What happens within costs so much; `application` is the session that works."""
    _read_slot(watcher)
    used = _cpu_seconds(watcher, application)
    before = watcher.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    began = time.perf_counter()
    yield
    cost.milliseconds.append((time.perf_counter() - began) * 1000)
    cost.cpu_milliseconds.append((_cpu_seconds(watcher, application) - used) * 1000)
    assert before is not None
    found = watcher.execute(
        "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)::bigint", before
    ).fetchone()
    cost.wal_bytes = found[0] if found else 0
    cost.change_events = _read_slot(watcher)


def _cpu_seconds(watcher: Connection, application: str) -> float:
    """Used so far by this process and by the sessions of an application."""
    rows = watcher.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [application])
    times = [psutil.Process(pid).cpu_times() for (pid,) in rows]
    return time.process_time() + sum(one.user + one.system for one in times)


def _read_slot(watcher: Connection) -> int:
    """Row changes that the slot held; it is empty afterwards."""
    rows = watcher.execute(
        "SELECT substr(data, 1, 1) FROM pg_logical_slot_get_binary_changes('bench', NULL, NULL,"
        " 'proto_version', '1', 'publication_names', %s)",
        [PUBLICATION],
    )
    return sum(1 for (kind,) in rows if bytes(kind) in ROW_CHANGES)


def _rows_written(watcher: Connection) -> int:
    """Rows that the newest poll's transaction left in any table of ours."""
    row = watcher.execute(
        """
        WITH newest AS (SELECT xmin::text AS id FROM parking.polls ORDER BY poll_id DESC LIMIT 1)
        SELECT (SELECT count(*) FROM parking.polls WHERE xmin::text = id)
            + (SELECT count(*) FROM parking.sensors WHERE xmin::text = id)
            + (SELECT count(*) FROM parking.sensor_events WHERE xmin::text = id)
            + (SELECT count(*) FROM parking.sensor_states WHERE xmin::text = id)
            + (SELECT count(*) FROM parking.feed_outages WHERE xmin::text = id)
            + (SELECT count(*) FROM parking.bays WHERE xmin::text = id)
            + (SELECT count(*) FROM parking.rejected_records WHERE xmin::text = id)
        FROM newest
        """
    ).fetchone()
    return int(row[0]) if row else 0


def _append_table(watcher: Connection, dataset: str, records: list[Record]) -> None:
    name = _append_name(dataset)
    columns = ", ".join(f"{column} text" for column in records[0])
    watcher.execute(
        f"CREATE TABLE {name} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        f"{columns}, fetched_at timestamptz)".encode()
    )
    watcher.execute(f"ALTER PUBLICATION {PUBLICATION} ADD TABLE {name}".encode())


def _append(watcher: Connection, dataset: str, records: list[Record], moment: datetime) -> None:
    names = list(records[0])
    statement = f"COPY {_append_name(dataset)} ({', '.join(names)}, fetched_at) FROM STDIN"
    with watcher.cursor() as cursor, cursor.copy(statement.encode()) as stream:
        for record in records:
            stream.write_row([*(_cell(record[name]) for name in names), moment])


def _append_name(dataset: str) -> str:
    return f"public.appended_{dataset.replace('-', '_')}"


def _cell(value: object) -> str | None:
    return None if value is None else str(value)


def sensor_polls() -> list[tuple[str, list[Record]]]:
    """Polls two minutes apart; nothing changed but the feed's own time, then 1 % of the bays."""
    polls = []
    for number in range(8):
        now = T0 + timedelta(minutes=2 * number)
        records = [
            _sensor(bay, now, (number - 5) * 2 if number > 5 and bay % 100 == 0 else None)
            for bay in range(SENSOR_COUNT)
        ]
        polls.append((_case(number), records))
    return polls


def _case(number: int) -> str:
    return CASES[0] if number == 0 else CASES[1] if number <= 5 else CASES[3]


def _sensor(bay: int, now: datetime, changed: int | None) -> Record:
    changed_at = now - timedelta(minutes=1) if changed else T0 - timedelta(minutes=bay % 50_000)
    return {
        "lastupdated": now.isoformat(),
        "status_timestamp": changed_at.isoformat(),
        "zone_number": 7000 + bay % 330 if bay % 14 else None,
        "status_description": "Present" if (bay + (changed or 0) // 2) % 2 else "Unoccupied",
        "kerbsideid": 5000 + bay,
        "location": {"lon": 144.936 + bay % 60 / 1200, "lat": -37.848 + bay // 60 / 1200},
    }


def bay_polls() -> list[tuple[str, list[Record]]]:
    """The bays, again in another order, again byte by byte, and with 1 % edited."""
    first = [_bay(number, "a street") for number in range(BAY_COUNT)]
    edited = [_bay(number, "another" if number % 100 == 0 else "a street") for number in range(BAY_COUNT)]
    turned = first[BAY_COUNT // 2 :] + first[: BAY_COUNT // 2]
    return [(CASES[0], first), (CASES[1], turned), (CASES[2], turned), (CASES[1], first), (CASES[3], edited)]


def _bay(number: int, street: str) -> Record:
    longitude, latitude = 144.9 + number % 200 / 2000, -37.85 + number // 200 / 2000
    return {
        "roadsegmentid": 20_000 + number // 10,
        "kerbsideid": str(number) if number % 9 < 2 else None,
        "roadsegmentdescription": f"{street} between the first and the second crossing",
        "latitude": latitude,
        "longitude": longitude,
        "lastupdated": "2023-10-31",
        "location": {"lon": longitude, "lat": latitude},
    }


def table(report: Report) -> str:
    """The report as a Markdown table."""
    lines = [
        "| dataset | poll | ms | ms of CPU | rows written | WAL, bytes | change events |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for dataset, cases in report.items():
        for case, cost in cases.items():
            lines.append(
                f"| {dataset} | {case} | {statistics.median(cost.milliseconds):.0f} |"
                f" {statistics.median(cost.cpu_milliseconds):.0f} | {cost.rows:,} |"
                f" {cost.wal_bytes:,} | {cost.change_events:,} |"
            )
    return "\n".join(lines)


def _plain(report: Report) -> dict[str, dict[str, dict[str, float]]]:
    middle: Callable[[list[float]], float] = statistics.median
    return {
        dataset: {
            case: {
                "milliseconds": middle(cost.milliseconds),
                "cpu_milliseconds": middle(cost.cpu_milliseconds),
                "rows": cost.rows,
                "wal_bytes": cost.wal_bytes,
                "change_events": cost.change_events,
            }
            for case, cost in cases.items()
        }
        for dataset, cases in report.items()
    }


if __name__ == "__main__":
    main()
