"""Fan-out of changes to the readers of the live stream, with a bounded memory of the past.

Batches are numbered. A reader that comes back with the number of the last batch it saw gets those after it,
or is told to fetch a snapshot when they are no longer remembered.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson
from sse_starlette import ServerSentEvent

from melpark.serving.bays import JSON_OPTIONS, Bay
from melpark.serving.freshness import Freshness

BATCH_SECONDS = 0.01
REMEMBERED_BYTES = 16 * 1024 * 1024
QUEUED_BATCHES = 256


Wanted = Callable[[Bay], bool]


@dataclass(frozen=True, slots=True)
class BayChange:
    """A bay as it is now, None when it is gone, and as it was before, None when it is new."""

    kerbside_id: str
    bay: Bay | None
    before: Bay | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What went out under one number, whole as `event`."""

    number: int
    id: str
    event: bytes
    changes: tuple[BayChange, ...] = ()

    def of(self, wanted: Wanted | None) -> bytes | None:
        """The event for a reader who wants these bays only; None when it holds nothing for him.

        A bay that is no longer one of them is gone for him.
        """
        if wanted is None or not self.changes:
            return self.event
        bays = [change.bay for change in self.changes if change.bay and wanted(change.bay)]
        gone = [
            change.kerbside_id
            for change in self.changes
            if change.before and wanted(change.before) and not (change.bay and wanted(change.bay))
        ]
        if not bays:
            return _encoded("removed", gone, self.id) if gone else None
        # Whoever is cut off between the two has not seen the batch: its last event alone carries the id.
        return (_encoded("removed", gone, None) if gone else b"") + _encoded("bays", bays, self.id)


class Reader:
    """One connection, and the bays that it wants; None for all.

    `overflowed` when it did not keep up: its stream then ends, and it may resume.
    """

    def __init__(self, size: int, wanted: Wanted | None = None) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(size)
        self.wanted = wanted
        self.overflowed = False

    def offer(self, event: bytes | None) -> None:
        if self.overflowed or event is None:
            return
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.overflowed = True


class Stream:
    """Numbers, remembers and hands out batches. Used on the event loop only."""

    def __init__(
        self,
        batch_seconds: float = BATCH_SECONDS,
        remembered_bytes: int = REMEMBERED_BYTES,
        queued_batches: int = QUEUED_BATCHES,
    ) -> None:
        self._batch_seconds = batch_seconds
        self._remembered_bytes = remembered_bytes
        self._queued_batches = queued_batches
        # Numbers of another run of the server mean nothing to this one.
        self._run = secrets.token_hex(4)
        self._number = 0
        self._past: deque[Batch] = deque()
        self._past_bytes = 0
        self._waiting: list[BayChange] = []
        self._flush: asyncio.TimerHandle | None = None
        self._last_flush = float("-inf")
        self._readers: set[Reader] = set()
        # Of this process: batches handed out, and readers that did not keep up.
        self.batches = 0
        self.dropped = 0

    @property
    def last_event_id(self) -> str:
        """A snapshot taken now holds every batch up to this one."""
        return f"{self._run}-{self._number}"

    @property
    def readers(self) -> tuple[Reader, ...]:
        """Those connected now."""
        return tuple(self._readers)

    def publish(self, changes: Iterable[BayChange]) -> None:
        """Send changes on: at once after a quiet time, else together with what comes within batch_seconds."""
        self._waiting.extend(changes)
        if self._flush is None:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), self._last_flush + self._batch_seconds)
            self._flush = loop.call_at(due, self.flush)

    def flush(self) -> None:
        """Send what waits as one batch."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        changes = last_of_each(self._waiting)
        self._waiting.clear()
        self._last_flush = asyncio.get_running_loop().time()
        if removed := [change for change in changes if change.bay is None]:
            self._send("removed", [change.kerbside_id for change in removed], removed)
        if changed := [change for change in changes if change.bay]:
            self._send("bays", [change.bay for change in changed], changed)

    def publish_source(self, source: Freshness) -> None:
        """Tell every reader how fresh the source is; not remembered, for only the newest is of use."""
        event = source_event(source).encode()
        for reader in self._readers:
            self._offer(reader, event)

    def forget(self) -> None:
        """Make every reader fetch a snapshot: what was sent so far no longer leads to the present."""
        self._waiting.clear()
        self._past.clear()
        self._past_bytes = 0
        self._number = 0
        self._run = secrets.token_hex(4)
        needed = self._snapshot_needed()
        for reader in self._readers:
            self._offer(reader, needed)

    async def follow(
        self, after: str | None, first: bytes, wanted: Wanted | None = None
    ) -> AsyncIterator[bytes]:
        """Events for one reader until it falls behind: `first`, those after `after`, then what comes.

        Without `after`, or when its followers are forgotten, `snapshot-needed` stands for them. With `wanted` only
        changes of bays that are or were wanted.
        """
        reader = Reader(self._queued_batches, wanted)
        missed = self._after(after)
        self._readers.add(reader)
        try:
            yield first
            for batch in missed:
                if event := batch.of(wanted):
                    yield event
            # Asked before each wait: a full queue is not empty, so an overflow cannot be slept through.
            while not reader.overflowed:
                yield await reader.queue.get()
        finally:
            self._readers.discard(reader)

    def _after(self, event_id: str | None) -> Sequence[Batch]:
        run, _, number = (event_id or "").partition("-")
        if run == self._run and number.isascii() and number.isdecimal() and len(number) < 19:
            seen = int(number)
            oldest = self._past[0].number if self._past else self._number + 1
            if oldest - 1 <= seen <= self._number:
                return [batch for batch in self._past if batch.number > seen]
        return [Batch(self._number, self.last_event_id, self._snapshot_needed())]

    def _snapshot_needed(self) -> bytes:
        return ServerSentEvent("{}", event="snapshot-needed", id=self.last_event_id).encode()

    def _send(self, name: str, data: Sequence[Bay | None] | Sequence[str], changes: list[BayChange]) -> None:
        self._number += 1
        event_id = self.last_event_id
        batch = Batch(self._number, event_id, _encoded(name, data, event_id), tuple(changes))
        self._past.append(batch)
        self._past_bytes += len(batch.event)
        while self._past_bytes > self._remembered_bytes and len(self._past) > 1:
            self._past_bytes -= len(self._past.popleft().event)
        self.batches += 1
        for reader in self._readers:
            self._offer(reader, batch.of(reader.wanted))

    def _offer(self, reader: Reader, event: bytes | None) -> None:
        was_with_us = not reader.overflowed
        reader.offer(event)
        self.dropped += was_with_us and reader.overflowed


def last_of_each(changes: Iterable[BayChange]) -> list[BayChange]:
    """The newest change of every bay against what it was before the first, in the order of those newest changes."""
    newest: dict[str, BayChange] = {}
    for change in changes:
        earlier = newest.pop(change.kerbside_id, None)
        before = earlier.before if earlier else change.before
        newest[change.kerbside_id] = BayChange(change.kerbside_id, change.bay, before)
    return list(newest.values())


def _encoded(name: str, data: object, event_id: str | None) -> bytes:
    text = orjson.dumps(data, option=JSON_OPTIONS).decode()
    return ServerSentEvent(text, event=name, id=event_id).encode()


def source_event(source: Freshness) -> ServerSentEvent:
    """The event that says how fresh the source is; it is also the heartbeat."""
    return ServerSentEvent(orjson.dumps(source, option=JSON_OPTIONS).decode(), event="source")
