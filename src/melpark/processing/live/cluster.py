"""Flink's job manager over its REST interface: which jobs run, how they fare, stopping them with a savepoint."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from melpark import loopback
from melpark.errors import RetryableError, StopError

SAVEPOINT_SECONDS = 120.0
# States of a job that Flink keeps running, and of one that has ended.
ALIVE = frozenset({"INITIALIZING", "CREATED", "RUNNING", "FAILING", "RESTARTING", "RECONCILING"})


@dataclass(frozen=True)
class RunningJob:
    """One job that has not ended. `checkpoint_at` is when its newest checkpoint was complete, by Flink's clock."""

    job_id: str
    title: str
    state: str
    checkpoint_at: datetime | None = None
    restarts: int = 0


class Cluster:
    """The job manager on a port of this machine. Raises RetryableError when it does not answer."""

    def __init__(self, port: int) -> None:
        self._port = port

    def running(self) -> list[RunningJob]:
        """The jobs that have not ended, whatever they were called."""
        jobs = self._get("/jobs/overview")["jobs"]
        return [RunningJob(job["jid"], job["name"], job["state"]) for job in jobs if job["state"] in ALIVE]

    def looked_at(self, job: RunningJob) -> RunningJob:
        """The job with what its checkpoints tell."""
        found = self._get(f"/jobs/{job.job_id}/checkpoints")
        newest = found["latest"]["completed"]
        at = newest and datetime.fromtimestamp(newest["latest_ack_timestamp"] / 1000, UTC)
        return RunningJob(job.job_id, job.title, job.state, at, found["counts"]["restored"])

    def stop_with_savepoint(self, job_id: str) -> str:
        """Stop the job once its state is saved; returns where."""
        trigger = self._post(f"/jobs/{job_id}/stop", {"drain": False})["request-id"]
        deadline = time.monotonic() + SAVEPOINT_SECONDS
        while time.monotonic() < deadline:
            found = self._get(f"/jobs/{job_id}/savepoints/{trigger}")
            if found["status"]["id"] == "COMPLETED":
                if "location" not in found["operation"]:
                    why = str(found["operation"].get("failure-cause", {}).get("class"))
                    raise StopError(
                        "Flink could not save a job's state", why, "See `melpark logs jobmanager`"
                    )
                return str(found["operation"]["location"]).removeprefix("file:")
            time.sleep(0.1)
        raise RetryableError("Flink does not save a job's state", job_id, "See `melpark logs taskmanager`")

    def cancel(self, job_id: str) -> None:
        """End the job; its checkpoints stay."""
        self._answer(lambda client, url: client.patch(url), f"/jobs/{job_id}?mode=cancel")

    def has_room(self) -> bool:
        """Whether a task manager has come to run jobs."""
        return bool(self._get("/overview")["taskmanagers"])

    def _get(self, path: str) -> dict[str, Any]:
        return self._answer(lambda client, url: client.get(url), path)

    def _post(self, path: str, body: object) -> dict[str, Any]:
        return self._answer(lambda client, url: client.post(url, json=body), path)

    def _answer(self, ask: Any, path: str) -> dict[str, Any]:
        try:
            answer = ask(loopback.client(), loopback.url(self._port, path))
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RetryableError(
                f"Flink's job manager does not answer on port {self._port}",
                str(error) or type(error).__name__,
                "See `melpark logs jobmanager`; `melpark up` starts it",
            ) from None
        return found
