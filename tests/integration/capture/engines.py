"""The stack's own PostgreSQL, Kafka and Connect, without its supervisor: each can be killed and started again."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from melpark.errors import MelParkError
from melpark.ingestion.database import connect as session
from melpark.launch import LAUNCHER
from melpark.places import SUPERUSER, topic
from melpark.processing import setup_debezium
from melpark.settings import Settings
from melpark.stack import connect, flink, jars, kafka, postgres
from melpark.stack.declaration import Engine, UnhealthyError

WAIT_SECONDS = 300.0
# A test does not wait for the minutes in which Kafka looks for what is old.
HASTE = (
    "--override",
    "log.retention.check.interval.ms=500",
    "--override",
    "log.cleaner.backoff.ms=500",
    "--override",
    "log.segment.delete.delay.ms=1000",
)

ENGINES: dict[str, Callable[[Settings], Engine]] = {
    "postgres": postgres.engine,
    "kafka": kafka.engine,
    "connect": connect.engine,
    "jobmanager": flink.job_manager,
    "taskmanager": flink.task_manager,
}
JARS = {"jobmanager": "flink", "taskmanager": "flink"}


def wait_until(holds: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)


@dataclass
class Engines:
    """One home on ports of its own, with engines by name."""

    settings: Settings
    logs: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start the engine and wait until it answers."""
        engine = ENGINES[name](self.settings)
        if name != "postgres":
            jars.fetch(jars.missing([JARS.get(name, name)]), lambda jar: None)
        engine.prepare()
        command = engine.command()
        haste = HASTE if name == "kafka" else ()
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*LAUNCHER, command.user or "-", *command.arguments, *haste],
                env=dict(command.environment) or None,
                cwd=command.directory,
                stdout=log,
                stderr=log,
            )
        self.processes[name] = process

        def is_healthy() -> bool:
            assert process.poll() is None, f"{name} ended: {self.tail(name)}"
            try:
                engine.check()
            except UnhealthyError:
                return False
            return True

        wait_until(is_healthy, f"{name} is healthy")

    def kill(self, name: str) -> None:
        """As a power cut would; returns when its children, which PostgreSQL's sessions are, have ended too."""
        process = self.processes.pop(name)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, left = psutil.wait_procs(children, timeout=30)
        assert left == []

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop_all(self) -> None:
        for name in reversed(ENGINES):
            if name in self.processes:
                self.stop(name)

    def tail(self, name: str) -> str:
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-20:])

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement as superuser; its rows, if it has any."""
        with session(self.settings, SUPERUSER) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def wait_until_running(self) -> None:
        wait_until(self.is_running, f"the connector runs: {self.tail('connect')}")

    def is_running(self) -> bool:
        try:
            setup_debezium.restart_failed(self.settings)
            return setup_debezium.status(self.settings).is_running
        except MelParkError:
            return False

    def wait_until_streaming(self) -> None:
        """Wait until somebody reads from the slot."""
        active = "SELECT active FROM pg_replication_slots WHERE slot_name = 'melpark'"
        wait_until(lambda: self.is_running() and self.sql(active) == [(True,)], "the slot is read")

    def events(self, table: str, holding: str = "") -> list[dict[str, Any]]:
        """Every change event of a table whose text holds some text, partition by partition; tombstones left out."""
        values = (message.value() for message in self.messages(table))
        return [json.loads(value) for value in values if value and holding.encode() in value]

    def rows(self, table: str, condition: str = "true") -> list[dict[str, Any]]:
        """Rows of PostgreSQL with their values as Debezium writes them."""
        found = self.sql(f"SELECT to_jsonb(row) FROM parking.{table} AS row WHERE {condition}")
        return [row for (row,) in found]

    def end_of(self, name: str) -> int:
        """Where the only partition of a topic ends, transactions that are not yet committed included."""
        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.settings.kafka_port}",
                "group.id": "end",
                "isolation.level": "read_uncommitted",
                "log_level": 0,
            }
        )
        try:
            return int(consumer.get_watermark_offsets(TopicPartition(name, 0), timeout=30)[1])
        finally:
            consumer.close()

    @staticmethod
    def parsed(text: bytes | str | None) -> dict[str, Any]:
        return dict(json.loads(text or "{}"))

    def messages(self, table: str) -> list[Message]:
        """Every committed message of a table's topic."""
        return self.read(topic(table))

    def read(self, name: str) -> list[Message]:
        """Every committed message of a topic, partition by partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.settings.kafka_port}",
                "group.id": "melpark-test",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "log_level": 0,
            }
        )
        found: list[Message] = []
        try:
            partitions = consumer.list_topics(name, timeout=30).topics[name].partitions
            for number in partitions:
                consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING)])
                at_end = False
                while not at_end:
                    batch = consumer.consume(10_000, timeout=0.2)
                    at_end = bool(batch and batch[-1].error())
                    found += [message for message in batch if not message.error()]
        finally:
            consumer.close()
        return found
