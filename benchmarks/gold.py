"""What gold costs: refreshes and rebuilds with a month and a year behind them, and reads. Run by `make bench-gold`.

The past is simulated and written into silver directly; references and rule calendar came there by the whole way. On
each length of history the same engine builds everything, then an hour and a day more, and answers the same question by
the plain way: every stay anew, with one lead() over the whole history. Prints a table and writes benchmark-gold.json.
"""

import argparse
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import machine
from cdc_engines import Engines, running
from e2e.stack.running import Stack
from gold_home import DAY, HOUR, Past, refreshes, with_references
from gold_loop import commit_to_gold
from gold_reads import QUESTIONS, reading
from melpark.places import Home
from melpark.processing import gold, lake
from melpark.processing.spark_session import connect
from melpark.settings import Settings

# All stays of the whole history at once, with the limit in force on arrival.
PLAIN = """
CREATE OR REPLACE TABLE delta.`{path}` USING delta AS
WITH stays AS (
    SELECT kerbside_id, status, status_changed_at AS arrival_at,
        lead(status_changed_at) OVER (PARTITION BY kerbside_id ORDER BY status_changed_at) AS departure_at
    FROM delta.`{events}`
), zones AS (
    SELECT kerbside_id, zone_number FROM delta.`{states}` WHERE is_current
)
SELECT stays.kerbside_id, arrival_at, departure_at, zones.zone_number, limit_minutes,
    (unix_seconds(departure_at) - unix_seconds(arrival_at)) / 60 AS duration_minutes,
    (unix_seconds(departure_at) - unix_seconds(arrival_at)) / 60 - limit_minutes AS minutes_over
FROM stays
JOIN zones ON zones.kerbside_id = stays.kerbside_id
LEFT JOIN delta.`{windows}` AS windows
    ON windows.zone_number = zones.zone_number AND arrival_at >= windows.start_at AND arrival_at < windows.end_at
WHERE status = 'Present'
"""


