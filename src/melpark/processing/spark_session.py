"""A Spark Connect session on the one server of the home."""

import re
import socket
import time

from pyspark.errors import PySparkException
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession

from melpark.errors import RetryableError
from melpark.settings import Settings

RPC_DETAILS = re.compile(r'details = "([^"]+)"')
PYTHON_ERROR = re.compile(r"[A-Za-z_.]*(Error|Exception): ")


def connect(settings: Settings, wait_seconds: float = 60) -> SparkSession:
    """A new session of its own. Raises RetryableError when the server does not answer in time."""
    deadline = time.monotonic() + wait_seconds
    while not answers(settings):
        if time.monotonic() >= deadline:
            raise not_answering(settings, f"nothing listened for {wait_seconds:.0f} s")
        time.sleep(0.2)
    try:
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{settings.spark_port}").create()
        give_up_soon(session)
        session.conf.set("spark.sql.session.timeZone", "UTC")
    except (PySparkException, OSError) as error:
        raise not_answering(settings, first_line(error)) from error
    return session


def give_up_soon(session: SparkSession) -> None:
    """Let calls to a server that is gone fail within seconds.

    The default keeps on for ten minutes; whoever started this process restarts it sooner, and a worker of a server
    that was killed shall not wait for it.
    """
    session.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=2000)])


def answers(settings: Settings) -> bool:
    """True when something listens on the server's port."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", settings.spark_port)) == 0


def not_answering(settings: Settings, why: str) -> RetryableError:
    """The error of a server that is away, started anew or not up yet."""
    return RetryableError(
        f"Spark does not answer on 127.0.0.1:{settings.spark_port}",
        why,
        "See `melpark logs spark`; `melpark up` starts it",
    )


def first_line(error: BaseException) -> str:
    """What an engine's message says in one line; the rest is its stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # gRPC says what happened in a field of its own.
    details = RPC_DETAILS.search(str(error))
    if details:
        return details[1]
    # An error of foreachBatch holds Python's traceback, whose last line says what happened.
    raised = [line for line in lines if PYTHON_ERROR.match(line)]
    return raised[-1] if raised else lines[0] if lines else type(error).__name__
