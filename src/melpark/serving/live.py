"""What the server knows now. Owned by the event loop: only its thread reads or writes it."""

import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson

from melpark.serving.bays import JSON_OPTIONS, Bay, Change, Poll, Removed, RuleVersion, RuleWindow, Sensor
from melpark.serving.calendar import Calendar
from melpark.serving.deadlines import Deadlines
from melpark.serving.freshness import Freshness, freshness, source_now
from melpark.serving.judging import Moment, judged
from melpark.serving.stream import BayChange, Stream
from melpark.settings import Settings

log = logging.getLogger(__name__)

# Whoever stands longer than suspect_after is judged no more; a day for good measure.
PAST_RULES = timedelta(days=1)


class LiveState:
    """Every bay's present, the newest poll, and the stream that tells of changes.

    A bay is judged anew when its row, its zone's rules or the outage of the feed change, and when time passes one
    of its deadlines: that is what `tick` is for.
    """

    def __init__(self, settings: Settings, stream: Stream | None = None) -> None:
        self.settings = settings
        self.stream = stream or Stream()
        self.bays: dict[str, Bay] = {}
        # Each bay as JSON, for whoever asks for all of them.
        self.encoded: dict[str, orjson.Fragment] = {}
        self.poll: Poll | None = None
        self.last_commit_at: datetime | None = None
        self.not_ready_because: str | None = "reading the change log has not begun"
        self.calendar = Calendar()
        self._sensors: dict[str, Sensor] = {}
        self._by_zone: dict[int | None, set[str]] = defaultdict(set)
        self._was_outage = False
        self._run = secrets.token_hex(4)
        self._revision = 0
        # By the source's clock, and by the newest time that the feed tells.
        self._due_as_of = Deadlines()
        self._due_feed_at = Deadlines()
        self._changed_since_poll = 0

    def apply(self, changes: Iterable[Change], now: datetime) -> None:
        """Take in changes in the order of the log and tell the stream. `now` is our clock's."""
        touched: set[str] = set()
        zones: set[int] = set()
        removed: dict[str, Bay] = {}
        has_new_poll = False
        for change in changes:
            if isinstance(change, Sensor):
                self._put(change)
                touched.add(change.kerbside_id)
            elif isinstance(change, Poll):
                self.poll = change
                self._revision += 1
                has_new_poll = True
            elif isinstance(change, RuleWindow):
                self.calendar.put_window(change.window)
                zones.add(change.window.zone_number)
            elif isinstance(change, RuleVersion):
                self.calendar.put_version(change.coverage)
                zones.add(change.coverage.zone_number)
            elif self._remove(change) and (bay := self.bays.pop(change.kerbside_id, None)):
                removed[change.kerbside_id] = bay
        if not self.is_ready:
            # Nobody has a snapshot yet that these could change, and the log is not whole.
            return
        self._changed_since_poll += len(touched) + len(removed)
        for zone_number in zones:
            touched |= self._by_zone[zone_number]
        self._tell(removed, touched, now)
        if has_new_poll and self.poll is not None:
            log.info(
                "Poll %d is live, %d sensors changed since the one before",
                self.poll.poll_id,
                self._changed_since_poll,
                extra={"poll_id": self.poll.poll_id},
            )
            self._changed_since_poll = 0
            self.stream.publish_source(self.freshness(now))

    def tick(self, now: datetime) -> None:
        """Tell what has changed by time alone: call it about once a second. `now` is our clock's."""
        if self.is_ready:
            self._tell({}, set(), now)

    def restart(self, reason: str) -> None:
        """Forget everything: the log will be read again from its beginning."""
        self.bays.clear()
        self.encoded.clear()
        self._sensors.clear()
        self._by_zone.clear()
        self.calendar.clear()
        self._due_as_of.clear()
        self._due_feed_at.clear()
        self.poll = None
        self.last_commit_at = None
        self.not_ready_because = reason
        self._revision += 1
        self.stream.forget()

    def not_ready(self, reason: str) -> None:
        self.not_ready_because = reason

    def ready(self, now: datetime) -> None:
        """The log was read up to its end: judge every bay."""
        moment = self._moment(now)
        if moment:
            self.calendar.forget(self._rules_since(moment))
        self._was_outage = moment is not None and moment.is_outage
        for sensor in self._sensors.values():
            self._judge(sensor, moment)
        self.not_ready_because = None

    @property
    def is_ready(self) -> bool:
        return self.not_ready_because is None

    def freshness(self, now: datetime) -> Freshness:
        changed_at = max((sensor.status_changed_at for sensor in self._sensors.values()), default=None)
        return freshness(self.poll, self.settings, now, len(self._sensors), self.last_commit_at, changed_at)

    @property
    def state_id(self) -> str:
        """Another one whenever a bay or the newest poll has changed."""
        return f"{self._run}-{self._revision}"

    def as_of(self, now: datetime) -> datetime | None:
        """Now by the source's clock; None before the first poll."""
        return source_now(self.poll, self.settings, now) if self.poll else None

    def _put(self, sensor: Sensor) -> None:
        old = self._sensors.get(sensor.kerbside_id)
        if old and old.zone_number != sensor.zone_number:
            self._by_zone[old.zone_number].discard(sensor.kerbside_id)
        self._by_zone[sensor.zone_number].add(sensor.kerbside_id)
        self._sensors[sensor.kerbside_id] = sensor
        self.last_commit_at = sensor.committed_at

    def _remove(self, gone: Removed) -> bool:
        old = self._sensors.pop(gone.kerbside_id, None)
        if old is None:
            return False
        self._by_zone[old.zone_number].discard(gone.kerbside_id)
        self.encoded.pop(gone.kerbside_id, None)
        self._due_as_of.put(gone.kerbside_id, None)
        self._due_feed_at.put(gone.kerbside_id, None)
        return True

    def _tell(self, removed: dict[str, Bay], touched: set[str], now: datetime) -> None:
        moment = self._moment(now)
        if moment:
            touched = touched | self._due_as_of.take(moment.as_of)
            touched |= self._due_feed_at.take(moment.feed_updated_at)
            if moment.is_outage != self._was_outage:
                self._was_outage = moment.is_outage
                touched |= self._sensors.keys()
            self.calendar.forget(self._rules_since(moment))
        changed = [
            BayChange(kerbside_id, None, before)
            for kerbside_id, before in removed.items()
            if kerbside_id not in self._sensors
        ]
        for kerbside_id in sorted(touched & self._sensors.keys()):
            before = self.bays.get(kerbside_id)
            bay = self._judge(self._sensors[kerbside_id], moment)
            if bay != before:
                changed.append(BayChange(kerbside_id, bay, before))
        if changed:
            self._revision += 1
            self.stream.publish(changed)

    def _judge(self, sensor: Sensor, moment: Moment | None) -> Bay:
        found = judged(sensor, self.calendar.zone(sensor.zone_number), moment, self.settings)
        self.bays[sensor.kerbside_id] = found.bay
        self.encoded[sensor.kerbside_id] = orjson.Fragment(orjson.dumps(found.bay, option=JSON_OPTIONS))
        self._due_as_of.put(sensor.kerbside_id, found.due_as_of)
        self._due_feed_at.put(sensor.kerbside_id, found.due_feed_at)
        return found.bay

    def _moment(self, now: datetime) -> Moment | None:
        if self.poll is None:
            return None
        as_of = source_now(self.poll, self.settings, now)
        feed_at = self.poll.feed_updated_at or self.poll.observed_at
        return Moment(as_of, feed_at, as_of >= feed_at + self.settings.offline_after)

    def _rules_since(self, moment: Moment) -> datetime:
        suspect_after = timedelta(seconds=self.settings.suspect_after_seconds)
        return min(moment.as_of, moment.feed_updated_at) - self.settings.feed_lag - suspect_after - PAST_RULES
