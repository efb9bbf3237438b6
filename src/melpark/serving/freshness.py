"""How old what we show is: the source's age and the pipeline's age, told apart."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from melpark.serving.bays import Poll
from melpark.settings import Settings


@dataclass(frozen=True)
class Freshness:
    """Times in UTC, ages in seconds; null before the first accepted poll.

    `as_of` is now by the source's clock. `pipeline_age_seconds` runs by our clock since the newest poll was
    received: it grows when poller, PostgreSQL, Debezium or Kafka stand still, and at the end of a replay.
    `unchanged_seconds` is source time since any bay last changed: a feed may freeze though its stamps are fresh.
    """

    as_of: datetime | None
    source_kind: str
    is_simulated: bool
    observed_at: datetime | None
    feed_updated_at: datetime | None
    source_age_seconds: float | None
    pipeline_age_seconds: float | None
    is_stale: bool
    unchanged_seconds: float | None
    is_frozen: bool
    bays: int
    last_commit_at: datetime | None
    poll_id: int | None = None


def source_now(poll: Poll, settings: Settings, now: datetime) -> datetime:
    """Source time at our clock's `now`: it runs on from the newest poll for at most one poll interval."""
    since = max(now - poll.received_at, timedelta(0))
    interval = timedelta(seconds=settings.poll_interval_seconds)
    # Compared before multiplying: a year at 100,000 times speed would not fit a timedelta.
    elapsed = settings.effective_speed * min(since, interval / max(settings.effective_speed, 1e-6))
    return poll.observed_at + min(elapsed, interval)


def freshness(
    poll: Poll | None,
    settings: Settings,
    now: datetime,
    bays: int,
    last_commit_at: datetime | None,
    changed_at: datetime | None = None,
) -> Freshness:
    """What to tell about age at our clock's `now`; `changed_at` is the newest change of any bay."""
    as_of = source_now(poll, settings, now) if poll else None
    updated_at = (poll.feed_updated_at or poll.observed_at) if poll else None
    source_age = as_of - updated_at if as_of and updated_at else None
    pipeline_age = max(now - poll.received_at, timedelta(0)) if poll else None
    unchanged = as_of - changed_at if as_of and changed_at else None
    return Freshness(
        as_of=as_of,
        source_kind=settings.source,
        is_simulated=settings.source == "simulator",
        observed_at=poll.observed_at if poll else None,
        feed_updated_at=poll.feed_updated_at if poll else None,
        source_age_seconds=_seconds(source_age),
        pipeline_age_seconds=_seconds(pipeline_age),
        is_stale=any(age is None or age > settings.offline_after for age in (source_age, pipeline_age)),
        unchanged_seconds=_seconds(unchanged),
        is_frozen=is_frozen(_seconds(unchanged), settings),
        bays=bays,
        last_commit_at=last_commit_at,
        poll_id=poll.poll_id if poll else None,
    )


def is_frozen(unchanged_seconds: float | None, settings: Settings) -> bool:
    """No bay has changed for long. Fresh stamps do not tell: it has lasted 4.3 days with a `lastupdated` of minutes.

    A replay ends, and stands still with good reason.
    """
    if unchanged_seconds is None or settings.source == "replay":
        return False
    return unchanged_seconds > settings.frozen_after_seconds


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 3)
