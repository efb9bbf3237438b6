"""The simulated city behind the portal's API.

At speed 1 its time is ours, and a conditional request is a plain one. At any other speed the feed moves on by
one refresh when the ETag of the one before comes back. The ETag names seed and refresh, so the source's time
survives a restart of the server.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from melpark.contracts import DATASETS, SENSORS
from melpark.simulator.answers import Answer, UnknownDatasetError
from melpark.simulator.behaviour import Behaviour
from melpark.simulator.city import build
from melpark.simulator.dirt import Dirt
from melpark.simulator.dynamics import Truth
from melpark.simulator.feed import REFRESH_SECONDS, Feed, tick_of
from melpark.simulator.history_files import TruthFolder
from melpark.simulator.outages import Failure
from melpark.simulator.records import reference_records

TICK = "%Y%m%dT%H%M%SZ"


class FailingError(Exception):
    """The portal fails as it is played to, from now until `ends_at`, both times of the source."""

    def __init__(self, failure: Failure, ends_at: datetime) -> None:
        self.failure = failure
        self.ends_at = ends_at
        super().__init__(failure.value)


@dataclass(frozen=True)
class Played:
    """What of a city costs much to make and never changes: its feed, and the bodies of its references."""

    feed: Feed
    references: Mapping[str, bytes]


@lru_cache(maxsize=2)
def play(seed: int, dirt: Dirt, behaviour: Behaviour) -> Played:
    """The city of `seed` with the flaws of `dirt` and drivers of that behaviour."""
    city = build(seed, dirt)
    references = {dataset: orjson.dumps(records) for dataset, records in reference_records(city).items()}
    return Played(Feed(city, Truth(city, behaviour)), references)


class Simulated:
    """Plays a city at `speed` source seconds per second; 0 is as fast as the poller commits."""

    kind = "simulator"
    is_done = False

    def __init__(
        self,
        played: Played,
        speed: float,
        longest_hold_seconds: float,
        truth_folder: TruthFolder | None = None,
    ) -> None:
        self.seed = played.feed.city.seed
        self.speed = speed
        self.longest_hold_seconds = longest_hold_seconds
        self.truth_folder = truth_folder
        self.feed = played.feed
        self._references = played.references
        self._etags = {dataset: f"s{self.seed}-{_digest(body)}" for dataset, body in self._references.items()}
        self._body = lru_cache(maxsize=4)(self._make_body)
        self._acknowledged: set[str] = set()
        # The newest refresh given, and when it went out: paces the next one.
        self._newest: tuple[int, datetime] | None = None

    def answer(self, dataset: str, etags: tuple[str, ...], now: datetime) -> Answer:
        if dataset != SENSORS.dataset:
            return self._reference(dataset, etags, now)
        held = self._held(etags)
        if held is not None:
            self._acknowledged.add(dataset)
        if self.speed == 1:
            tick = tick_of(now)
            if outage := self.feed.time.outage_of_requests(tick):
                raise FailingError(outage.failure, _at(outage.end))
            return Answer(self._etag(tick), now, None if tick == held else self._body(tick))
        return self._first(now) if held is None else self._following(held, now)

    def peek(self, dataset: str, now: datetime) -> Answer:
        if dataset != SENSORS.dataset:
            return self._reference(dataset, (), now)
        tick = tick_of(self.now(now))
        return Answer(self._etag(tick), self.now(now), self._body(tick))

    def now(self, now: datetime) -> datetime:
        if self.speed == 1:
            return now
        return _at(self._newest[0] if self._newest else tick_of(now))

    @property
    def acknowledged(self) -> Mapping[str, bool]:
        return {dataset: dataset in self._acknowledged for dataset in DATASETS}

    def _first(self, now: datetime) -> Answer:
        return self._give(self._answered(tick_of(now)), 0, now)

    def _answered(self, tick: int) -> int:
        """The refresh, or the next one that brings an answer: an outage of requests is over when its time is."""
        while self.feed.time.failure(tick):
            tick += REFRESH_SECONDS
        return tick

    def _following(self, held: int, now: datetime) -> Answer:
        """The refresh after `held`, when it is due; 304 when that is too far off to hold the request."""
        hold = 0.0
        if self.speed > 0:
            if self._newest is None or self._newest[0] < held:
                self._newest = held, now
            given, given_at = self._newest
            if given == held:
                due = given_at + timedelta(seconds=REFRESH_SECONDS / self.speed)
                hold = max(0.0, (due - now) / timedelta(seconds=1))
        if hold > self.longest_hold_seconds:
            return Answer(self._etag(held), _at(held), None, self.longest_hold_seconds)
        return self._give(self._answered(held + REFRESH_SECONDS), hold, now)

    def _give(self, tick: int, hold: float, now: datetime) -> Answer:
        self._newest = tick, now + timedelta(seconds=hold)
        return Answer(self._etag(tick), _at(tick), self._body(tick), hold)

    def _reference(self, dataset: str, etags: tuple[str, ...], now: datetime) -> Answer:
        if dataset not in self._references:
            raise UnknownDatasetError(dataset)
        etag = self._etags[dataset]
        if etag in etags:
            self._acknowledged.add(dataset)
            return Answer(etag, self.now(now), None)
        return Answer(etag, self.now(now), self._references[dataset])

    def _etag(self, tick: int) -> str:
        return f"s{self.seed}-{_at(tick).strftime(TICK)}"

    def _held(self, etags: tuple[str, ...]) -> int | None:
        """The newest refresh of this city among the client's ETags."""
        pattern = re.compile(rf"s{self.seed}-(\d{{8}}T\d{{6}}Z)")
        stamps = [match[1] for etag in etags if (match := pattern.fullmatch(etag))]
        if not stamps:
            return None
        return int(datetime.strptime(max(stamps), TICK).replace(tzinfo=UTC).timestamp())

    def _make_body(self, tick: int) -> bytes:
        if self.truth_folder:
            self.truth_folder.hold(self.feed, _at(tick))
        return orjson.dumps(self.feed.records(tick))


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=8).hexdigest()


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
