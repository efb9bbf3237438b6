"""How the last run of each job ended: a small file per job in the home, for whoever watches from outside."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from melpark.places import Home

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobRun:
    """The newest run of a job by our clock; `error` in one line when it failed."""

    job: str
    started_at: datetime
    seconds: float
    error: str | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None

    @property
    def is_failed(self) -> bool:
        return self.error is not None


@contextmanager
def recorded(home: Home, job: str) -> Iterator[None]:
    """Write down how what is done within ended; an error goes on its way."""
    started_at, began = datetime.now(UTC), time.monotonic()
    error: str | None = None
    try:
        yield
    except Exception as caught:
        error = " ".join(str(caught).split()) or type(caught).__name__
        raise
    finally:
        _write(home, JobRun(job, started_at, round(time.monotonic() - began, 3), error))


def tell(home: Home, job: str, seconds: float, error: str | None) -> None:
    """Write down how a job that another scheduler has just run ended; `error` in one line when it failed."""
    _write(home, JobRun(job, datetime.now(UTC) - timedelta(seconds=seconds), seconds, error))


def newest(home: Home) -> list[JobRun]:
    """The newest run of every job that ever ran on the home, by name."""
    found = (_read(file) for file in sorted(_folder(home).glob("*.json")))
    return [run for run in found if run is not None]


def _write(home: Home, run: JobRun) -> None:
    file = _folder(home) / f"{run.job.replace(' ', '-')}.json"
    before, now = _read(file), datetime.now(UTC)
    run = replace(
        run,
        succeeded_at=(before.succeeded_at if before else None) if run.is_failed else now,
        failed_at=now if run.is_failed else (before.failed_at if before else None),
    )
    new = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(asdict(run), default=datetime.isoformat))
        new.replace(file)
    except OSError as error:
        # What was done stands all the same.
        log.warning("How %s ended cannot be written down: %s", run.job, error)


def _read(file: Path) -> JobRun | None:
    try:
        values = json.loads(file.read_text())
        times = {
            name: datetime.fromisoformat(value) if (value := values[name]) else None
            for name in ("started_at", "succeeded_at", "failed_at")
        }
        return JobRun(**(values | times))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(home: Home) -> Path:
    return home.run / "jobs"
