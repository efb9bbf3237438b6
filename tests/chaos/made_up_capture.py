"""A capture whose bays change far more often than real ones, made from a seed."""

import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from integration.ingestion.portals import REFERENCES
from melpark.contracts import SENSORS
from melpark.simulator.capture import write_file

START = datetime(2025, 8, 4, 22, tzinfo=UTC)
POLL_SECONDS = 120
# The share of the bays that changes from poll to poll.
CHANGING = 0.4
SILENT = 0.05
POLLS_OF_SILENCE = 20
BACKWARDS = 2
# In the middle the whole feed says nothing for so long.
OUTAGE = timedelta(minutes=30)
Record = dict[str, object]


def polls_for(changes: int, bays: int) -> int:
    """Polls after which there were at least so many changes."""
    return 1 + math.ceil((changes - bays) / int(bays * CHANGING))


def write(folder: Path, seed: int, changes: int, bays: int) -> Path:
    """At least `changes` changes of `bays` bays: hours of them, so that the rule calendar stays short.

    Some bays fall silent and come back; a few records a poll tell an older status than before, which are refused.
    """
    chance = random.Random(seed)
    for dataset, records in REFERENCES.items():
        write_file(folder, dataset, START, orjson.dumps(records))
    made = [_bay(number, chance) for number in range(bays)]
    silent: set[int] = set()
    polls = polls_for(changes, bays)
    for poll in range(polls):
        at = START + timedelta(seconds=poll * POLL_SECONDS) + (poll > polls // 2) * OUTAGE
        if poll % POLLS_OF_SILENCE == 0:
            silent = set(chance.sample(range(1, bays), int(bays * SILENT)))
        changed: set[int] = set()
        if poll:
            heard = [number for number in range(bays) if number not in silent]
            changed = set(chance.sample(heard, int(bays * CHANGING)))
            for number in sorted(changed):
                changed_at = at - timedelta(seconds=chance.randint(43, POLL_SECONDS - 1))
                made[number] |= {
                    "status_timestamp": changed_at.isoformat(),
                    "status_description": chance.choice(["Present", "Unoccupied"]),
                }
        for number in range(bays):
            if number not in silent or not poll:
                made[number]["lastupdated"] = at.isoformat()
        write_file(folder, SENSORS.dataset, at, orjson.dumps(_told(made, changed, chance) if poll else made))
    return folder


def _told(made: list[Record], changed: set[int], chance: random.Random) -> list[Record]:
    """The records of a poll, of which a few say that the status is older than it was said to be."""
    told = list(made)
    for number in chance.sample([number for number in range(len(made)) if number not in changed], BACKWARDS):
        told[number] = made[number] | {"status_timestamp": (START - timedelta(days=20)).isoformat()}
    return told


def _bay(number: int, chance: random.Random) -> Record:
    return {
        "lastupdated": START.isoformat(),
        "status_timestamp": (START - timedelta(seconds=chance.randint(200, 90_000))).isoformat(),
        "zone_number": 7000 + number % 50,
        "status_description": chance.choice(["Present", "Unoccupied"]),
        "kerbsideid": 5000 + number,
        "location": {"lon": 144.936 + number % 60 / 1200, "lat": -37.848 + number // 60 / 1200},
    }
