"""The rule calendar as a whole: after any polls, and of the City's own plates."""

import gzip
import random
from dataclasses import astuple
from pathlib import Path

import pytest

from integration.ingestion.made_up_polls import answer
from integration.ingestion.rule_polls import (
    ALWAYS,
    DAY,
    LATER,
    OFFICE,
    WEEK,
    Query,
    everything,
    plates,
    poll,
    rebuilt,
)
from melpark.contracts import SIGN_PLATES
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version
from melpark.parking.rule_calendar import windows as made
from melpark.settings import Settings


@pytest.mark.parametrize("seed", range(3))
def test_a_calendar_that_followed_any_polls_is_that_of_its_versions(
    loader: PostgresLoader,
    query: Query,
    postgres: Settings,
    seed: int,
) -> None:
    """Polls of both datasets in any order, hours to weeks apart, with any plates in four zones."""
    rng = random.Random(seed)
    texts = (
        OFFICE,
        LATER,
        ALWAYS,
        "2P Sat-Sun 00:00-23:59",
        "LZ30 Mon-Sat 06:00-09:00",
        "4P Sun 01:00-04:00",
    )
    minute = 0
    plates(loader, minute, {7001: [OFFICE]})
    for _ in range(15):
        minute += rng.choice((1, 7 * 60, 3 * DAY, 2 * WEEK))
        if rng.random() < 0.5:
            poll(loader, minute)
        else:
            zones = rng.sample((7001, 7002, 7003, 7004), rng.randint(1, 4))
            plates(loader, minute, {zone: rng.sample(texts, rng.randint(1, 3)) for zone in zones})
    poll(loader, minute)
    stored = [
        Version(zone, start, end, frozenset(Plate(**kept) for kept in texts))
        for zone, start, end, texts in query(
            "SELECT zone_number, start_at, end_at, plates FROM parking.rule_versions WHERE end_at > start_at"
        )
    ]
    in_force = query(
        "SELECT zone_number, start_at, end_at, limit_minutes, kind, is_metered, code, is_ambiguous, clock_start_at"
        " FROM parking.rule_windows WHERE end_at > start_at ORDER BY zone_number, start_at, code"
    )
    assert in_force == [astuple(window) for window in made(stored)]
    before = everything(query)
    assert rebuilt(postgres, query) == before


@pytest.mark.real_data
def test_the_citys_plates_give_every_zone_a_calendar(
    loader: PostgresLoader, query: Query, real_capture: Path
) -> None:
    (path,) = (real_capture / SIGN_PLATES.dataset).iterdir()
    poll(loader, 0)
    loader.load(answer(gzip.decompress(path.read_bytes()), 0, SIGN_PLATES.dataset))
    assert query("SELECT count(*), sum(jsonb_array_length(plates)) FROM parking.rule_versions") == [
        (757, 2033)
    ]
    assert query("SELECT count(DISTINCT zone_number), count(DISTINCT code) FROM parking.rule_windows") == [
        (757, 19)
    ]
    overlapping = query(
        """
        SELECT count(*) FROM (
            SELECT start_at < lag(end_at) OVER (PARTITION BY zone_number ORDER BY start_at) AS is_over
            FROM (SELECT DISTINCT zone_number, start_at, end_at FROM parking.rule_windows)
        ) WHERE is_over
        """
    )
    assert overlapping == [(0,)]
    assert query("SELECT count(*) FROM parking.rule_windows WHERE kind = 'unknown'") == [(0,)]
