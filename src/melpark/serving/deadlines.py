"""When what is told of a bay may change though nothing is heard of it: one heap, the newest word of each bay counts."""

import heapq
from datetime import datetime


class Deadlines:
    """One instant per bay at most."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, str]] = []
        self._due: dict[str, datetime] = {}

    def put(self, kerbside_id: str, at: datetime | None) -> None:
        """The bay is due at this instant and at no other; never, with None."""
        if self._due.get(kerbside_id) == at:
            return
        if at is None:
            self._due.pop(kerbside_id, None)
            return
        self._due[kerbside_id] = at
        heapq.heappush(self._heap, (at, kerbside_id))

    def take(self, now: datetime) -> set[str]:
        """The bays that are due by now, each once; they are due no more."""
        taken = set()
        while self._heap and self._heap[0][0] <= now:
            at, kerbside_id = heapq.heappop(self._heap)
            if self._due.get(kerbside_id) == at:
                del self._due[kerbside_id]
                taken.add(kerbside_id)
        return taken

    def clear(self) -> None:
        """Nothing is due."""
        self._heap.clear()
        self._due.clear()
