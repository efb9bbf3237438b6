"""Which jobs run, and from which state: what runs is left alone, what was lost comes back with its newest state."""

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from melpark.errors import RetryableError
from melpark.places import Home
from melpark.processing.live import standing_alerts
from melpark.processing.live.cluster import Cluster, RunningJob
from melpark.processing.live.gateway import Session
from melpark.processing.live.jobs import ALERTS, Job, jobs
from melpark.settings import Settings

# A job without state reads what Kafka got within so long; what was known before it takes from the present.
LOOK_BACK_SECONDS = 900
# Submissions of a job whose states are kept.
STATES_KEPT = 3
OPTIONS = {
    "table.local-time-zone": "UTC",
    # Values of one key keep their order, for they go one way.
    "table.exec.sink.upsert-materialize": "NONE",
}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Submission:
    """A job that was submitted: another digest is other SQL or settings, whose state fits no more.

    `start_ms` is the instant from which its histories are read; it stays the same as long as its state does.
    """

    title: str
    digest: str
    job_id: str
    start_ms: int
    savepoint: str = ""


class Record:
    """The file in which submissions stand, newest last: after a loss it tells whose checkpoints are whose."""

    def __init__(self, settings: Settings) -> None:
        self._folder = Home(settings.home).engine("flink").resolve()
        self._file = self._folder / "jobs.json"

    def add(self, submission: Submission) -> None:
        self._write([*self.all(), submission])

    def all(self) -> list[Submission]:
        if not self._file.exists():
            return []
        return [Submission(**one) for one in json.loads(self._file.read_text())]

    def newest_state(self, title: str, digest: str) -> Path | None:
        """Folder of the newest checkpoint or savepoint that is whole; None without one."""
        states = [
            state
            for one in self.all()
            if (one.title, one.digest) == (title, digest)
            for state in self._whole_states(one)
        ]
        return max(states, key=_written_ns, default=None)

    def forget_old_states(self) -> None:
        """Delete the checkpoints and savepoints of all but each job's newest submissions, and those that they need.

        A submission that was ended before it saved anything needs the state from which it began.
        """
        kept = self._kept()
        self._write([one for one in self.all() if one in kept])
        names = {one.job_id for one in kept} | {Path(one.savepoint).name for one in kept}
        for kind in ("checkpoints", "savepoints"):
            for state in (self._folder / kind).glob("*"):
                if state.name not in names:
                    shutil.rmtree(state, ignore_errors=True)

    def _kept(self) -> set[Submission]:
        by_title: dict[str, list[Submission]] = {}
        for one in self.all():
            by_title.setdefault(one.title, []).append(one)
        newest = {one for own in by_title.values() for one in own[-STATES_KEPT:]}
        needed = {(one.title, one.digest): self.newest_state(one.title, one.digest) for one in newest}
        return newest | {
            one for one in self.all() if needed.get((one.title, one.digest)) in self._whole_states(one)
        }

    def _whole_states(self, of: Submission) -> list[Path]:
        states = [Path(of.savepoint)] if of.savepoint else []
        states += (self._folder / "checkpoints" / of.job_id).glob("chk-*")
        return [state for state in states if (state / "_metadata").exists()]

    def _write(self, submissions: Iterable[Submission]) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps([asdict(one) for one in submissions], indent=1))
        new.replace(self._file)

    def start_ms(self, title: str, digest: str) -> int:
        """Of the newest submission of the job."""
        return next(
            one.start_ms for one in reversed(self.all()) if (one.title, one.digest) == (title, digest)
        )


def _written_ns(state: Path) -> int:
    return (state / "_metadata").stat().st_mtime_ns


def missing(running: Iterable[RunningJob]) -> list[Job]:
    """The jobs of this version that do not run."""
    titles = {job.title for job in running}
    return [job for job in jobs() if job.title not in titles]


def deploy(settings: Settings, gateway_url: str, say: Say, is_forced: bool = False) -> list[str]:
    """Let every job run. Returns the titles of those submitted; a job that runs is left alone unless forced.

    One that is replaced is stopped with a savepoint and goes on from it; one that was lost goes on from its newest
    checkpoint; one of other SQL or settings begins anew, and alerts of zones that stand are cleared.

    Raises RetryableError, StopError.
    """
    cluster = Cluster(settings.flink_port)
    if not cluster.has_room():
        raise RetryableError("Flink has no task manager", "jobs would wait", "`melpark up` starts it")
    record = Record(settings)
    submitted = []
    for job in jobs():
        running = [one for one in cluster.running() if one.title.rpartition(" v")[0] == job.name]
        digest = job.digest(settings)
        if (
            not is_forced
            and [one.title for one in running] == [job.title]
            and _is(record, running[0], digest)
        ):
            continue
        for one in running:
            _stop(cluster, record, one)
        state = record.newest_state(job.title, digest)
        say(f"{job.title}: {f'goes on from {state}' if state else 'begins'}")
        if (
            state is None
            and job.name == ALERTS
            and (cleared := standing_alerts.clear(settings.kafka_address))
        ):
            say(f"{job.title}: {cleared} alerts of zones, of the job before it, are cleared")
        start_ms = record.start_ms(job.title, digest) if state else _now_ms() - LOOK_BACK_SECONDS * 1000
        job_id = _submit(settings, gateway_url, job, start_ms, state)
        record.add(Submission(job.title, digest, job_id, start_ms))
        submitted.append(job.title)
    record.forget_old_states()
    return submitted


def _is(record: Record, running: RunningJob, digest: str) -> bool:
    return any(one.job_id == running.job_id and one.digest == digest for one in record.all())


def _stop(cluster: Cluster, record: Record, running: RunningJob) -> None:
    """A job that does not run right now cannot save its state; its checkpoints serve."""
    if running.state != "RUNNING":
        cluster.cancel(running.job_id)
        return
    savepoint = cluster.stop_with_savepoint(running.job_id)
    known = next((one for one in record.all() if one.job_id == running.job_id), None)
    if known is not None:
        record.add(replace(known, savepoint=savepoint))


def _now_ms() -> int:
    """Our clock, by which Kafka stamps what it gets."""
    return round(time.time() * 1000)


def _submit(settings: Settings, gateway_url: str, job: Job, start_ms: int, state: Path | None) -> str:
    *before, last = job.statements(settings, start_ms)
    with Session(gateway_url) as session:
        for name, value in OPTIONS.items():
            session.run(f"SET '{name}' = '{value}'")
        if state is not None:
            session.run(f"SET 'execution.state-recovery.path' = 'file://{state}'")
        for statement in before:
            session.run(statement)
        return str(session.run(last)[0][0])
