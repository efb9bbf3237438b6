"""Fan-out of changes to the readers of the live stream, with a bounded memory of the past.

Batches are numbered. A reader that comes back with the number of the last batch it saw gets those after it,
or is told to fetch a snapshot when they are no longer remembered.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import orjson
from sse_starlette import ServerSentEvent

from melpark.serving.bays import JSON_OPTIONS, Bay, Removed, last_of_each
from melpark.serving.freshness import Freshness

BATCH_SECONDS = 0.01
REMEMBERED_BYTES = 16 * 1024 * 1024
QUEUED_BATCHES = 256


@dataclass(frozen=True, slots=True)
class Batch:
    number: int
    event: bytes


class Reader:
    """One connection. `overflowed` when it did not keep up: its stream then ends, and it may resume."""

    def __init__(self, size: int) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(size)
        self.overflowed = False

    def offer(self, event: bytes) -> None:
        if self.overflowed:
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
        self._waiting: list[Bay | Removed] = []
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

    def publish(self, changes: Iterable[Bay | Removed]) -> None:
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
        if bays := [change for change in changes if isinstance(change, Bay)]:
            self._send("bays", bays)
        if removed := [change.kerbside_id for change in changes if isinstance(change, Removed)]:
            self._send("removed", removed)

    def publish_source(self, source: Freshness) -> None:
        """Tell every reader how fresh the source is; not remembered, for only the newest is of use."""
        self._offer(source_event(source).encode())

    def forget(self) -> None:
        """Make every reader fetch a snapshot: what was sent so far no longer leads to the present."""
        self._waiting.clear()
        self._past.clear()
        self._past_bytes = 0
        self._number = 0
        self._run = secrets.token_hex(4)
        self._offer(self._snapshot_needed())

    async def follow(self, after: str | None, first: bytes) -> AsyncIterator[bytes]:
        """Events for one reader until it falls behind: `first`, those after `after`, then what comes.

        Without `after`, or when its followers are forgotten, `snapshot-needed` stands for them.
        """
        reader = Reader(self._queued_batches)
        missed = self._after(after)
        self._readers.add(reader)
        try:
            yield first
            for batch in missed:
                yield batch.event
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
        return [Batch(self._number, self._snapshot_needed())]

    def _snapshot_needed(self) -> bytes:
        return ServerSentEvent("{}", event="snapshot-needed", id=self.last_event_id).encode()

    def _send(self, name: str, data: Sequence[Bay] | Sequence[str]) -> None:
        self._number += 1
        text = orjson.dumps(data, option=JSON_OPTIONS).decode()
        batch = Batch(self._number, ServerSentEvent(text, event=name, id=self.last_event_id).encode())
        self._past.append(batch)
        self._past_bytes += len(batch.event)
        while self._past_bytes > self._remembered_bytes and len(self._past) > 1:
            self._past_bytes -= len(self._past.popleft().event)
        self.batches += 1
        self._offer(batch.event)

    def _offer(self, event: bytes) -> None:
        for reader in self._readers:
            was_with_us = not reader.overflowed
            reader.offer(event)
            self.dropped += was_with_us and reader.overflowed


def source_event(source: Freshness) -> ServerSentEvent:
    """The event that says how fresh the source is; it is also the heartbeat."""
    return ServerSentEvent(orjson.dumps(source, option=JSON_OPTIONS).decode(), event="source")
