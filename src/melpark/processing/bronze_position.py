"""Where bronze goes on in Kafka, and what Kafka no longer holds of what it had not read.

Spark's checkpoint says it; without one the table's own offsets do. Beside the checkpoints lies what they cannot
say: which topics, by Kafka's ids, the offsets are of, and which gaps a person has accepted.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing.kafka_log import Topic

Partition = tuple[str, int]
# A transaction that was read whole is followed by its marker, which no reader sees.
MARKER = 1
# After a restore Kafka is empty, and its topics are made anew on purpose.
ANY_TOPIC = "any"


@dataclass(frozen=True)
class Gap:
    """Events that Kafka no longer has, from `first` to before `end`; None where that cannot be known."""

    topic: str
    partition: int
    first: int
    end: int | None
    why: str

    def __str__(self) -> str:
        until = f" to {self.end - 1}" if self.end is not None else " on"
        return f"{self.topic}, partition {self.partition}, offset {self.first}{until}: {self.why}"


@dataclass
class Known:
    """What lies beside the checkpoints: ids of the topics being read, and first offsets that were accepted."""

    ids: dict[str, str] = field(default_factory=dict)
    accepted: dict[str, dict[str, int]] = field(default_factory=dict)


def known(home: Home) -> Known:
    """What was written down; nothing when it is lost or was never there."""
    try:
        document = json.loads(_file(home).read_text())
        return Known(dict(document["ids"]), dict(document["accepted"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def keep(home: Home, what: Known) -> None:
    """Write it down, whole or not at all."""
    file = _file(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps({"ids": what.ids, "accepted": what.accepted}))
    unfinished.replace(file)


def of_checkpoint(folder: Path) -> dict[Partition, int] | None:
    """The offset at which each partition goes on, by Spark's checkpoint; None when it holds no progress."""
    committed = _numbers(folder / "commits")
    offsets = _numbers(folder / "offsets")
    if not offsets:
        return None
    # The batch after the last that was committed is read again.
    done = [number for number in offsets if number in committed]
    if not done:
        return {}
    lines = (folder / "offsets" / str(done[-1])).read_text().splitlines()
    return {
        (topic, int(partition)): offset
        for topic, partitions in json.loads(lines[-1]).items()
        for partition, offset in partitions.items()
    }


def of_table(rows: Iterable[Any], now: Mapping[str, Topic]) -> tuple[dict[Partition, int], dict[str, str]]:
    """Where each partition goes on by the table's rows (topic, partition, topic_id, greatest offset, newest time),
    and the id of each topic.

    Offsets of a topic that is gone say nothing of the one that has its name now. Old rows hold no id; they count
    as the topic's own.
    """
    positions: dict[Partition, int] = {}
    newest: dict[str, tuple[Any, str]] = {}
    for topic, partition, topic_id, offset, at in rows:
        current = now[topic].id if topic in now else None
        if topic_id is not None:
            newest[topic] = max(newest.get(topic, (at, topic_id)), (at, topic_id))
        if topic_id in (None, current):
            positions[topic, partition] = max(positions.get((topic, partition), 0), offset + 1)
    return positions, {topic: topic_id for topic, (_, topic_id) in newest.items()}


def gaps(
    now: Mapping[str, Topic], positions: Mapping[Partition, int], ids: Mapping[str, str], accepted: Known
) -> list[Gap]:
    """What was not read and is gone."""
    found = []
    for name, topic in sorted(now.items()):
        for number, span in sorted(topic.partitions.items()):
            position = _accepted(positions, accepted, name, number)
            if ids.get(name, topic.id) not in (topic.id, ANY_TOPIC):
                first = positions.get((name, number), 0)
                found.append(Gap(name, number, first, None, "the topic was deleted and made anew"))
            elif position is None:
                continue
            elif span.latest < position:
                found.append(
                    Gap(name, number, span.latest, position, "the topic is shorter than what was read")
                )
            elif span.earliest > position + MARKER:
                found.append(
                    Gap(name, number, position, span.earliest, "Kafka deleted it before it was read")
                )
    return found


def starts(now: Mapping[str, Topic], positions: Mapping[Partition, int], accepted: Known) -> str:
    """Spark's JSON: each partition where it goes on, from its first offset where nothing of it is known."""
    begins: dict[str, dict[str, int]] = {}
    for name, topic in sorted(now.items()):
        for number, span in sorted(topic.partitions.items()):
            position = _accepted(positions, accepted, name, number)
            begins.setdefault(name, {})[str(number)] = max(position or 0, span.earliest)
    return json.dumps(begins)


def require_no_gaps(found: list[Gap]) -> None:
    """Raises StopError that names the first gap and the way back."""
    if found:
        raise StopError(
            f"Kafka no longer holds {len(found)} stretches of changes that bronze has not read",
            str(found[0]),
            "Run `melpark stream accept-gap` to go on from what there is, then `melpark cdc snapshot` to bring "
            "what is missing from PostgreSQL",
        )


def _accepted(positions: Mapping[Partition, int], accepted: Known, name: str, number: int) -> int | None:
    known_positions = [
        offset
        for offset in (positions.get((name, number)), accepted.accepted.get(name, {}).get(str(number)))
        if offset is not None
    ]
    return max(known_positions, default=None)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(file.name) for file in folder.glob("[0-9]*") if file.name.isdigit())


def _file(home: Home) -> Path:
    return home.checkpoints / "bronze_topics.json"
