"""What a rule of the kerb says, and when: windows of time in which a limit holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a sign plate asks of a vehicle."""

    TIMED = "timed"
    FREE = "free"
    LOADING = "loading"
    DISABILITY = "disability"
    PAID = "paid"
    NO_STOPPING = "no-stopping"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Window:
    """From `start_at` to before `end_at` (UTC) this rule holds in the zone.

    `limit_minutes` is None where there is no limit, or where `kind` is UNKNOWN and nobody knows it.
    Windows of one zone that overlap with different limits are each `is_ambiguous` for that time.
    """

    zone_number: int
    start_at: datetime
    end_at: datetime
    limit_minutes: int | None
    kind: Kind
    is_metered: bool
    code: str
    is_ambiguous: bool
