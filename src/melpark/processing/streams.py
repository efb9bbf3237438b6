"""The stream driver: bronze and silver in one Spark Connect session that lives as long as this process.

A query ends with its session, so the driver keeps asking after it. Killed, it leaves its queries running in
the server; the next driver starts them anew on the same checkpoints, and Spark stops the old ones for it.
"""

import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from melpark.contracts import CAPTURED
from melpark.errors import ConfigurationError, RetryableError, StopError
from melpark.places import Home, topic
from melpark.processing import catalogue, lake, silver, spark_loader
from melpark.processing.spark_session import answers, connect, first_line, not_answering
from melpark.processing.tables import BRONZE, QUARANTINE, SILVER
from melpark.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = logging.getLogger(__name__)

LAYERS = frozenset({"bronze", "silver"})
WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.5
START_ATTEMPTS = 3


def run(
    settings: Settings, layers: frozenset[str] = LAYERS, available_now: bool = False
) -> Mapping[str, int]:
    """Run the streams until SIGTERM or SIGINT, or, with `available_now`, until all there is was taken.

    Returns the number of rows of each table of the layers. Raises RetryableError when Spark or Kafka is away
    or goes away, StopError when a query fails: either way this process ends, to be started again.
    """
    if not layers or not layers <= LAYERS:
        raise ConfigurationError("No such layer", ", ".join(sorted(layers - LAYERS)) or "none was named")
    home = Home(settings.home.resolve())
    with _stop_on_signals() as stop:
        spark = connect(settings, WAIT_SECONDS)
        try:
            if "bronze" in layers:
                _wait_for_topics(settings, stop)
            _forget_progress_of_lost_tables(home)
            catalogue.create(home)
            together = [[layer] for layer in sorted(layers)] if available_now else [sorted(layers)]
            for some in together:
                if not stop.is_set():
                    queries = [_start(spark, settings, layer, available_now) for layer in some]
                    with _said_to_be_ready(home):
                        _watch(settings, queries, stop)
        except PySparkException as error:
            raise _given_up(settings, error) from error
        finally:
            _close(spark, settings)
    return counts(home, layers)


def counts(home: Home, layers: frozenset[str] = LAYERS) -> dict[str, int]:
    """Rows of each table of the layers, named `layer.table`."""
    tables = [BRONZE, *(table.lake for table in SILVER), QUARANTINE]
    return {
        f"{table.database}.{table.name}": lake.rows(catalogue.path_of(home, table))
        for table in tables
        if table.database in layers
    }


@contextmanager
def _said_to_be_ready(home: Home) -> Iterator[None]:
    home.run.mkdir(parents=True, exist_ok=True)
    home.streams_ready.touch()
    try:
        yield
    finally:
        home.streams_ready.unlink(missing_ok=True)


def _start(spark: "SparkSession", settings: Settings, layer: str, available_now: bool) -> "StreamingQuery":
    starts = {"bronze": spark_loader.start, "silver": silver.start}
    for attempts_left in reversed(range(START_ATTEMPTS)):
        try:
            query = starts[layer](spark, settings, available_now)
            log.info("Stream %s runs", layer)
            return query
        except PySparkException as error:
            # The server gives its Python worker ten seconds to start, which a busy machine may miss.
            if not attempts_left or not answers(settings):
                raise
            log.warning("Stream %s did not start, trying again: %s", layer, first_line(error))
    raise AssertionError("unreachable")


def _given_up(settings: Settings, error: PySparkException) -> RetryableError:
    if not answers(settings):
        return not_answering(settings, first_line(error))
    return RetryableError(
        "The streams could not go on", first_line(error), "They go on from their checkpoints when restarted"
    )


def _watch(settings: Settings, queries: list["StreamingQuery"], stop: threading.Event) -> None:
    """Return when every query has ended by itself or `stop` is set and all were stopped."""
    while [query for query in queries if _is_running(query)]:
        if stop.wait(LOOK_SECONDS):
            for query in queries:
                query.stop()
            return
        if not answers(settings):
            raise not_answering(settings, "it went away while the streams ran")


def _is_running(query: "StreamingQuery") -> bool:
    if query.isActive:
        return True
    failure = query.exception()
    if failure is not None:
        raise StopError(
            f"Stream {query.name} failed",
            first_line(failure),
            "It goes on from its checkpoint when restarted",
        )
    return False


def _close(spark: "SparkSession", settings: Settings) -> None:
    if not answers(settings):
        return
    try:
        for query in spark.streams.active:
            query.stop()
        spark.stop()
    except PySparkException as error:
        log.warning("Closing the session: %s", first_line(error))


def _forget_progress_of_lost_tables(home: Home) -> None:
    """A checkpoint that is ahead of a table that was deleted would leave the table empty for ever."""
    is_bronze_lost = not catalogue.is_on_disk(home, BRONZE)
    is_silver_lost = any(not catalogue.is_on_disk(home, table.lake) for table in SILVER)
    if is_bronze_lost:
        shutil.rmtree(spark_loader.checkpoint(home), ignore_errors=True)
    if is_bronze_lost or is_silver_lost:
        shutil.rmtree(silver.checkpoint(home), ignore_errors=True)


def _wait_for_topics(settings: Settings, stop: threading.Event) -> None:
    wanted = {topic(table.name) for table in CAPTURED}
    deadline = time.monotonic() + WAIT_SECONDS
    while not stop.is_set():
        missing = wanted - set(spark_loader.topics(settings, WAIT_SECONDS))
        if not missing:
            return
        if time.monotonic() > deadline:
            raise RetryableError(
                "Kafka lacks topics",
                ", ".join(sorted(missing)),
                "`melpark cdc register` makes them",
            )
        stop.wait(LOOK_SECONDS)


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
