"""What the spine costs: time to the first bay, memory, and the way of a commit. Run by `make bench`.

Every latency stands beside the bare Kafka consumer's of the same run, for the machine differs from run to run and a
ratio less so; commits to the lake are others than those to Kafka and the stream, one after the other. Prints a table
and writes benchmark-spine.json.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable

import machine
from e2e.stack.running import Stack, read_status
from melpark import secrets
from melpark.places import DATABASE, SUPERUSER, Home, topic

Samples = dict[str, float]
PAUSE_SECONDS = 0.05


def main() -> None:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
    folder.chmod(0o711)
    # As its user has it: the loop builds gold.
    stack = Stack.on(folder / "home", MELPARK_SOURCE="simulator", MELPARK_GOLD_INTERVAL_SECONDS="300")
    try:
        report: dict[str, Any] = {
            "machine": machine.described(),
            "measured_at": datetime.now(UTC).isoformat(),
        }
        report["first_bay_cold_seconds"] = _start(stack)
        assert stack.stop() == []
        warm = []
        for _ in range(arguments.starts):
            warm.append(_start(stack))
            stack.wait_until_healthy()
            if len(warm) < arguments.starts:
                assert stack.stop() == []
        report["first_bay_warm_seconds"] = statistics.median(warm)
        _settle(stack)
        report["memory_mebibytes"] = _memory(stack)
        report["latency_milliseconds"] = _latencies(stack, arguments.commits, arguments.lake_commits)
        began = time.perf_counter()
        assert stack.stop() == []
        report["stop_seconds"] = time.perf_counter() - began
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    arguments.output.write_text(json.dumps(report, indent=2))
    print(_table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--commits", type=int, default=300, help="commits followed to Kafka and to the stream"
    )
    parser.add_argument("--lake-commits", type=int, default=20, help="commits followed to bronze and silver")
    parser.add_argument("--starts", type=int, default=3, help="warm starts")
    parser.add_argument("--output", type=Path, default=Path("benchmark-spine.json"))
    return parser.parse_args()


def _start(stack: Stack) -> float:
    """Seconds from the command to the first answer of the map's API that holds a bay."""
    began = time.perf_counter()
    stack.start()
    while time.perf_counter() - began < 300:
        try:
            if httpx.get(f"{stack.url}/api/v1/bays", timeout=5).json().get("bays"):
                return time.perf_counter() - began
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.05)
    raise SystemExit(f"no bay within 300 s\n{stack.output()}")


def _settle(stack: Stack) -> None:
    """Wait until the first gold build and the first batches are over."""

    def is_quiet(status: dict[str, Any]) -> bool:
        lags = [status["stages"][name]["lag_seconds"] for name in ("kafka", "bronze", "silver", "serving")]
        return (
            status["state"] == "healthy" and lags == [0, 0, 0, 0] and bool(status["stages"]["gold"]["rows"])
        )

    stack.wait_for("quiet stack", is_quiet, 900)


def _memory(stack: Stack) -> dict[str, float]:
    engines = read_status(stack.home)["engines"]
    memory = {name: engine["memory_bytes"] / 2**20 for name, engine in engines.items()}
    return memory | {"total": sum(memory.values())}


def _latencies(stack: Stack, commits: int, lake_commits: int) -> dict[str, dict[str, float]]:
    committed: Samples = {}
    seen: dict[str, Samples] = {"kafka": {}, "stream": {}, "bronze": {}, "silver": {}}
    ended = threading.Event()
    ready = [threading.Event(), threading.Event()]
    followers = [
        threading.Thread(target=_follow_kafka, args=(stack, seen["kafka"], ready[0], ended), daemon=True),
        threading.Thread(target=_follow_stream, args=(stack, seen["stream"], ready[1], ended), daemon=True),
    ]
    for follower in followers:
        follower.start()
    for event in ready:
        event.wait(30)
    with _connect(stack) as connection:
        bay = connection.execute("SELECT kerbside_id FROM parking.sensors LIMIT 1").fetchone()
        assert bay is not None
        start = datetime.now(UTC)
        for number in range(commits):
            marker = (start + timedelta(microseconds=number + 1)).isoformat()
            connection.execute(
                "UPDATE parking.sensors SET status_changed_at = %s WHERE kerbside_id = %s", (marker, bay[0])
            )
            committed[_moment(marker)] = time.perf_counter()
            time.sleep(PAUSE_SECONDS)
        time.sleep(2)
        ended.set()
        lake = _follow_lake(stack, connection, lake_commits, seen)
    report = {name: _percentiles(committed, seen[name]) for name in ("kafka", "stream")}
    return report | {name: _percentiles(lake, seen[name]) for name in ("bronze", "silver")}


