"""A capture played back: each answer moves on only when the ETag of the one before comes back.

The ETag names run and file, so a restarted server knows at once how far the poller's commits reach, and a
poller killed before its commit is given the same file again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from melpark.contracts import DATASETS, SENSORS
from melpark.simulator.answers import Answer, UnknownDatasetError
from melpark.simulator.capture import Capture, CaptureFile


@dataclass
class Replay:
    """Plays `capture` at `speed` source seconds per second; 0 is as fast as the poller commits.

    What it remembers (when each file was first acknowledged) only paces and reports; after a restart it is
    learnt again from the ETags that come back.
    """

    capture: Capture
    run_number: int
    speed: float
    longest_hold_seconds: float
    kind: str = field(default="replay", init=False)
    _acknowledged_at: dict[CaptureFile, datetime] = field(default_factory=dict, init=False)
    _position: dict[str, int] = field(default_factory=dict, init=False)

    def answer(self, dataset: str, etags: tuple[str, ...], now: datetime) -> Answer:
        files = self._files(dataset)
        acknowledged = self._acknowledge(files, etags, now)
        following = acknowledged + 1
        if following == len(files):
            return self._nothing_new(files[-1])
        hold = 0.0
        if following > 0 and dataset == SENSORS.dataset:
            hold = self._seconds_until(files[acknowledged], files[following], now)
        if hold > 0 and self.speed == 1:
            return self._nothing_new(files[acknowledged])
        self._position[dataset] = following
        file = files[following]
        return Answer(self._etag(file), file.observed_at, file.body(), min(hold, self.longest_hold_seconds))

    def peek(self, dataset: str, now: datetime) -> Answer:
        file = self._files(dataset)[self._position.get(dataset, 0)]
        return Answer(self._etag(file), file.observed_at, file.body())

    def now(self, now: datetime) -> datetime:
        return self._files(SENSORS.dataset)[self._position.get(SENSORS.dataset, 0)].observed_at

    @property
    def acknowledged(self) -> Mapping[str, bool]:
        return {
            dataset: self.capture.files[dataset][-1] in self._acknowledged_at
            for dataset in DATASETS
            if dataset in self.capture.files
        }

    @property
    def is_done(self) -> bool:
        return all(self.acknowledged.values())

    def _files(self, dataset: str) -> tuple[CaptureFile, ...]:
        try:
            return self.capture.files[dataset]
        except KeyError:
            raise UnknownDatasetError(dataset) from None

    def _acknowledge(self, files: tuple[CaptureFile, ...], etags: tuple[str, ...], now: datetime) -> int:
        """Index of the file whose ETag came back, -1 when none of this run did."""
        known = [
            index
            for etag in etags
            if (index := self._index_of_etag.get((files[0].dataset, etag))) is not None
        ]
        if not known:
            return -1
        index = max(known)
        self._acknowledged_at.setdefault(files[index], now)
        self._position[files[index].dataset] = index
        return index

    @cached_property
    def _index_of_etag(self) -> dict[tuple[str, str], int]:
        return {
            (dataset, self._etag(file)): index
            for dataset, files in self.capture.files.items()
            for index, file in enumerate(files)
        }

    def _seconds_until(self, file: CaptureFile, following: CaptureFile, now: datetime) -> float:
        if self.speed == 0:
            return 0
        gap = (following.observed_at - file.observed_at) / self.speed
        return max(0.0, (self._acknowledged_at[file] + gap - now) / timedelta(seconds=1))

    def _nothing_new(self, file: CaptureFile) -> Answer:
        return Answer(self._etag(file), file.observed_at, body=None)

    def _etag(self, file: CaptureFile) -> str:
        return f"r{self.run_number}-{file.stem}"
