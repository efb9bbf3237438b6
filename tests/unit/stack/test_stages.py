"""Laws of the lag of a stage and of when everything has gone the whole way."""

from datetime import UTC, datetime, timedelta

import pytest

from melpark.stack.stages import LagClock, Measurement, Stage

START = datetime(2025, 8, 5, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_stage_that_has_what_the_one_before_has_does_not_lag() -> None:
    clock = LagClock()
    assert clock.lag(after(0), 5, 5) == 0
    assert clock.lag(after(60), 5, 5) == 0


def test_the_lag_counts_from_when_the_stage_before_first_had_what_is_missing() -> None:
    clock = LagClock()
    clock.lag(after(0), 1, 1)
    assert clock.lag(after(10), 2, 1) == 0
    assert clock.lag(after(25), 3, 1) == 15
    assert clock.lag(after(30), 3, 2) == 5
    assert clock.lag(after(40), 3, 3) == 0


def test_a_stage_that_caught_up_and_falls_back_again_lags_from_then_on() -> None:
    clock = LagClock()
    clock.lag(after(0), 1, 0)
    assert clock.lag(after(100), 1, 1) == 0
    assert clock.lag(after(200), 2, 1) == 0
    assert clock.lag(after(203), 2, 1) == 3


@pytest.mark.parametrize(("upstream", "own"), [(None, 1), (1, None), (None, None)])
def test_the_lag_of_an_unknown_position_is_unknown(upstream: int | None, own: int | None) -> None:
    assert LagClock().lag(after(0), upstream, own) is None


def test_a_stage_that_was_away_lags_since_it_was_left_behind() -> None:
    clock = LagClock()
    clock.lag(after(0), 4, None)
    assert clock.lag(after(50), 5, 3) == 50


def measured(postgres: int, silver: int, events: int, rows: int) -> Measurement:
    found = Measurement(
        positions={"postgres": postgres, "kafka": postgres, "bronze": postgres, "silver": silver}
    )
    found.events_in_postgres = events
    found.stages["silver"] = Stage(rows)
    return found


def test_the_way_is_drained_when_silver_holds_the_newest_poll_and_every_event() -> None:
    assert measured(postgres=7, silver=7, events=100, rows=100).is_drained
    # Old months are dropped from PostgreSQL alone.
    assert measured(postgres=7, silver=7, events=90, rows=100).is_drained
    assert not measured(postgres=7, silver=6, events=100, rows=100).is_drained
    assert not measured(postgres=7, silver=7, events=100, rows=99).is_drained
    assert not Measurement().is_drained
