"""Flink: the job manager and the task manager of one session cluster, and the SQL gateway while jobs are deployed."""

from collections.abc import Iterable
from pathlib import Path

import httpx

from melpark import loopback
from melpark.places import Home
from melpark.settings import Settings
from melpark.stack import java, templates
from melpark.stack.declaration import Command, Engine, UnhealthyError
from melpark.stack.kafka import QUIET

JOB_MANAGER_HEAP_MEBIBYTES = 192
GATEWAY_HEAP_MEBIBYTES = 512
# What they hold is in checkpoints.
STOP_SECONDS = 1.0
# Of the task manager, in MiB. Without Flink's own scripts every part must be given. What is known of 3,309 bays takes
# about 250 of the heap, and windows of four hours 100 more; with 384 in all it did nothing but collect garbage.
TASK_HEAP, FRAMEWORK_HEAP, METASPACE = 704, 64, 160
TASK_MANAGER_LIMIT = 1280
MEMORY = {
    "cpu.cores": "1",
    "memory.task.heap.size": f"{TASK_HEAP}m",
    "memory.task.off-heap.size": "0m",
    "memory.framework.heap.size": f"{FRAMEWORK_HEAP}m",
    "memory.framework.off-heap.size": "64m",
    # Each of the jobs' many small channels holds some; too few bring them to a stand.
    "memory.network.min": "64m",
    "memory.network.max": "64m",
    "memory.segment-size": "16kb",
    "memory.managed.size": "0m",
    "memory.jvm-metaspace.size": f"{METASPACE}m",
    "memory.jvm-overhead.min": "64m",
    "memory.jvm-overhead.max": "64m",
}
# What Flink's own scripts open.
OPENS = (
    "java.lang",
    "java.net",
    "java.io",
    "java.nio",
    "java.util",
    "java.time",
    "java.text",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
    "java.lang.reflect",
    "java.lang.invoke",
    "sun.net.util",
    "sun.nio.ch",
)


def job_manager(settings: Settings) -> Engine:
    return Engine(
        name="jobmanager",
        command=lambda: _job_manager(settings),
        check=lambda: _check(settings),
        prepare=lambda: prepare(settings),
        ports={settings.flink_port: "flink_port", settings.flink_rpc_port: "flink_rpc_port"},
        memory_limit_mebibytes=640,
        stop_seconds=STOP_SECONDS,
    )


def task_manager(settings: Settings) -> Engine:
    return Engine(
        name="taskmanager",
        command=lambda: _task_manager(settings),
        check=lambda: _check_tasks(settings),
        needs=("jobmanager",),
        memory_limit_mebibytes=TASK_MANAGER_LIMIT,
        stop_seconds=STOP_SECONDS,
    )


def gateway_command(settings: Settings) -> Command:
    """The SQL gateway, by which jobs are deployed; it need not run otherwise."""
    bind = (
        "-Dsql-gateway.endpoint.rest.address=127.0.0.1",
        "-Dsql-gateway.endpoint.rest.bind-address=127.0.0.1",
        f"-Dsql-gateway.endpoint.rest.port={settings.flink_gateway_port}",
        f"-Dsql-gateway.endpoint.rest.bind-port={settings.flink_gateway_port}",
    )
    return _java(settings, "org.apache.flink.table.gateway.SqlGateway", bind, GATEWAY_HEAP_MEBIBYTES)


def prepare(settings: Settings) -> None:
    folder = _folder(settings)
    for name in ("tmp", "checkpoints", "savepoints"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    text = templates.render(
        "flink/config.yaml",
        rpc_port=settings.flink_rpc_port,
        rest_port=settings.flink_port,
        tmp=folder / "tmp",
        state=folder,
    )
    templates.write(folder / "config.yaml", text)


def _folder(settings: Settings) -> Path:
    return Home(settings.home).engine("flink").resolve()


def _job_manager(settings: Settings) -> Command:
    return _java(
        settings,
        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
        ("--configDir", str(_folder(settings))),
        JOB_MANAGER_HEAP_MEBIBYTES,
    )


def _task_manager(settings: Settings) -> Command:
    memory = (part for name, value in MEMORY.items() for part in ("-D", f"taskmanager.{name}={value}"))
    return _java(
        settings,
        "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
        ("--configDir", str(_folder(settings)), *memory),
        TASK_HEAP + FRAMEWORK_HEAP,
        (f"-XX:MaxMetaspaceSize={METASPACE}m",),
        is_optimised=True,
    )


def _java(
    settings: Settings,
    main: str,
    arguments: Iterable[str],
    heap_mebibytes: int,
    options: Iterable[str] = (),
    is_optimised: bool = False,
) -> Command:
    folder = _folder(settings)
    return Command(
        java.command(
            "flink",
            main,
            arguments,
            heap_mebibytes,
            (*QUIET, *java.opens(OPENS), *options),
            is_optimised=is_optimised,
        ),
        {"FLINK_CONF_DIR": str(folder)},
        directory=folder,
    )


def _overview(settings: Settings) -> dict[str, object]:
    try:
        answer = loopback.client().get(loopback.url(settings.flink_port, "/overview"))
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UnhealthyError(str(error) or type(error).__name__) from None
    return found


def _check(settings: Settings) -> None:
    _overview(settings)


def _check_tasks(settings: Settings) -> None:
    """The job manager knows it: only then can it run jobs."""
    if not _overview(settings)["taskmanagers"]:
        raise UnhealthyError("the job manager has not met it yet")