def main() -> None:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
    folder.chmod(0o711)
    report: dict[str, Any] = {
        "machine": machine.described(),
        "measured_at": datetime.now(UTC).isoformat(),
        "days": {},
    }
    try:
        for days in arguments.days:
            report["days"][days] = _measure(folder / f"home-{days}", days, arguments.repeats)
            shutil.rmtree(folder / f"home-{days}")
        if arguments.loop_minutes:
            report["loop"] = commit_to_gold(
                folder / "loop", arguments.loop_minutes * 60, arguments.loop_interval
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        arguments.output.write_text(json.dumps(report, indent=2))
    print(_table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, nargs="+", default=[30, 365], help="lengths of the history")
    parser.add_argument("--repeats", type=int, default=30, help="times that each question is asked")
    parser.add_argument("--loop-minutes", type=int, default=15, help="how long the loop is watched; 0: not")
    parser.add_argument(
        "--loop-interval", type=int, default=20, help="seconds between two builds of the loop"
    )
    parser.add_argument("--output", type=Path, default=Path("benchmark-gold.json"))
    return parser.parse_args()


def _measure(home: Path, days: int, repeats: int) -> dict[str, Any]:
    stack = Stack.on(
        home,
        MELPARK_SOURCE="simulator",
        MELPARK_SIMULATOR_OUTAGES="false",
        MELPARK_RULE_WEEKS_BEFORE=str(days // 7 + 2),
        MELPARK_RULE_WEEKS_AFTER="1",
    )
    with_references(stack)
    settings = stack.settings
    end = refreshes(datetime.now(UTC) - DAY - HOUR)
    past = Past(settings)
    past.open(end - days * DAY)
    for events in past.add(end - days * DAY, end):
        print(f"\r  {days} days: {events:,} events", end="", flush=True)
    past.end_states()
    print()
    found: dict[str, Any] = {"events": past.events}

    with running(settings, ("spark", "catalogue")) as engines:

        def timed(what: str, do: Callable[[], object]) -> None:
            began, used = time.perf_counter(), _cpu_seconds(engines)
            do()
            took = {"seconds": time.perf_counter() - began, "cpu_seconds": _cpu_seconds(engines) - used}
            found[what] = took
            print(f"    {what:<20}{took['seconds']:8.1f} s{took['cpu_seconds']:8.1f} s of CPU", flush=True)

        timed("rebuild", lambda: gold.run(settings, "rebuild", tests=False))
        timed("no_news", lambda: gold.run(settings, tests=False))
        for what, start, stop in (("hour", end, end + HOUR), ("day", end + HOUR, end + HOUR + DAY)):
            list(past.add(start, stop))
            past.end_states()
            timed(what, lambda: gold.run(settings, tests=False))
        timed("tests", lambda: gold.run(settings, "test"))
        timed("plain", lambda: _plainly(settings, home))
    found["rows"] = {
        name: lake.rows(Home(home).gold / name) for name in ("fact_parking_sessions", "fact_occupancy")
    }
    found["reads_milliseconds"] = reading(settings, repeats)
    return found


def _cpu_seconds(engines: Engines) -> float:
    """Of Spark, of this process, and of those that it started and that have ended: dbt is one."""
    ours = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(engines.cpu_seconds().values()) + sum(used.ru_utime + used.ru_stime for used in ours)


def _plainly(settings: Settings, home: Path) -> None:
    silver = Home(home).silver
    spark = connect(settings, 60)
    try:
        # As a whole build has it.
        (parts,) = gold.parts(Home(home)).values()
        spark.conf.set("spark.sql.shuffle.partitions", parts)
        spark.sql(
            PLAIN.format(
                path=home / "plain",
                events=silver("sensor_events"),
                states=silver("sensor_states"),
                windows=silver("rule_windows"),
            )
        )
    finally:
        spark.stop()


def _table(report: Mapping[str, Any]) -> str:
    days = list(report["days"])
    columns = "".join(f"{f'{number} days':>14}" for number in days)
    lines = [f"machine: {report['machine']}", "", f"{'':<34}{columns}"]

    def line(text: str, value: Callable[[Mapping[str, Any]], str]) -> None:
        lines.append(f"{text:<34}" + "".join(f"{value(report['days'][number]):>14}" for number in days))

    line("events", lambda one: f"{one['events']:,}")
    for name in ("fact_parking_sessions", "fact_occupancy"):
        line(f"rows of {name}", lambda one, name=name: f"{one['rows'][name]:,}")  # type: ignore[misc]
    for what, text in (
        ("no_news", "refresh without news"),
        ("hour", "refresh after an hour more"),
        ("day", "refresh after a day more"),
        ("rebuild", "full rebuild"),
        ("plain", "plain way, all stays by lead()"),
        ("tests", "all tests"),
    ):
        line(f"{text}, s", lambda one, what=what: f"{one[what]['seconds']:.1f}")  # type: ignore[misc]
        line("  s of CPU", lambda one, what=what: f"{one[what]['cpu_seconds']:.1f}")  # type: ignore[misc]
    for what, text in (("rebuild", "rebuild"), ("plain", "plain way")):
        line(
            f"{text} against a day's refresh, CPU",
            lambda one, what=what: f"{one[what]['cpu_seconds'] / one['day']['cpu_seconds']:.1f}",  # type: ignore[misc]
        )
    if len(days) > 1:
        first, last = report["days"][days[0]], report["days"][days[-1]]
        lines += ["", f"refreshes with {days[-1]} days against those with {days[0]}: clock, CPU"]
        lines += [
            f"  {what}: "
            + ", ".join(f"{last[what][unit] / first[what][unit]:.2f}" for unit in ("seconds", "cpu_seconds"))
            for what in ("hour", "day")
        ]
    for number in days:
        lines += [
            "",
            f"ten questions with {number} days, ms: from the tables p50, p95; in memory p50; ratio of p50",
        ]
        for name in QUESTIONS:
            one = report["days"][number]["reads_milliseconds"][name]
            lines.append(
                f"  {name:<32}{one['p50']:8.1f}{one['p95']:8.1f}{one['memory_p50']:8.1f}"
                f"{one['p50'] / one['memory_p50']:7.1f}"
            )
    if "loop" in report:
        loop = report["loop"]
        lines += [
            "",
            f"commit to gold, the loop building every {loop['interval_seconds']} s, {loop['polls']} polls, s: "
            f"p50 {loop['p50']:.0f}, p95 {loop['p95']:.0f}, longest {loop['longest']:.0f}",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
