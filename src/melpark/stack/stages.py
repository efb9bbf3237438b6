"""How far each stage of the way has come, measured from outside: PostgreSQL, Kafka, the lake, the server.

The rows of `polls` are the clock: every stage carries them, so a stage is as far as the newest poll it holds.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from melpark import contracts, loopback, secrets
from melpark.places import DATABASE, LIVE_LATE_TOPIC, READER_ROLE, Home, topic
from melpark.processing import catalogue, lake
from melpark.processing.capture import status as capture
from melpark.processing.capture.status import CaptureStatus
from melpark.processing.kafka_admin import admin
from melpark.processing.tables import QUARANTINE
from melpark.settings import Settings
from melpark.stack.live_windows import NewestWindow, held, slot

T = TypeVar("T")
log = logging.getLogger(__name__)
NAMES = ("ingestion", "postgres", "kafka", "bronze", "silver", "gold", "serving")
# Beside them, where Flink is on.
LIVE = "live"
READ_SECONDS = 3.0
SETTLED_NANOSECONDS = 1_000_000_000
POLLS_TOPIC = topic("polls")
POLLS_SQL = """
    WITH counted AS (
        SELECT dataset, count(*) FILTER (WHERE outcome = 'accepted') AS accepted,
               count(*) FILTER (WHERE outcome = 'refused') AS refused,
               count(*) FILTER (WHERE outcome = 'failed') AS failed,
               coalesce(sum(rejected), 0)::bigint AS rejected, max(poll_id) AS newest,
               max(received_at) FILTER (WHERE outcome = 'accepted') AS accepted_at
        FROM parking.polls WHERE origin = 'live' GROUP BY dataset
    )
    SELECT dataset, accepted, counted.refused, failed, counted.rejected,
           newest, outcome, reason, started_at, accepted_at
    FROM counted JOIN parking.polls USING (dataset) WHERE poll_id = newest ORDER BY dataset
"""


@dataclass
class Stage:
    """Rows held, time of the newest event, seconds behind the stage before it; None when unknown.

    Times are the source's, but the log's own for kafka and bronze, which parse nothing. Kafka's rows are offsets,
    transaction markers among them.
    """

    rows: int | None = None
    last_event_at: datetime | None = None
    lag_seconds: float | None = None


@dataclass
class Polls:
    """What became of the live polls of one dataset, and of the newest of them; `last_accepted_at` by our clock."""

    accepted: int
    refused: int
    failed: int
    rejected_records: int
    last_poll_id: int
    last_outcome: str
    last_reason: str | None
    last_started_at: datetime
    last_accepted_at: datetime | None


@dataclass
class Measurement:
    """One look at all stages. `positions` are numbers of polls, comparable from stage to stage."""

    stages: dict[str, Stage] = field(default_factory=lambda: {name: Stage() for name in NAMES})
    positions: dict[str, int] = field(default_factory=dict)
    # By dataset.
    polls: dict[str, Polls] = field(default_factory=dict)
    # Change events that fitted no contract.
    quarantined: int | None = None
    # What Flink heard too late for its windows; None without Flink.
    live_late: int | None = None
    events_in_postgres: int | None = None
    source_age_seconds: float | None = None
    # Source time since any bay last changed.
    unchanged_seconds: float | None = None
    history_days: int = 0
    capture: CaptureStatus | None = None

    @property
    def is_drained(self) -> bool:
        """Everything that PostgreSQL holds has reached silver."""
        chain = [self.positions.get(name) for name in ("postgres", "kafka", "bronze", "silver")]
        return (
            None not in chain
            and len(set(chain)) == 1
            and self.events_in_postgres is not None
            # Old months are dropped from PostgreSQL alone.
            and self.events_in_postgres <= (self.stages["silver"].rows or 0)
        )

    @property
    def has_history_before_it(self) -> bool:
        """The lake has not come to the end of the seeded history yet; live polls wait behind it."""
        history, silver = (self.positions.get(name) for name in ("history", "silver"))
        return history is not None and (silver is None or silver < history)

    def document(self) -> dict[str, Any]:
        return {name: asdict(stage) for name, stage in self.stages.items()}


class LagClock:
    """Seconds since the stage before had what this stage still lacks."""

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque(maxlen=1000)

    def lag(self, now: datetime, upstream: int | None, own: int | None) -> float | None:
        """`upstream` and `own` are positions; None when one is unknown."""
        if upstream is not None and (not self._seen or upstream > self._seen[-1][1]):
            self._seen.append((now, upstream))
        if own is None or upstream is None:
            return None
        while self._seen and self._seen[0][1] <= own:
            self._seen.popleft()
        return (now - self._seen[0][0]).total_seconds() if self._seen and own < upstream else 0.0


class Reads:
    """What was read of the lake's tables, each read again only when something was committed to it."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, Any]] = {}

    def read(self, table: Path, what: str, look: Callable[[], T]) -> T:
        """What the look finds or found, by its name."""
        committed_at = catalogue.committed_at(table)
        held_at, value = self._held.get(what, (None, None))
        if committed_at is None or committed_at != held_at:
            value = look()
            # Two commits within one tick of the file system's clock look like one.
            if committed_at is not None and time.time_ns() - committed_at > SETTLED_NANOSECONDS:
                self._held[what] = committed_at, value
        return cast(T, value)


