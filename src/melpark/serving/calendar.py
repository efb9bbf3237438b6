"""The rule calendar in memory: the windows of each zone from a little before now, as the change log tells them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from melpark.parking.rules import Coverage, Window

# Who stands in a bay now is judged by the rules of these days ahead: over Easter a rule may be five away.
AHEAD = timedelta(days=8)


@dataclass(frozen=True)
class ZoneRules:
    """What is known of one zone: `windows` in order of time, which cover the same time or do not touch."""

    windows: tuple[Window, ...] = ()
    coverage: tuple[Coverage, ...] = ()

    def between(self, start_at: datetime, end_at: datetime) -> Sequence[Window]:
        """The windows that have time in [start_at, end_at], an instant included."""
        first = bisect_right(self.windows, start_at, key=lambda window: window.end_at)
        last = bisect_right(self.windows, end_at, key=lambda window: window.start_at)
        return self.windows[first:last]


NO_RULES = ZoneRules()


class Calendar:
    """Filled from the log, asked by zone. Windows of the past are forgotten when `forget` says so."""

    def __init__(self) -> None:
        self._windows: dict[int, dict[tuple[datetime, str], Window]] = defaultdict(dict)
        self._coverage: dict[int, dict[datetime, Coverage]] = defaultdict(dict)
        self._zones: dict[int, ZoneRules] = {}
        self._since: datetime | None = None

    def put_window(self, window: Window) -> None:
        """Take in a row; a row of the same zone, start and code is replaced."""
        key = (window.start_at, window.code)
        if window.start_at < window.end_at and not self._is_past(window.end_at):
            self._windows[window.zone_number][key] = window
        else:
            # Plates that changed before the window began leave an empty one.
            self._windows[window.zone_number].pop(key, None)
        self._zones.pop(window.zone_number, None)

    def put_version(self, coverage: Coverage) -> None:
        """Take in for how long the plates of a zone hold."""
        self._coverage[coverage.zone_number][coverage.start_at] = coverage
        self._zones.pop(coverage.zone_number, None)

    def zone(self, zone_number: int | None) -> ZoneRules:
        """The rules of a zone; none for no zone, or one without plates."""
        if zone_number is None or zone_number not in self._coverage:
            return NO_RULES
        known = self._zones.get(zone_number)
        if known is None:
            windows = self._windows[zone_number].values()
            known = ZoneRules(
                tuple(sorted(windows, key=lambda window: (window.start_at, window.code))),
                tuple(self._coverage[zone_number].values()),
            )
            self._zones[zone_number] = known
        return known

    @property
    def zone_numbers(self) -> tuple[int, ...]:
        """Zones that have or had plates."""
        return tuple(self._coverage)

    def knows(self, at: datetime) -> bool:
        """Whether no window of that instant was let go."""
        return self._since is not None and at >= self._since

    def forget(self, before: datetime) -> None:
        """Let go of windows that ended before."""
        if self._since is not None and before < self._since + timedelta(days=1):
            return
        self._since = before
        for zone_number, windows in self._windows.items():
            past = [key for key, window in windows.items() if window.end_at < before]
            for key in past:
                del windows[key]
            if past:
                self._zones.pop(zone_number, None)

    def clear(self) -> None:
        """Know nothing."""
        self._windows.clear()
        self._coverage.clear()
        self._zones.clear()
        self._since = None

    def _is_past(self, at: datetime) -> bool:
        return self._since is not None and at < self._since
