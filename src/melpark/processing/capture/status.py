"""How capture is, for people and programs: the slot, the WAL kept for it, and what may have been missed."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import TupleRow

from melpark.processing.capture import gaps, slot
from melpark.processing.capture.gaps import Gap
from melpark.processing.capture.slot import Slot

# Of the WAL that PostgreSQL may keep for the slot; beyond it somebody should look.
WARN_SHARE = 0.5
MEBIBYTE = 2**20


@dataclass(frozen=True)
class CaptureStatus:
    """The slot, and every possible loss after which the lake was not yet found equal."""

    slot: Slot
    gaps: tuple[Gap, ...]

    @property
    def problems(self) -> list[str]:
        """One line each, for a person to act on or to know of; empty when all is well."""
        return [*_of_slot(self.slot), *(str(gap) for gap in self.gaps)]

    @property
    def is_whole(self) -> bool:
        """Nothing is missing that a snapshot has not brought, and PostgreSQL keeps what comes."""
        return not _of_slot(self.slot) and not any(gap.state in ("open", "snapshot") for gap in self.gaps)

    @property
    def line(self) -> str:
        """The slot in one line."""
        seen = self.slot
        if not seen.is_there:
            return "slot missing"
        limit = "without limit" if seen.limit_bytes < 0 else f"of at most {_size(seen.limit_bytes)}"
        reader = "read" if seen.is_active else "not read"
        return (
            f"slot {seen.wal_status}, {reader}, {_size(seen.retained_bytes)} of WAL kept {limit},"
            f" {_size(seen.behind_bytes)} not yet confirmed"
        )

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "is_whole": self.is_whole,
            "slot": vars(self.slot),
            "gaps": [vars(gap) | {"state": gap.state} for gap in self.gaps],
            "problems": self.problems,
        }


def look(session: Connection[TupleRow]) -> CaptureStatus:
    """Ask PostgreSQL; any role may."""
    return CaptureStatus(slot.read(session), tuple(gaps.unverified(session)))


def _of_slot(seen: Slot) -> list[str]:
    if not seen.is_there:
        return []
    if seen.wal_status in ("lost", "unreserved"):
        return [f"the slot is {seen.wal_status}: PostgreSQL keeps no more WAL for it; is the connector down?"]
    retained, limit = seen.retained_bytes or 0, seen.limit_bytes
    if limit >= 0 and retained > WARN_SHARE * limit:
        return [f"PostgreSQL keeps {_size(retained)} of WAL for the slot, at most {_size(limit)}"]
    return []


def _size(count: int | None) -> str:
    return "an unknown amount" if count is None else f"{count / MEBIBYTE:,.1f} MiB"