class Probe:
    """Keeps its connections between looks; a stage that does not answer is left unknown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = Home(settings.home.resolve())
        self._lags = {name: LagClock() for name in ("kafka", "bronze", "silver", "serving", LIVE)}
        self._newest_window = NewestWindow()
        self._lake = Reads()
        self._postgres: psycopg.Connection[tuple[Any, ...]] | None = None
        self._consumer: Consumer | None = None
        self._newest_in_kafka: tuple[int, tuple[int, datetime]] | None = None
        self._counted: tuple[int | None, int, datetime | None] | None = None
        self._polls: tuple[int | None, dict[str, Polls]] | None = None

    def measure(self) -> Measurement:
        """Look at every stage once. Never raises for a stage that is away."""
        found = Measurement()
        for look in (
            self._look_at_postgres,
            self._look_at_capture,
            self._look_at_kafka,
            self._look_at_lake,
            self._look_at_server,
            *([self._look_at_live] if self._settings.live else ()),
        ):
            try:
                look(found)
            except Exception as error:
                log.debug("%s: %r", look.__name__, error)
        self._set_lags(found)
        return found

    def close(self) -> None:
        if self._postgres is not None:
            self._postgres.close()
        if self._consumer is not None:
            self._consumer.close()

    def _look_at_postgres(self, found: Measurement) -> None:
        if self._postgres is None or self._postgres.closed:
            self._postgres = psycopg.connect(
                host=self._settings.postgres_host,
                port=self._settings.postgres_port,
                dbname=DATABASE,
                user=READER_ROLE,
                password=secrets.password(self._settings.home, READER_ROLE),
                connect_timeout=3,
                application_name="melpark-status",
                autocommit=True,
            )
        row = self._postgres.execute(
            """
            SELECT count(*), max(poll_id),
                   max(feed_updated_at) FILTER (WHERE outcome = 'accepted'),
                   max(observed_at) FILTER (WHERE outcome = 'accepted' AND dataset = %s),
                   extract(epoch FROM clock_timestamp() - max(received_at) FILTER (WHERE outcome = 'accepted')),
                   max(poll_id) FILTER (WHERE outcome = 'accepted' AND dataset = %s AND origin = 'live'),
                   max(started_at) FILTER (WHERE origin = 'seed') - min(started_at) FILTER (WHERE origin = 'seed'),
                   max(poll_id) FILTER (WHERE origin = 'seed')
            FROM parking.polls
            """,
            (contracts.SENSORS.dataset, contracts.SENSORS.dataset),
        ).fetchone()
        assert row is not None
        polls, newest, feed_updated_at, observed_at, since, newest_feed, seeded, newest_seed = row
        events, event_at = self._events(newest)
        lag = None if since is None else float(since)
        found.stages["ingestion"] = Stage(polls, feed_updated_at, lag)
        found.stages["postgres"] = Stage(events, event_at, None if newest is None else 0.0)
        found.events_in_postgres = events
        found.polls = self._polls_of_datasets(newest)
        found.history_days = seeded.days if seeded else 0
        if newest is not None:
            found.positions["postgres"] = newest
        if newest_feed is not None:
            found.positions["feed"] = newest_feed
        if newest_seed is not None:
            found.positions["history"] = newest_seed
        if feed_updated_at is not None and observed_at is not None and lag is not None:
            found.source_age_seconds = (observed_at - feed_updated_at).total_seconds() + lag
        if event_at is not None and observed_at is not None and lag is not None:
            found.unchanged_seconds = (observed_at - event_at).total_seconds() + lag

    def _look_at_capture(self, found: Measurement) -> None:
        if self._postgres is not None:
            found.capture = capture.look(self._postgres)

    def _events(self, newest_poll: int | None) -> tuple[int, datetime | None]:
        """Number and newest time of the events; counting years of them is for when a poll may have added some."""
        assert self._postgres is not None
        if self._counted is None or self._counted[0] != newest_poll:
            row = self._postgres.execute(
                "SELECT count(*), max(status_changed_at) FROM parking.sensor_events"
            ).fetchone()
            assert row is not None
            self._counted = newest_poll, row[0], row[1]
        return self._counted[1:]

    def _polls_of_datasets(self, newest_poll: int | None) -> dict[str, Polls]:
        assert self._postgres is not None
        if self._polls is None or self._polls[0] != newest_poll:
            rows = self._postgres.execute(POLLS_SQL).fetchall()
            self._polls = newest_poll, {dataset: Polls(*values) for dataset, *values in rows}
        return self._polls[1]

    def _look_at_kafka(self, found: Measurement) -> None:
        if self._consumer is None:
            self._consumer = Consumer(
                {
                    "bootstrap.servers": f"127.0.0.1:{self._settings.kafka_port}",
                    "group.id": "melpark-status",
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                    "enable.partition.eof": True,
                    "fetch.wait.max.ms": 100,
                    "log_level": 0,
                }
            )
        known = admin(self._settings.kafka_address).list_topics(timeout=3).topics
        rows = 0
        for table in contracts.CAPTURED:
            for partition in known[topic(table.name)].partitions if topic(table.name) in known else ():
                low, high = self._consumer.get_watermark_offsets(
                    TopicPartition(topic(table.name), partition), timeout=3
                )
                rows += high - low
        found.stages["kafka"].rows = rows
        if (newest := self._newest_poll()) is not None:
            found.positions["kafka"], found.stages["kafka"].last_event_at = newest

    def _newest_poll(self) -> tuple[int, datetime] | None:
        """Number and log time of the newest row of `polls`; transaction markers stand between the records."""
        assert self._consumer is not None
        low, high = self._consumer.get_watermark_offsets(TopicPartition(POLLS_TOPIC, 0), timeout=3)
        if high == low:
            return None
        if self._newest_in_kafka and self._newest_in_kafka[0] == high:
            return self._newest_in_kafka[1]
        start = max(low, high - 8)
        self._consumer.assign([TopicPartition(POLLS_TOPIC, 0, start if start > low else OFFSET_BEGINNING)])
        newest, is_whole = None, False
        try:
            while (message := self._consumer.poll(READ_SECONDS)) is not None:
                if error := message.error():
                    is_whole = error.code() == KafkaError._PARTITION_EOF and message.offset() >= high
                    break
                if message.value():
                    logged_at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
                    newest = int(orjson.loads(message.value())["after"]["poll_id"]), logged_at
        finally:
            # Assigned, it would go on fetching between two looks.
            self._consumer.unassign()
        # Else the end was not reached, or lies in a transaction that readers do not see yet: asked again.
        if newest and is_whole:
            self._newest_in_kafka = high, newest
        return newest

    def _look_at_lake(self, found: Measurement) -> None:
        home, stages, positions = self._home, found.stages, found.positions
        for name, table, column in (
            ("bronze", home.bronze, "kafka_at"),
            ("silver", home.silver("sensor_events"), "status_changed_at"),
            ("gold", home.gold / "fact_parking_sessions", "arrival_min_at"),
        ):
            stages[name].rows, stages[name].last_event_at = self._lake.read(
                table, f"{name} rows", partial(lake.rows_and_newest, table, column)
            )
        for name, table, newest_poll in (
            ("bronze", home.bronze, partial(lake.newest_poll_id_in_bronze, home)),
            ("silver", home.silver("polls"), partial(lake.newest_poll_id_in_silver, home)),
        ):
            if (position := self._lake.read(table, f"{name} poll", newest_poll)) is not None:
                positions[name] = position
        stages["gold"].lag_seconds = self._gold_lag()
        quarantine = home.silver(QUARANTINE.name)
        found.quarantined = self._lake.read(quarantine, "quarantine rows", partial(lake.rows, quarantine))

    def _gold_lag(self) -> float | None:
        """Seconds since gold was built, or 0 when silver has not changed since."""
        built = _last_commit(self._home.gold / "fact_parking_sessions")
        changed = _last_commit(self._home.silver("sensor_events"))
        if built is None or changed is None:
            return None
        return max(0.0, time.time() - built) if changed > built else 0.0

    def _look_at_server(self, found: Measurement) -> None:
        answer = loopback.client().get(loopback.url(self._settings.serve_port, "/api/v1/freshness"))
        answer.raise_for_status()
        body = answer.json()
        stage = found.stages["serving"]
        stage.rows = body["bays"]
        stage.last_event_at = _time(body["feed_updated_at"])
        if body.get("poll_id") is not None:
            found.positions["serving"] = body["poll_id"]

    def _look_at_live(self, found: Measurement) -> None:
        """Windows are as far as their newest one; those that are due end where the feed, less its lag, has come."""
        stage = found.stages[LIVE] = Stage()
        if self._consumer is None:
            return
        stage.rows, stage.last_event_at = self._newest_window.look(self._consumer)
        found.live_late = held(self._consumer, LIVE_LATE_TOPIC)
        if stage.last_event_at is not None:
            found.positions[LIVE] = slot(stage.last_event_at)
        if (feed := found.stages["ingestion"].last_event_at) is not None:
            found.positions["windows due"] = slot(feed - timedelta(seconds=self._settings.feed_lag_seconds))

    def _set_lags(self, found: Measurement) -> None:
        now = datetime.now(UTC)
        for name, before in (
            *([(LIVE, "windows due")] if LIVE in found.stages else ()),
            ("kafka", "postgres"),
            ("bronze", "kafka"),
            ("silver", "bronze"),
            # The server shows live polls of the sensors only.
            ("serving", "feed"),
        ):
            lag = self._lags[name].lag(now, found.positions.get(before), found.positions.get(name))
            found.stages[name].lag_seconds = lag


def _last_commit(table: Path) -> float | None:
    """When a Delta table was last written to, in seconds since 1970; None when it never was."""
    return max((file.stat().st_mtime for file in (table / "_delta_log").glob("*.json")), default=None)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
