"""Source age and pipeline age mean what the semantics say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melpark.serving.bays import Poll
from melpark.serving.freshness import freshness, source_now
from melpark.settings import Settings

OBSERVED = datetime(2025, 8, 7, 1, 11, 39, tzinfo=UTC)
RECEIVED = datetime(2026, 1, 1, tzinfo=UTC)
POLL = Poll(OBSERVED, OBSERVED - timedelta(seconds=34), RECEIVED)


def replay(speed: float) -> Settings:
    return Settings(source="replay", capture_dir=Path(), speed=speed)


@pytest.mark.parametrize(
    ("speed", "seconds_since", "expected"),
    [
        (1, 0, 0),
        (1, 50, 50),
        (1, 120, 120),
        (1, 3600, 120),
        (60, 1, 60),
        (60, 2, 120),
        (60, 30, 120),
        (0, 3600, 0),
        (1, -5, 0),
    ],
)
def test_source_time_runs_at_speed_for_at_most_one_poll_interval(
    speed: float, seconds_since: float, expected: float
) -> None:
    settings = replay(speed)
    now = source_now(POLL, settings, RECEIVED + timedelta(seconds=seconds_since))
    assert now - OBSERVED == timedelta(seconds=expected)


@given(
    speed=st.floats(0, 100_000),
    seconds=st.floats(-1e9, 1e10),
)
def test_source_time_never_runs_before_the_poll_or_past_the_next(speed: float, seconds: float) -> None:
    settings = replay(speed)
    now = source_now(POLL, settings, RECEIVED + timedelta(seconds=seconds))
    assert OBSERVED <= now <= OBSERVED + timedelta(seconds=settings.poll_interval_seconds)


def test_the_two_ages_are_told_apart() -> None:
    now = RECEIVED + timedelta(seconds=100)
    told = freshness(POLL, Settings(), now, bays=3, last_commit_at=None)
    assert told.source_age_seconds == 134
    assert told.pipeline_age_seconds == 100
    assert not told.is_stale


def test_a_silent_poller_makes_it_stale_though_the_source_clock_stands() -> None:
    told = freshness(POLL, Settings(), RECEIVED + timedelta(seconds=901), bays=3, last_commit_at=None)
    assert told.source_age_seconds == 154
    assert told.is_stale


def test_a_feed_that_stands_still_makes_it_stale_though_polls_arrive() -> None:
    stalled = Poll(OBSERVED, OBSERVED - timedelta(seconds=901), RECEIVED)
    told = freshness(stalled, Settings(), RECEIVED, bays=3, last_commit_at=None)
    assert told.pipeline_age_seconds == 0
    assert told.is_stale


def test_before_the_first_poll_nothing_is_known_and_nothing_is_called_fresh() -> None:
    told = freshness(None, Settings(), RECEIVED, bays=0, last_commit_at=None)
    assert (told.as_of, told.source_age_seconds, told.pipeline_age_seconds) == (None, None, None)
    assert told.is_stale
    assert told.is_simulated


@pytest.mark.parametrize(
    ("hours", "is_frozen"), [(0.5, False), (1.99, False), (2.01, True), (24 * 4.3, True)]
)
def test_a_feed_in_which_no_bay_changes_is_frozen_however_fresh_its_stamps(
    hours: float, is_frozen: bool
) -> None:
    changed_at = OBSERVED - timedelta(hours=hours)
    told = freshness(POLL, Settings(), RECEIVED, bays=3, last_commit_at=None, changed_at=changed_at)
    assert told.unchanged_seconds == pytest.approx(hours * 3600)
    assert (told.is_frozen, told.is_stale) == (is_frozen, False)
