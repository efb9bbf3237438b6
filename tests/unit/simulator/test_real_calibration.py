"""The City's numbers that the simulator is calibrated by and data-facts.md does not give, counted on its polls."""

import gzip
from pathlib import Path

import orjson
import pytest

from melpark.contracts import SENSORS
from melpark.simulator.records import Record

pytestmark = pytest.mark.real_data


def poll(capture: Path, stamp: str) -> dict[int, Record]:
    records = orjson.loads(gzip.decompress((capture / SENSORS.dataset / f"{stamp}.json.gz").read_bytes()))
    newest = max(record["lastupdated"] for record in records)
    return {record["kerbsideid"]: record for record in records if record["lastupdated"] == newest}


@pytest.mark.parametrize(("stamp", "share"), [("20250806T152139Z", 0.289), ("20250807T005939Z", 0.614)])
def test_share_of_live_bays_taken(real_capture: Path, stamp: str, share: float) -> None:
    live = poll(real_capture, stamp).values()
    taken = sum(record["status_description"] == "Present" for record in live)
    assert taken / len(live) == pytest.approx(share, abs=0.0005)


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
