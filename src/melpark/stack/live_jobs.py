"""`melpark live`: Flink's jobs are submitted through an SQL gateway that runs only as long as that takes."""

import logging
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from melpark import loopback
from melpark.errors import MelParkError, RetryableError, StopError
from melpark.launch import LAUNCHER
from melpark.locks import only_one
from melpark.places import Home
from melpark.processing import schedule
from melpark.processing.live import deployment
from melpark.processing.live.cluster import Cluster
from melpark.processing.live.jobs import jobs
from melpark.settings import Settings
from melpark.stack import flink

log = logging.getLogger(__name__)
START_SECONDS = 90.0
STOP_SECONDS = 5.0
LOOK_EVERY_SECONDS = 3.0
TRY_AGAIN_SECONDS = 5.0
# Another `melpark live deploy` may be at it.
WAIT_SECONDS = 300.0
# A fresh home's first build of gold is there after some four minutes in which both cores are busy (docs/benchmarks.md).
FIRST_GOLD_SECONDS = 600.0


def deploy(settings: Settings, say: deployment.Say, is_forced: bool = False) -> list[str]:
    """Let every job run, as `melpark.processing.live.deployment.deploy` says."""
    refusal = StopError("Another process deploys", str(settings.home), "Wait for its end")
    home = Home(settings.home.resolve())
    with only_one(home.run / "live.lock", refusal, WAIT_SECONDS), _gateway(settings) as url:
        return deployment.deploy(settings, url, say, is_forced)


def keep(settings: Settings) -> None:
    """Look after the jobs for ever: submit those that are lost. What fails is tried again."""
    ready = Home(settings.home.resolve()).live_ready
    began = time.monotonic()
    while gives_way(settings, time.monotonic() - began):
        # Meant so: the stack is whole meanwhile.
        ready.touch()
        time.sleep(LOOK_EVERY_SECONDS)
    while True:
        try:
            is_whole = _look(settings)
        except MelParkError as error:
            is_whole = False
            log.warning("%s", error)
            time.sleep(TRY_AGAIN_SECONDS)
        if is_whole:
            ready.touch()
        else:
            ready.unlink(missing_ok=True)
        time.sleep(LOOK_EVERY_SECONDS)


def gives_way(settings: Settings, waited_seconds: float) -> bool:
    """Whether the jobs are not submitted yet, for a fresh home's newest week goes through the lake first.

    Reading every bay for the first time costs them two minutes of a core.
    """
    return (
        settings.gold_interval_seconds > 0
        and waited_seconds < FIRST_GOLD_SECONDS
        and schedule.is_filled_in(settings)
    )


def _look(settings: Settings) -> bool:
    """Whether every job runs, after those that do not were submitted."""
    cluster = Cluster(settings.flink_port)
    if not cluster.has_room():
        return False
    if deployment.missing(cluster.running()):
        deploy(settings, log.info)
    running = {job.title for job in cluster.running() if job.state == "RUNNING"}
    return all(job.title in running for job in jobs())


@contextmanager
def _gateway(settings: Settings) -> Iterator[str]:
    """The address of a gateway that runs meanwhile; its words go to logs/gateway.log."""
    home = Home(settings.home.resolve())
    home.logs.mkdir(parents=True, exist_ok=True)
    command = flink.gateway_command(settings)
    with (home.logs / "gateway.log").open("w") as output:
        process = subprocess.Popen(
            (*LAUNCHER, "-", *command.arguments),
            env=os.environ | command.environment,
            cwd=command.directory,
            stdout=output,
            stderr=output,
        )
    try:
        yield _wait(settings, process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(settings: Settings, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            loopback.client().get(loopback.url(settings.flink_gateway_port, "/v1/info")).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return loopback.url(settings.flink_gateway_port, "")
    why = f"exit status {process.returncode}" if process.returncode is not None else "it does not answer"
    raise RetryableError("Flink's SQL gateway did not start", why, "See `melpark logs gateway`")
