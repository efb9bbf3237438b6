"""What the server knows now. Owned by the event loop: only its thread reads or writes it."""

from collections.abc import Iterable
from datetime import datetime

from melpark.serving.bays import Bay, Change, Poll, Removed
from melpark.serving.freshness import Freshness, freshness
from melpark.serving.stream import Stream
from melpark.settings import Settings


class LiveState:
    """Every bay's present, the newest poll, and the stream that tells of changes."""

    def __init__(self, settings: Settings, stream: Stream | None = None) -> None:
        self.settings = settings
        self.stream = stream or Stream()
        self.bays: dict[str, Bay] = {}
        self.poll: Poll | None = None
        self.last_commit_at: datetime | None = None
        self.not_ready_because: str | None = "reading the change log has not begun"

    def apply(self, changes: Iterable[Change], now: datetime) -> None:
        """Take in changes in the order of the log and tell the stream. `now` is our clock's."""
        changed: list[Bay | Removed] = []
        has_new_poll = False
        for change in changes:
            if isinstance(change, Poll):
                self.poll = change
                has_new_poll = True
                continue
            if isinstance(change, Bay):
                self.bays[change.kerbside_id] = change
                self.last_commit_at = change.committed_at
            elif self.bays.pop(change.kerbside_id, None) is None:
                continue
            changed.append(change)
        if not self.is_ready:
            # Nobody has a snapshot yet that these could change.
            return
        if changed:
            self.stream.publish(changed)
        if has_new_poll:
            self.stream.publish_source(self.freshness(now))

    def restart(self, reason: str) -> None:
        """Forget everything: the log will be read again from its beginning."""
        self.bays.clear()
        self.poll = None
        self.last_commit_at = None
        self.not_ready_because = reason
        self.stream.forget()

    def not_ready(self, reason: str) -> None:
        self.not_ready_because = reason

    def ready(self) -> None:
        self.not_ready_because = None

    @property
    def is_ready(self) -> bool:
        return self.not_ready_because is None

    def freshness(self, now: datetime) -> Freshness:
        changed_at = max((bay.status_changed_at for bay in self.bays.values()), default=None)
        return freshness(self.poll, self.settings, now, len(self.bays), self.last_commit_at, changed_at)
