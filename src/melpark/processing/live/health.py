"""How Flink's jobs fare: whether each runs, and whether its state was saved of late."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from melpark.processing.live.cluster import Cluster, RunningJob
from melpark.processing.live.jobs import jobs
from melpark.settings import Settings

# Checkpoints are taken every five seconds; a job whose newest is older does not move.
CHECKPOINT_AGE = timedelta(minutes=2)


@dataclass(frozen=True)
class Health:
    """What was found: the jobs that Flink keeps, and what is wrong in a line each (none when all is well)."""

    jobs: list[RunningJob]
    problems: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not self.problems

    @property
    def lines(self) -> list[str]:
        """For people."""
        told = [
            f"{job.title}: {job.state.lower()}, newest checkpoint {job.checkpoint_at or 'none'}, "
            f"came back {job.restarts} times"
            for job in self.jobs
        ]
        return [*told, *self.problems]

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {"jobs": [vars(job) for job in self.jobs], "problems": self.problems}


def look(settings: Settings, now: datetime | None = None) -> Health:
    """Ask the job manager. Raises RetryableError when it does not answer."""
    cluster = Cluster(settings.flink_port)
    return judge([cluster.looked_at(job) for job in cluster.running()], now or datetime.now(UTC))


def judge(running: list[RunningJob], now: datetime) -> Health:
    """What the jobs that Flink keeps amount to."""
    known = {job.title: job for job in running}
    problems = []
    for job in jobs():
        found = known.get(job.title)
        if found is None:
            problems.append(f"{job.title} does not run: `melpark live deploy` submits it")
        elif found.state != "RUNNING":
            problems.append(f"{job.title} is {found.state.lower()}: see `melpark logs taskmanager`")
        elif found.checkpoint_at is None:
            problems.append(f"{job.title} has saved nothing yet: it has just begun, or does not move")
        elif now - found.checkpoint_at > CHECKPOINT_AGE:
            problems.append(f"{job.title} has saved nothing since {found.checkpoint_at}")
    return Health(running, problems)
