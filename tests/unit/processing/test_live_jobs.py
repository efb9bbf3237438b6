"""Laws of Flink's jobs as text, and of what is told of their health."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from melpark.places import Home
from melpark.processing.live import health
from melpark.processing.live.cluster import RunningJob
from melpark.processing.live.deployment import Record, Submission, missing
from melpark.processing.live.jobs import Job, jobs
from melpark.settings import Settings

NOW = datetime(2025, 8, 7, 1, 0, tzinfo=UTC)


def running(job: Job, state: str = "RUNNING", age: timedelta = timedelta(seconds=5)) -> RunningJob:
    return RunningJob("1", job.title, state, NOW - age)


def test_each_job_has_a_name_of_its_own_and_says_it_to_flink() -> None:
    assert len({job.name for job in jobs()}) == len(jobs())
    for job in jobs():
        assert job.statements(Settings())[0] == f"SET 'pipeline.name' = '{job.name} v{job.version}'"


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_statements_are_whole_and_only_the_last_one_submits(job: Job) -> None:
    *before, last = job.statements(Settings())[1:]
    assert all(statement.startswith("CREATE TEMPORARY ") for statement in before)
    assert last.startswith(("INSERT INTO ", "EXECUTE STATEMENT SET\nBEGIN\n"))
    for statement in (*before, last):
        assert "{{" not in statement
        assert "{%" not in statement
        assert statement.count("(") == statement.count(")")


def test_a_digest_follows_the_settings_that_the_sql_holds_and_not_where_kafka_is() -> None:
    for job in jobs():
        assert job.digest(Settings()) == job.digest(Settings(kafka_port=9999))
    digests = [[job.digest(Settings(feed_lag_seconds=lag)) for job in jobs()] for lag in (180, 181)]
    assert digests[0] != digests[1]


def test_all_jobs_running_and_saved_of_late_is_well() -> None:
    found = health.judge([running(job) for job in jobs()], NOW)
    assert found.is_well
    assert not missing(found.jobs)


def test_a_job_that_is_gone_restarts_or_saves_nothing_is_named() -> None:
    first, second, *others = jobs()
    found = health.judge(
        [running(second, "RESTARTING"), *(running(job, age=timedelta(hours=1)) for job in others)], NOW
    )
    assert [line.split(" v")[0] for line in found.problems] == [job.name for job in jobs()]
    assert "does not run" in found.problems[0]
    assert "is restarting" in found.problems[1]
    assert "has saved nothing" in found.problems[2]
    assert missing(found.jobs) == [first]


def test_a_job_that_never_saved_anything_is_not_well() -> None:
    first, *others = jobs()
    found = health.judge([RunningJob("1", first.title, "RUNNING"), *(running(job) for job in others)], NOW)
    assert [line.split(" v")[0] for line in found.problems] == [first.name]
    assert "saved nothing yet" in found.problems[0]


def test_the_newest_whole_state_of_the_same_sql_is_found_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = Home(tmp_path).engine("flink")
    record = Record(settings)
    for written_ns, (job_id, number) in enumerate((("a", 1), ("a", 7), ("b", 3), ("other", 9))):
        state = folder / "checkpoints" / job_id / f"chk-{number}"
        state.mkdir(parents=True)
        (state / "_metadata").touch()
        os.utime(state / "_metadata", ns=(written_ns, written_ns))
    # One that was not finished.
    (folder / "checkpoints" / "b" / "chk-4").mkdir()
    record.add(Submission("job v1", "same", "a", 5))
    record.add(Submission("job v1", "same", "b", 5))
    record.add(Submission("job v1", "another", "other", 6))
    assert (
        Record(settings).newest_state("job v1", "same") == (folder / "checkpoints" / "b" / "chk-3").resolve()
    )
    assert record.start_ms("job v1", "same") == 5
    assert record.newest_state("job v2", "same") is None


def test_states_of_long_ago_are_deleted_and_the_newest_stay(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = Home(tmp_path).engine("flink")
    record = Record(settings)
    for number in range(6):
        (folder / "checkpoints" / f"a{number}" / "chk-1").mkdir(parents=True)
        (folder / "savepoints" / f"savepoint-{number}").mkdir(parents=True)
        savepoint = str(folder / "savepoints" / f"savepoint-{number}")
        record.add(Submission("job v1", "same", f"a{number}", 5, savepoint))
    record.forget_old_states()
    assert {state.name for state in (folder / "checkpoints").iterdir()} == {"a3", "a4", "a5"}
    assert {state.name for state in (folder / "savepoints").iterdir()} == {
        f"savepoint-{n}" for n in (3, 4, 5)
    }


def test_the_only_whole_state_of_a_job_is_never_deleted_however_often_it_is_submitted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = Home(tmp_path).engine("flink")
    record = Record(settings)
    only = folder / "checkpoints" / "a0" / "chk-1"
    only.mkdir(parents=True)
    (only / "_metadata").touch()
    for number in range(60):
        (folder / "checkpoints" / f"a{number}").mkdir(parents=True, exist_ok=True)
        record.add(Submission("job v1", "same", f"a{number}", 5))
        record.forget_old_states()
    assert {state.name for state in (folder / "checkpoints").iterdir()} == {"a0", "a57", "a58", "a59"}
    assert Record(settings).newest_state("job v1", "same") == only.resolve()
    assert record.start_ms("job v1", "same") == 5
    # Of other SQL it is of no use.
    for number in range(60, 63):
        record.add(Submission("job v1", "another", f"a{number}", 6))
    record.forget_old_states()
    assert not only.exists()
