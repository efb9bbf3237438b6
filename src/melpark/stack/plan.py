"""The whole stack in one list: what starts, and what it needs first."""

import logging

from melpark.ingestion import bootstrap
from melpark.ingestion.migrate import migrate
from melpark.places import Home
from melpark.processing import catalogue, setup_debezium
from melpark.processing.capture import guard
from melpark.processing.spark_session import connect as connect_spark
from melpark.settings import Settings
from melpark.stack import airflow, connect, flink, kafka, postgres, spark, workers
from melpark.stack.declaration import Node, Step

log = logging.getLogger(__name__)


def nodes(settings: Settings, is_scheduled: bool = True) -> tuple[Node, ...]:
    """Engines and steps of the stack for these settings; without the scheduler when somebody else builds gold."""
    city = () if settings.source == "portal" else (workers.source(settings),)
    live = (flink.job_manager(settings), flink.task_manager(settings), workers.live(settings))
    poller: tuple[Node, ...] = (workers.poller(settings),)
    scheduler: tuple[Node, ...] = (workers.scheduler(settings),) if is_scheduled else ()
    if settings.scheduled_by == "airflow":
        # It polls, too: nothing may run twice.
        poller, scheduler = (), airflow.nodes(settings)
    alerts = (workers.alerts(settings),) if settings.alert_webhook_url else ()
    return (
        postgres.engine(settings),
        kafka.engine(settings),
        spark.engine(settings),
        *city,
        Step("migrate", lambda: _migrate(settings), needs=("postgres",)),
        Step("topics", lambda: _make_topics(settings), needs=("kafka", "migrate")),
        connect.engine(settings),
        Step("connector", lambda: _register(settings), needs=("connect", "migrate", "topics")),
        Step("catalogue", lambda: _register_tables(settings), needs=("spark",)),
        *poller,
        workers.streams(settings),
        *(live if settings.live else ()),
        *scheduler,
        workers.server(settings),
        *alerts,
    )


def _migrate(settings: Settings) -> None:
    bootstrap.create_roles_and_database(settings)
    migrate(settings)


def _make_topics(settings: Settings) -> None:
    guard.make_topics(settings)


def _register(settings: Settings) -> None:
    done = setup_debezium.register(settings)
    log.log(logging.WARNING if done.startswith("corrected") else logging.INFO, "Connector %s", done)


def _register_tables(settings: Settings) -> None:
    session = connect_spark(settings, wait_seconds=30)
    try:
        catalogue.register(session, Home(settings.home.resolve()))
    finally:
        session.stop()
