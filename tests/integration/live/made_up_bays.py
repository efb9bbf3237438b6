"""Bays whose changes are made up, as the rows that the loader would write, poll by poll, and what they amount to."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from melpark.contracts import SENSORS
from melpark.parking.intervals import Interval
from melpark.parking.kpis import Measure, measure, total
from melpark.parking.occupied import bay_time, runs
from melpark.parking.stays import PRESENT, UNOCCUPIED, Event, Limits, Present, stays

Row = dict[str, Any]
FIRST_POLL_AT = datetime(2025, 8, 7, 0, 59, 39, tzinfo=UTC)
FEED_BEHIND = timedelta(seconds=34)
OFFLINE_AFTER = timedelta(minutes=15)
# Of some bays, the minute after the first poll at which the vehicle will have stood there for a day, and at which it
# leaves. They do not change before.
NEARLY_STUCK = {2 + n: (7 + 12 * n, 11 + 12 * n) for n in range(12)}


def text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass
class Bay:
    """One bay: what the feed said of it, and when it was online (ends are open while it is)."""

    kerbside_id: str
    zone_number: int
    events: list[Event] = field(default_factory=list)
    online: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    told_at: datetime = FIRST_POLL_AT

    def measure(self, window: Interval, until_at: datetime) -> Measure:
        intervals = [Interval(start, end or until_at) for start, end in self.online]
        limits = Limits()
        time = bay_time(self.events, intervals, until_at, limits)
        found = stays(self.events, Present(until_at), limits)
        return measure(time, runs(self.events, limits), found, window)


@dataclass
class Poll:
    """What one poll brings: rows by table."""

    observed_at: datetime
    rows: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def feed_updated_at(self) -> datetime:
        return self.observed_at - FEED_BEHIND

    def add(self, table: str, **row: Any) -> None:
        values = {name: text(value) if isinstance(value, datetime) else value for name, value in row.items()}
        self.rows.setdefault(table, []).append(values)


class City:
    """Polls of some bays, from a seed; `bays` holds what was told so far."""

    def __init__(self, seed: int = 1, bays: int = 24) -> None:
        self._random = random.Random(seed)
        self.bays = [Bay(f"{100 + n}", 7000 + n % 4) for n in range(bays)]
        self.silences: list[Interval] = []
        # They do not change by themselves.
        self._quiet = self.bays[:2]
        self._last: Poll | None = None

    @property
    def last_poll(self) -> Poll:
        assert self._last is not None
        return self._last

    @property
    def known_until(self) -> datetime:
        return self.last_poll.feed_updated_at

    def polls(self, minutes: list[int]) -> Iterator[Poll]:
        """Polls so many minutes apart."""
        for gap in minutes:
            yield self._poll(gap)

    def poll_with_late_report(self, age: timedelta) -> Poll:
        """A poll that tells of a change so long ago, long after it should have been told."""
        poll, before = self._poll(2), self._last
        assert before is not None
        feed = poll.feed_updated_at
        bay = self._quiet.pop()
        other = UNOCCUPIED if bay.events[-1].status == PRESENT else PRESENT
        self._event(bay, poll, other, feed - age, feed - timedelta(minutes=2))
        self._present(bay, poll)
        return poll

    def _poll(self, gap: int) -> Poll:
        before = self._last
        at = FIRST_POLL_AT if before is None else before.observed_at + timedelta(minutes=gap)
        poll = Poll(at)
        self._last = poll
        feed = poll.feed_updated_at
        if before is not None and feed > before.feed_updated_at + OFFLINE_AFTER:
            silence = Interval(before.feed_updated_at + OFFLINE_AFTER, feed)
            self.silences.append(silence)
            poll.add(
                "feed_outages",
                start_at=silence.start_at,
                end_at=silence.end_at,
                observed_at=at,
                origin="live",
            )
        for bay in self.bays:
            told = len(bay.events), len(bay.online), bay.online and bay.online[-1]
            self._of_bay(bay, poll, before)
            if told != (len(bay.events), len(bay.online), bay.online and bay.online[-1]):
                self._present(bay, poll)
        poll.add(
            "polls",
            poll_id=1,
            dataset=SENSORS.dataset,
            outcome="accepted",
            observed_at=at,
            feed_updated_at=feed,
            received_at=datetime.now(UTC),
            origin="live",
        )
        return poll

    def _of_bay(self, bay: Bay, poll: Poll, before: Poll | None) -> None:
        feed, choose = poll.feed_updated_at, self._random
        number = self.bays.index(bay)
        if before is None:
            # Some stand there for more than a day, some nearly.
            is_quiet = bay in self.bays[:2]
            age = 4000 if is_quiet else choose.choice([3, 40, 400, 1425, 1437, 4000])
            changed_at = feed - timedelta(minutes=age, seconds=choose.randrange(60))
            status = UNOCCUPIED if is_quiet else choose.choice([PRESENT, UNOCCUPIED])
            if number in NEARLY_STUCK:
                status, changed_at = PRESENT, feed + timedelta(minutes=NEARLY_STUCK[number][0], days=-1)
            self._event(bay, poll, status, changed_at, None)
            self._state(bay, poll, feed, is_online=True)
            return
        if bay in self.bays[:2]:
            return
        if number in NEARLY_STUCK and len(bay.events) == 1:
            leaves_at = FIRST_POLL_AT - FEED_BEHIND + timedelta(minutes=NEARLY_STUCK[number][1])
            if leaves_at <= feed:
                self._event(bay, poll, UNOCCUPIED, leaves_at, before.feed_updated_at)
            return
        if choose.random() < 0.02:
            self._state(bay, poll, feed, is_online=bay.online[-1][1] is not None)
        if choose.random() < 0.35:
            last = bay.events[-1]
            # Told late now and then, and sometimes as if nothing had happened between.
            latest = feed - timedelta(seconds=choose.randrange(0, 170))
            earliest = max(
                last.status_changed_at + timedelta(seconds=1), before.feed_updated_at - timedelta(minutes=9)
            )
            if earliest >= latest:
                return
            span = int((latest - earliest).total_seconds())
            changed_at = latest - timedelta(
                seconds=choose.randrange(min(span, 120) if choose.random() < 0.9 else span)
            )
            other = UNOCCUPIED if last.status == PRESENT else PRESENT
            status = other if choose.random() < 0.8 else last.status
            self._event(bay, poll, status, changed_at, before.feed_updated_at)

    def _event(
        self, bay: Bay, poll: Poll, status: str, changed_at: datetime, previous: datetime | None
    ) -> None:
        heard_at = poll.feed_updated_at
        bay.events.append(Event(status, changed_at, heard_at, previous))
        poll.add(
            "sensor_events",
            kerbside_id=bay.kerbside_id,
            status_changed_at=changed_at,
            status=status,
            observed_at=poll.observed_at,
            heard_at=heard_at,
            previous_heard_at=previous,
            origin="live",
        )

    def _present(self, bay: Bay, poll: Poll) -> None:
        last = bay.events[-1]
        bay.told_at = poll.observed_at
        poll.add(
            "sensors",
            kerbside_id=bay.kerbside_id,
            status=last.status,
            status_changed_at=last.status_changed_at,
            zone_number=bay.zone_number,
            longitude=144.96,
            latitude=-37.81,
            is_online=bay.online[-1][1] is None,
            is_retired=False,
            heard_at=None,
            observed_at=poll.observed_at,
        )

    def now(self) -> tuple[int, int]:
        """Bays online and occupied by the newest row of each; who stood there for a day then is a stuck sensor."""
        day = Limits().suspect_after
        stands = {
            bay.kerbside_id: bay.told_at - bay.events[-1].status_changed_at
            for bay in self.bays
            if bay.events[-1].status == PRESENT
        }
        online = [
            bay.kerbside_id
            for bay in self.bays
            if bay.online[-1][1] is None and stands.get(bay.kerbside_id, timedelta(0)) < day
        ]
        return len(online), sum(bay in stands for bay in online)

    def _state(self, bay: Bay, poll: Poll, from_at: datetime, is_online: bool) -> None:
        if is_online:
            bay.online.append((from_at, None))
        else:
            bay.online[-1] = (bay.online[-1][0], from_at)
        poll.add(
            "sensor_states",
            kerbside_id=bay.kerbside_id,
            valid_from_at=from_at,
            is_online=is_online,
            is_retired=False,
            zone_number=bay.zone_number,
            longitude=144.96,
            latitude=-37.81,
            observed_at=poll.observed_at,
            origin="live",
        )

    def expected(self, zone_number: int | None, window: Interval) -> Measure:
        """What the bays of a zone (of all, when None) amount to in a window, by what is known now."""
        chosen = [bay for bay in self.bays if zone_number in (None, bay.zone_number)]
        return total(self._but_silent(bay, window) for bay in chosen)

    def _but_silent(self, bay: Bay, window: Interval) -> Measure:
        kept = [
            Interval(max(start, piece.start_at), min(end or self.known_until, piece.end_at))
            for start, end in bay.online
            for piece in self._heard()
        ]
        spans = [(one.start_at, one.end_at) for one in kept if one.start_at < one.end_at]
        heard = Bay(bay.kerbside_id, bay.zone_number, bay.events, [(a, b) for a, b in spans])
        return heard.measure(window, self.known_until)

    def _heard(self) -> list[Interval]:
        edges = [FIRST_POLL_AT - timedelta(days=9)]
        for silence in self.silences:
            edges += [silence.start_at, silence.end_at]
        edges.append(self.known_until)
        return [Interval(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
