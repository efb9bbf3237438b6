"""Kafka in KRaft mode: one process, broker and controller."""

import subprocess
from pathlib import Path

from confluent_kafka import KafkaException

from melpark.errors import StopError
from melpark.launch import LAUNCHER
from melpark.places import KAFKA_CLUSTER_ID, Home
from melpark.processing.kafka_admin import admin
from melpark.settings import Settings
from melpark.stack import java, templates
from melpark.stack.declaration import Command, Engine, UnhealthyError

HEAP_MEBIBYTES = 384
QUIET = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")


def engine(settings: Settings) -> Engine:
    return Engine(
        name="kafka",
        command=lambda: _command(settings),
        check=lambda: _check(settings.kafka_port),
        prepare=lambda: _prepare(settings),
        ports={settings.kafka_port: "kafka_port", settings.kafka_controller_port: "kafka_controller_port"},
        memory_limit_mebibytes=1024,
    )


def _folder(settings: Settings) -> Path:
    return Home(settings.home).engine("kafka").resolve()


def _prepare(settings: Settings) -> None:
    folder = _folder(settings)
    text = templates.render(
        "kafka/server.properties",
        port=settings.kafka_port,
        controller_port=settings.kafka_controller_port,
        data=folder / "data",
    )
    properties = templates.write(folder / "server.properties", text)
    if (folder / "data" / "meta.properties").exists():
        return
    arguments = ("format", "-t", KAFKA_CLUSTER_ID, "-c", str(properties), "--ignore-formatted")
    result = subprocess.run(
        (*LAUNCHER, "-", *java.command("kafka", "kafka.tools.StorageTool", arguments, 128, QUIET)),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise StopError(
            "Kafka's data folder could not be made", result.stderr.strip()[-500:], "Mend that and start again"
        )


def _command(settings: Settings) -> Command:
    properties = _folder(settings) / "server.properties"
    return Command(java.command("kafka", "kafka.Kafka", (str(properties),), HEAP_MEBIBYTES, QUIET))


def _check(port: int) -> None:
    try:
        admin(f"127.0.0.1:{port}").list_topics(topic="__melpark_health", timeout=3)
    except KafkaException as error:
        raise UnhealthyError(error.args[0].str()) from None