def _follow_kafka(stack: Stack, seen: Samples, ready: threading.Event, ended: threading.Event) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{stack.settings.kafka_port}",
            "group.id": "benchmark",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 5,
        }
    )
    name = topic("sensors")
    partitions = consumer.list_topics(name, timeout=10).topics[name].partitions
    ends = [
        consumer.get_watermark_offsets(TopicPartition(name, number), timeout=10)[1] for number in partitions
    ]
    consumer.assign([TopicPartition(name, number, end) for number, end in zip(partitions, ends, strict=True)])
    ready.set()
    while not ended.is_set():
        message = consumer.poll(0.2)
        if message is not None and not message.error() and message.value():
            after = orjson.loads(message.value())["after"]
            seen.setdefault(_moment(after["status_changed_at"]), time.perf_counter())
    consumer.close()


def _follow_stream(stack: Stack, seen: Samples, ready: threading.Event, ended: threading.Event) -> None:
    with httpx.stream("GET", f"{stack.url}/api/v1/stream", timeout=60) as answer:
        ready.set()
        for line in answer.iter_lines():
            if ended.is_set():
                return
            if line.startswith("data:") and "status_changed_at" in line:
                now = time.perf_counter()
                for bay in orjson.loads(line.removeprefix("data:")):
                    seen.setdefault(_moment(bay["status_changed_at"]), now)


def _follow_lake(
    stack: Stack, connection: "psycopg.Connection[Any]", commits: int, seen: dict[str, Samples]
) -> Samples:
    committed: Samples = {}
    home = Home(stack.home)
    for number in range(commits):
        bay = f"benchmark-{number}"
        now = datetime.now(UTC)
        connection.execute(
            "INSERT INTO parking.sensor_events VALUES (%s, %s, 'Present', %s, %s, NULL, 'live')",
            (bay, now, now, now),
        )
        committed[bay] = time.perf_counter()
        _await(lambda bay=bay: _is_in_bronze(home, bay), seen["bronze"], bay)  # type: ignore[misc]
        _await(lambda bay=bay: _is_in_silver(home, bay), seen["silver"], bay)  # type: ignore[misc]
    return committed


def _await(is_there: Callable[[], bool], seen: Samples, key: str) -> None:
    deadline = time.perf_counter() + 60
    while not is_there():
        if time.perf_counter() > deadline:
            raise SystemExit(f"{key} did not arrive within 60 s of its commit")
        time.sleep(0.02)
    seen[key] = time.perf_counter()


def _is_in_bronze(home: Home, bay: str) -> bool:
    table = DeltaTable(home.bronze).to_pyarrow_dataset()
    is_of_bay = pc.match_substring(ds.field("key"), f'"kerbside_id":"{bay}"')
    recent = (ds.field("topic") == topic("sensor_events")) & is_of_bay
    return bool(table.count_rows(filter=recent))


def _is_in_silver(home: Home, bay: str) -> bool:
    bays = DeltaTable(home.silver("sensor_events")).to_pyarrow_table(columns=["kerbside_id"])["kerbside_id"]
    return bool(pc.any(pc.equal(bays.cast(pa.string()), bay)).as_py())


def _connect(stack: Stack) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host="127.0.0.1",
        port=stack.settings.postgres_port,
        dbname=DATABASE,
        user=SUPERUSER,
        password=secrets.password(stack.home, SUPERUSER),
        autocommit=True,
    )


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


def _percentiles(committed: Samples, seen: Samples) -> dict[str, float]:
    delays = sorted((seen[key] - at) * 1000 for key, at in committed.items() if key in seen)
    if not delays:
        return {"count": 0}
    cuts = statistics.quantiles(delays, n=100, method="inclusive") if len(delays) > 1 else delays * 99
    return {"count": len(delays), "p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"machine: {report['machine']}",
        f"cold start without downloads, to the first bay: {report['first_bay_cold_seconds']:.1f} s",
        f"warm start, to the first bay: {report['first_bay_warm_seconds']:.1f} s",
        f"stop: {report['stop_seconds']:.1f} s",
        "",
        "memory, MiB (proportional set size):",
        *(f"  {name:<10} {value:7.0f}" for name, value in report["memory_mebibytes"].items()),
        "",
        "from commit in PostgreSQL to   p50 ms   p95 ms   p99 ms   p50 against bare Kafka   commits",
    ]
    base = report["latency_milliseconds"]["kafka"].get("p50", float("nan"))
    labels = {
        "kafka": "a bare Kafka consumer",
        "stream": "the API's stream",
        "bronze": "bronze",
        "silver": "silver",
    }
    for name, row in report["latency_milliseconds"].items():
        values = "".join(f"{row.get(key, float('nan')):9.0f}" for key in ("p50", "p95", "p99"))
        ratio = row.get("p50", float("nan")) / base
        lines.append(f"  {labels[name]:<26}{values}   {ratio:22.1f}   {row['count']:7.0f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
