"""Where bronze goes on in Kafka, and what Kafka no longer holds of what it had not read.

Spark's checkpoint says it; without one the table's own offsets do. Beside the checkpoints lies what they cannot
say: which topics, by Kafka's ids, the offsets are of, and which gaps a person has accepted.
"""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing.kafka_log import Last, Partition, Topic

# A transaction that was read whole is followed by its marker, which no reader sees.
MARKER = 1
# After a restore Kafka is empty, and its topics are made anew on purpose.
ANY_TOPIC = "any"
# Between Kafka's id of a topic and the number of its life; ids are base 64, in which "/" may occur and this not.
LIFE = "#"


@dataclass(frozen=True)
class Unread:
    """Events that Kafka no longer has, from `first` to before `end`; None where that cannot be known.

    `is_another_log`: what the topic holds now is not what was read.
    """

    topic: str
    partition: int
    first: int
    end: int | None
    why: str
    is_another_log: bool = True

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


def newest_ids(rows: Iterable[Any]) -> dict[str, str]:
    """The id of each topic by the table's rows (topic, partition, topic_id, greatest offset, newest time)."""
    newest: dict[str, tuple[Any, str]] = {}
    for topic, _, topic_id, _, at in rows:
        if topic_id is not None:
            newest[topic] = max(newest.get(topic, (at, topic_id)), (at, topic_id))
    return {topic: topic_id for topic, (_, topic_id) in newest.items()}


def of_table(rows: Iterable[Any], now: Mapping[str, Topic]) -> dict[Partition, int]:
    """Where each partition goes on by the same rows.

    Offsets of a topic that is gone say nothing of the one that has its name now. Old rows hold no id; they count
    as the topic's own.
    """
    positions: dict[Partition, int] = {}
    for topic, partition, topic_id, offset, _ in rows:
        current = now[topic].id if topic in now else None
        if topic_id == current or (topic_id is None and LIFE not in (current or "")):
            positions[topic, partition] = max(positions.get((topic, partition), 0), offset + 1)
    return positions


def with_lives(now: Mapping[str, Topic], ids: Mapping[str, str]) -> dict[str, Topic]:
    """The topics under the ids by which bronze knows them: of a log that was rewritten, Kafka's id and a number."""
    return {
        name: replace(topic, id=ids[name]) if name in ids and kafka_id(ids[name]) == topic.id else topic
        for name, topic in now.items()
    }


def kafka_id(topic_id: str) -> str:
    """Kafka's own id of a topic."""
    return topic_id.partition(LIFE)[0]


def rewritten(read: Mapping[Partition, Last], held: Mapping[Partition, Last | None]) -> set[Partition]:
    """Partitions in which Kafka holds another record than the last that was read: a power loss took the end of the
    log, and other events have its offsets now."""
    return {partition for partition, last in read.items() if partition in held and held[partition] != last}


def gaps(
    now: Mapping[str, Topic],
    positions: Mapping[Partition, int],
    known: Known,
    hidden: int = 0,
    other: Container[Partition] = (),
) -> list[Unread]:
    """What was not read and is gone. `hidden`: how many offsets that no reader sees may follow a position;
    `other`: partitions that were rewritten."""
    found = []
    for name, topic in sorted(now.items()):
        for number, span in sorted(topic.partitions.items()):
            position = _accepted(positions, known, name, number)
            # Of a topic of which nothing was read, the first event was at 0.
            first = position or 0
            if known.ids.get(name, topic.id) not in (topic.id, ANY_TOPIC):
                found.append(Unread(name, number, first, None, "the topic was deleted and made anew"))
            elif span.latest < first:
                found.append(
                    Unread(name, number, span.latest, first, "the topic is shorter than what was read")
                )
            elif (name, number) in other:
                found.append(
                    Unread(name, number, first, None, "the end that was read was lost, and written anew")
                )
            elif span.earliest > first + (hidden if position is not None else 0):
                why = "Kafka deleted it before it was read"
                found.append(Unread(name, number, first, span.earliest, why, is_another_log=False))
    return found


def accept(found: Iterable[Unread], now: Mapping[str, Topic], known: Known) -> None:
    """Go on from what Kafka holds. A log that is another one is read from its beginning, under an id of its own:
    offsets that it shares with the one before stay two events."""
    for gap in found:
        begins = known.accepted.setdefault(gap.topic, {})
        begins[str(gap.partition)] = now[gap.topic].partitions[gap.partition].earliest
    for name in {gap.topic for gap in found if gap.is_another_log}:
        topic = now[name]
        known.accepted[name] = {str(number): span.earliest for number, span in topic.partitions.items()}
        is_same_topic = known.ids.get(name, topic.id) == topic.id
        known.ids[name] = _next_life(topic.id) if is_same_topic else topic.id


def starts(now: Mapping[str, Topic], positions: Mapping[Partition, int], accepted: Known) -> str:
    """Spark's JSON: each partition where it goes on, from its first offset where nothing of it is known."""
    begins: dict[str, dict[str, int]] = {}
    for name, topic in sorted(now.items()):
        for number, span in sorted(topic.partitions.items()):
            position = _accepted(positions, accepted, name, number)
            begins.setdefault(name, {})[str(number)] = max(position or 0, span.earliest)
    return json.dumps(begins)


def require_no_gaps(found: list[Unread]) -> None:
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


def _next_life(topic_id: str) -> str:
    own, _, life = topic_id.partition(LIFE)
    return f"{own}{LIFE}{int(life or 1) + 1}"


def _numbers(folder: Path) -> list[int]:
    return sorted(int(file.name) for file in folder.glob("[0-9]*") if file.name.isdigit())


def _file(home: Home) -> Path:
    return home.checkpoints / "bronze_topics.json"
