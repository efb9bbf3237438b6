"""What a rule of the kerb says, and when: windows of time in which a limit holds."""

from collections.abc import Iterable
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

    Windows of one zone either cover the same time or do not touch: where plates overlap in part, they are cut at
    each other's ends, and again at local midnight. So whoever has the rows of a zone asks only which of them cover
    an instant, and `is_ambiguous` holds for the whole row: another row of the same time has another limit.

    The clock of a vehicle does not start anew where a row does. It counts from `clock_from_at`, where the unbroken
    time under the same limit and kind began: over in this row is from
    max(arrival, clock_from_at) + limit, or start_at if that is later, to min(departure, end_at).
    """

    zone_number: int
    start_at: datetime
    end_at: datetime
    limit_minutes: int | None
    kind: Kind
    is_metered: bool
    code: str
    is_ambiguous: bool
    clock_start_at: datetime | None = None

    @property
    def clock_from_at(self) -> datetime:
        """`clock_start_at`; a window that stands alone is its own."""
        return self.start_at if self.clock_start_at is None else self.clock_start_at


@dataclass(frozen=True)
class Coverage:
    """From `start_at` to before `end_at` (UTC) the rules of the zone are known: outside its windows it is unrestricted.

    An instant under no coverage has no rule, which is not the same.
    """

    zone_number: int
    start_at: datetime
    end_at: datetime


class Absent(StrEnum):
    """What holds where no window does."""

    NO_RULE = "no_rule"
    UNRESTRICTED = "unrestricted"


def rule_at(
    at: datetime, zone_number: int | None, windows: Iterable[Window], coverage: Iterable[Coverage]
) -> tuple[Window, ...] | Absent:
    """The windows in force in the zone at an instant, or what their absence means.

    No zone, a zone without plates, a time beyond the calendar: NO_RULE, never unlimited.
    """
    in_force = tuple(
        window
        for window in windows
        if window.zone_number == zone_number and window.start_at <= at < window.end_at
    )
    if in_force:
        return in_force
    is_covered = any(
        known.zone_number == zone_number and known.start_at <= at < known.end_at for known in coverage
    )
    return Absent.UNRESTRICTED if is_covered else Absent.NO_RULE
