"""Laws of what is written down of a job: how its newest run ended, and when it last went well and badly."""

import json
from pathlib import Path

import pytest

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import job_runs


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def fail(home: Home, job: str, error: BaseException) -> None:
    with pytest.raises(type(error)), job_runs.recorded(home, job):
        raise error


def test_a_run_that_fails_is_told_with_its_reason_and_the_error_goes_on(home: Home) -> None:
    fail(home, "tests of gold", StopError("Gold: test failed", "a\nmodel"))
    (run,) = job_runs.newest(home)
    assert (run.job, run.is_failed, run.succeeded_at) == ("tests of gold", True, None)
    assert run.error == "Gold: test failed: a model."
    assert run.failed_at is not None
    assert run.failed_at >= run.started_at


def test_another_scheduler_tells_how_its_run_ended_and_the_next_good_one_clears_it(home: Home) -> None:
    job_runs.tell(home, "melpark_backup_dag", 90, "a task failed")
    (bad,) = job_runs.newest(home)
    job_runs.tell(home, "melpark_backup_dag", 60, None)
    (good,) = job_runs.newest(home)
    assert (bad.job, bad.error, bad.seconds) == ("melpark_backup_dag", "a task failed", 90)
    assert (good.is_failed, good.failed_at) == (False, bad.failed_at)


def test_the_newest_run_counts_and_the_last_good_and_bad_end_are_kept(home: Home) -> None:
    with job_runs.recorded(home, "gold"):
        pass
    (good,) = job_runs.newest(home)
    fail(home, "gold", ValueError())
    (bad,) = job_runs.newest(home)
    assert (good.is_failed, bad.is_failed, bad.error) == (False, True, "ValueError")
    assert bad.succeeded_at == good.succeeded_at
    with job_runs.recorded(home, "gold"):
        pass
    (again,) = job_runs.newest(home)
    assert (again.is_failed, again.failed_at) == (False, bad.failed_at)


def test_a_run_that_is_cut_off_is_no_failure(home: Home) -> None:
    fail(home, "gold", KeyboardInterrupt())
    assert not any(run.is_failed for run in job_runs.newest(home))


def test_a_file_that_is_not_as_agreed_is_no_run(home: Home) -> None:
    folder = home.run / "jobs"
    folder.mkdir(parents=True)
    for number, text in enumerate(["", "[]", json.dumps({"job": "x", "started_at": "soon"})]):
        (folder / f"{number}.json").write_text(text)
    assert job_runs.newest(home) == []


def test_a_home_that_cannot_be_written_to_ends_no_job(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    (home.root / "run").write_text("")
    with job_runs.recorded(home, "gold"):
        pass
    assert "How gold ended cannot be written down" in caplog.text
