"""The City's numbers that the simulator is calibrated by and data-facts.md does not give, counted on its polls."""

import gzip
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest

from melpark.contracts import SENSORS
from melpark.simulator.records import Record

pytestmark = pytest.mark.real_data


def everything(capture: Path, stamp: str) -> list[Record]:
    records: list[Record] = orjson.loads(
        gzip.decompress((capture / SENSORS.dataset / f"{stamp}.json.gz").read_bytes())
    )
    return records


def poll(capture: Path, stamp: str) -> dict[int, Record]:
    """The live bays."""
    records = everything(capture, stamp)
    newest = max(record["lastupdated"] for record in records)
    return {record["kerbsideid"]: record for record in records if record["lastupdated"] == newest}


def share_taken(records: Collection[Record]) -> float:
    return [record["status_description"] for record in records].count("Present") / len(records)


@pytest.mark.parametrize(
    ("stamp", "of_all", "of_live"), [("20250806T152139Z", 0.323, 0.289), ("20250807T005939Z", 0.604, 0.614)]
)
def test_share_of_bays_taken(real_capture: Path, stamp: str, of_all: float, of_live: float) -> None:
    assert share_taken(everything(real_capture, stamp)) == pytest.approx(of_all, abs=0.0005)
    assert share_taken(poll(real_capture, stamp).values()) == pytest.approx(of_live, abs=0.0005)


@pytest.mark.parametrize(
    ("first", "second", "median", "error_of_median", "mean", "error_of_mean"),
    [
        ("20250807T005939Z", "20250807T011139Z", 19.4, 1.7, 52.1, 5.2),
        ("20250807T011139Z", "20250807T013939Z", 37.3, 1.9, 70.6, 4.1),
    ],
)
def test_minutes_between_the_status_times_of_a_moved_bay_but_for_those_of_a_day_or_more(
    real_capture: Path,
    first: str,
    second: str,
    median: float,
    error_of_median: float,
    mean: float,
    error_of_mean: float,
) -> None:
    """With their standard errors, from samples drawn of the moved bays."""
    before, after = poll(real_capture, first), poll(real_capture, second)
    between = [
        datetime.fromisoformat(after[bay]["status_timestamp"])
        - datetime.fromisoformat(before[bay]["status_timestamp"])
        for bay in before.keys() & after.keys()
    ]
    minutes = np.array(
        sorted(gap.total_seconds() / 60 for gap in between if timedelta(0) < gap < timedelta(days=1))
    )
    assert np.median(minutes) == pytest.approx(median, abs=0.06)
    assert np.mean(minutes) == pytest.approx(mean, abs=0.06)
    samples = np.random.default_rng(1).choice(minutes, (2_000, len(minutes)))
    assert np.median(samples, axis=1).std() == pytest.approx(error_of_median, abs=0.1)
    assert samples.mean(axis=1).std() == pytest.approx(error_of_mean, abs=0.1)


def test_a_bay_of_eleven_in_forty_that_is_live_shows_a_status_older_than_a_day(real_capture: Path) -> None:
    live = poll(real_capture, "20250807T005939Z").values()
    now = datetime.fromisoformat(max(record["lastupdated"] for record in live))
    old = [now - datetime.fromisoformat(record["status_timestamp"]) > timedelta(days=1) for record in live]
    assert (sum(old), len(old)) == (797, 2861)


@pytest.mark.parametrize(
    ("first", "second", "moved", "hidden"),
    [
        ("20250807T005939Z", "20250807T011139Z", 500, 0.446),
        ("20250807T011139Z", "20250807T013939Z", 827, 0.544),
    ],
)
def test_bays_that_moved_between_polls_and_those_that_came_back_to_their_status(
    real_capture: Path, first: str, second: str, moved: int, hidden: float
) -> None:
    before, after = poll(real_capture, first), poll(real_capture, second)
    pairs = [(before[bay], after[bay]) for bay in before.keys() & after.keys()]
    changed = [(a, b) for a, b in pairs if a["status_timestamp"] != b["status_timestamp"]]
    same = sum(a["status_description"] == b["status_description"] for a, b in changed)
    assert len(changed) == moved
    assert same / len(changed) == pytest.approx(hidden, abs=0.0005)
