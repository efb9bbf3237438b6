"""The stream driver: bronze and silver in one Spark Connect session that lives as long as this process.

A query ends with its session, so the driver keeps asking after it. Killed, it leaves its queries running in
the server; the next driver starts them anew on the same checkpoints, and Spark stops the old ones for it. One
driver per layer: a second one is refused.
"""

import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from melpark.contracts import CAPTURED
from melpark.errors import ConfigurationError, RetryableError, StopError
from melpark.locks import only_one
from melpark.places import Home, topic
from melpark.processing import catalogue, kafka_log, lake, merging, silver, spark_loader
from melpark.processing.bronze_position import Unread
from melpark.processing.polls_taken_in import PollsTakenIn
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
LOOKS_PER_ASKING_OF_KAFKA = 10
START_ATTEMPTS = 6
LOCK_SECONDS = 60.0


def run(
    settings: Settings, layers: frozenset[str] = LAYERS, available_now: bool = False
) -> Mapping[str, int]:
    """Run the streams until SIGTERM or SIGINT, or, with `available_now`, until all there is was taken.

    Returns the number of rows of each table of the layers. Raises RetryableError when Spark or Kafka is away
    or goes away, StopError when a query fails, or a signal ends it before all was taken: either way this process
    ends, to be started again.
    """
    if not layers or not layers <= LAYERS:
        raise ConfigurationError("No such layer", ", ".join(sorted(layers - LAYERS)) or "none was named")
    home = Home(settings.home.resolve())
    with ExitStack() as stack:
        stop = stack.enter_context(_stop_on_signals())
        for layer in sorted(layers):
            stack.enter_context(_only_driver(home, layer))
        spark = connect(settings, WAIT_SECONDS)
        try:
            if "bronze" in layers:
                _wait_for_topics(settings, stop)
            together = [[layer] for layer in sorted(layers)] if available_now else [sorted(layers)]
            for some in together:
                _run_some(spark, settings, some, available_now, stop)
            if available_now and stop.is_set():
                raise StopError(
                    "The streams were ended before all was taken",
                    "by a signal",
                    "Run again: they go on from their checkpoints",
                )
        except PySparkException as error:
            raise _given_up(settings, error) from error
        finally:
            _close(spark, settings)
    return counts(home, layers)


def rebuild_silver(settings: Settings) -> bool:
    """Make silver anew from bronze; quarantine keeps what it holds. True when a running driver does it.

    Otherwise it is done when this returns. Raises as `run` does.
    """
    home = Home(settings.home.resolve())
    _rebuild_wish(home).parent.mkdir(parents=True, exist_ok=True)
    _rebuild_wish(home).touch()
    try:
        with _only_driver(home, "silver"):
            pass
    except StopError:
        return True
    run(settings, frozenset({"silver"}), available_now=True)
    return False


def accept_gap(settings: Settings) -> list[Unread]:
    """Let bronze go on from what Kafka holds and write down what is lost. Returns the gaps.

    Raises StopError while a driver runs bronze: it has met no gap.
    """
    home = Home(settings.home.resolve())
    with _only_driver(home, "bronze", LOCK_SECONDS):
        spark = connect(settings, WAIT_SECONDS)
        try:
            catalogue.create(home)
            return spark_loader.accept_gaps(spark, settings)
        except PySparkException as error:
            raise _given_up(settings, error) from error
        finally:
            _close(spark, settings)


def is_run_by_another(settings: Settings, layers: frozenset[str] = LAYERS) -> bool:
    """Whether a driver runs any of the layers on this home."""
    home = Home(settings.home.resolve())
    try:
        with ExitStack() as stack:
            for layer in sorted(layers):
                stack.enter_context(_only_driver(home, layer))
    except StopError:
        return True
    return False


def counts(home: Home, layers: frozenset[str] = LAYERS) -> dict[str, int]:
    """Rows of each table of the layers, named `layer.table`."""
    tables = [BRONZE, *(table.lake for table in SILVER), QUARANTINE]
    return {
        f"{table.database}.{table.name}": lake.rows(catalogue.path_of(home, table))
        for table in tables
        if table.database in layers
    }


def _run_some(
    spark: "SparkSession", settings: Settings, layers: list[str], available_now: bool, stop: threading.Event
) -> None:
    home = Home(settings.home.resolve())
    is_asked_again = True
    while is_asked_again and not stop.is_set():
        _make_tables(settings, home, layers)
        queries = [_start(spark, settings, layer, available_now) for layer in layers]
        with _said_to_be_ready(home):
            is_asked_again = _watch(settings, queries, stop)


def _make_tables(settings: Settings, home: Home, layers: list[str]) -> None:
    _forget_progress_of_lost_tables(home)
    gained = catalogue.create(home)
    if any(table.lake in gained for table in SILVER):
        log.warning("Tables of silver gained columns: silver is made anew from bronze")
        _rebuild_wish(home).parent.mkdir(parents=True, exist_ok=True)
        _rebuild_wish(home).touch()
    if "silver" in layers and _rebuild_wish(home).exists():
        with silver.tables_stay(home), silver.only_writer(home):
            shutil.rmtree(silver.checkpoint(home), ignore_errors=True)
            for table in SILVER:
                shutil.rmtree(home.silver(table.lake.name), ignore_errors=True)
            catalogue.create(home)
            if silver.checkpoint(home).exists():
                raise RetryableError(
                    "Silver cannot be made anew yet",
                    "a query that was stopped still writes its progress",
                    "It is tried again when the streams are started again",
                )
        # Last: killed before, it is done again.
        _rebuild_wish(home).unlink(missing_ok=True)
        log.info("Silver is made anew from bronze")
    merging.again_when_overtaken(partial(catalogue.set_retention, home, settings))


def _rebuild_wish(home: Home) -> Path:
    return home.checkpoints / "rebuild_silver"


def _only_driver(home: Home, layer: str, wait_seconds: float = 0) -> AbstractContextManager[None]:
    refusal = StopError(
        f"Another process runs the stream {layer} of this home",
        "there is one driver for each layer",
        "Stop it first, or let it run",
    )
    return only_one(home.run / f"stream-{layer}.lock", refusal, wait_seconds)


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


def _watch(settings: Settings, queries: list["StreamingQuery"], stop: threading.Event) -> bool:
    """Return when every query has ended by itself or all were stopped, by `stop` or to rebuild silver: then True."""
    home = Home(settings.home.resolve())
    looks = 0
    taken_in = PollsTakenIn(home, [query.name for query in queries])
    while [query for query in queries if _is_running(query)]:
        looks += 1
        is_wished = _rebuild_wish(home).exists() and any(query.name == "silver" for query in queries)
        if stop.wait(LOOK_SECONDS) or is_wished:
            for query in queries:
                query.stop()
            return is_wished
        if not answers(settings):
            raise not_answering(settings, "it went away while the streams ran")
        if looks % LOOKS_PER_ASKING_OF_KAFKA == 0:
            taken_in.tell()
            if any(query.name == "bronze" for query in queries):
                _require_same_topics(settings, home)
    taken_in.tell()
    return False


def _require_same_topics(settings: Settings, home: Home) -> None:
    """Raises StopError when a topic was made anew: its offsets begin again, and Spark may take them for others."""
    try:
        changed = spark_loader.made_anew(settings, home)
    except RetryableError as error:
        log.warning("%s", error)
        return
    if changed:
        raise StopError(
            "A topic was deleted and made anew", ", ".join(changed), "The next start says what is lost"
        )


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
        missing = wanted - set(kafka_log.topics(settings, WAIT_SECONDS))
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
