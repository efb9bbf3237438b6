"""Laws of the operation's own alerts: raised once, cleared once, the same after a restart; unknown is not well."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from melpark import cli
from melpark.places import Home
from melpark.processing.job_runs import JobRun, recorded
from melpark.serving.webhook import delivery, operation
from melpark.serving.webhook import outbox as outboxes
from melpark.serving.webhook.alert_log import AlertLog
from melpark.serving.webhook.outbox import Outbox
from melpark.serving.webhook.receiver import Receiver
from melpark.settings import Settings
from unit.serving.exposed import SENSORS, run_of_a_stack

START = datetime(2026, 1, 2, tzinfo=UTC)
LIMIT = timedelta(seconds=360)
BAD = operation.Finding(START, "something is wrong")
SUBJECT = ("run_failed", "gold")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def document(accepted_at: datetime | None, outcome: str = "accepted") -> dict[str, Any]:
    polls = {
        "last_outcome": outcome,
        "last_reason": "it holds no record",
        "last_started_at": START.isoformat(),
        "last_accepted_at": accepted_at.isoformat() if accepted_at else None,
    }
    return {"polls": {SENSORS: polls}}


def test_nothing_arrives_when_the_newest_poll_is_three_intervals_old() -> None:
    arrivals = operation.Arrivals(Settings(), START)
    assert arrivals.look(document(after(100)), after(100) + LIMIT) is None
    found = arrivals.look(document(after(100)), after(101) + LIMIT)
    assert found is not None
    assert (found.at, found.threshold) == (after(100) + LIMIT, 6)
    assert arrivals.look(document(after(400)), after(500)) is None


@pytest.mark.parametrize("unknown", [None, {"polls": {}}, document(None)])
def test_a_stack_of_which_nothing_is_known_counts_as_silent(unknown: dict[str, Any] | None) -> None:
    arrivals = operation.Arrivals(Settings(), START)
    assert arrivals.look(document(after(10)), after(20)) is None
    assert arrivals.look(unknown, after(10) + LIMIT) is None
    assert arrivals.look(unknown, after(11) + LIMIT) is not None


def test_a_replay_may_end() -> None:
    settings = Settings(source="replay", capture_dir=Path("anywhere"))
    assert operation.Arrivals(settings, START).look(None, after(1e6)) is None


def test_one_failed_poll_or_job_is_found_with_its_reason_and_a_good_one_is_known_to_be_well() -> None:
    good = JobRun("maintenance", START, 1, succeeded_at=START)
    bad = JobRun("gold", START, 1, "Gold: build failed", failed_at=after(5))
    found = operation.failed_runs(document(None, "refused"), [good, bad])
    poll = found["run_failed", f"poll of {SENSORS}"]
    assert poll is not None
    assert poll.detail == f"The poll of {SENSORS} was refused: it holds no record"
    gold = found[SUBJECT]
    assert gold is not None
    assert (gold.at, gold.detail) == (after(5), "The newest run of gold failed: Gold: build failed")
    assert found["run_failed", "maintenance"] is None
    assert operation.failed_runs(document(START), [])["run_failed", f"poll of {SENSORS}"] is None


def test_an_alert_is_told_when_it_is_raised_and_when_it_is_cleared_and_not_in_between() -> None:
    alerts = operation.Open([])
    (raised,) = alerts.changes({SUBJECT: BAD}, after(1))
    assert alerts.changes({SUBJECT: operation.Finding(after(9), "again")}, after(9)) == []
    assert alerts.changes({}, after(10)) == []
    (cleared,) = alerts.changes({SUBJECT: None}, after(11))
    assert alerts.changes({SUBJECT: None}, after(12)) == []
    assert raised["alert_id"] == cleared["alert_id"] == "run_failed/gold/2026-01-02T00:00:00Z"
    assert (raised["state"], cleared["state"]) == ("raised", "cleared")
    assert (raised["cleared_at"], cleared["cleared_at"]) == (None, "2026-01-02T00:00:11Z")
    assert operation.message_id(raised) != operation.message_id(cleared)


def test_after_a_restart_what_was_raised_is_cleared_and_not_raised_again() -> None:
    first = operation.Open([])
    told = first.changes({SUBJECT: BAD}, after(1))
    assert operation.Open(told).changes({SUBJECT: BAD}, after(2)) == []
    (cleared,) = operation.Open(told).changes({SUBJECT: None}, after(2))
    assert operation.Open([*told, cleared]).changes({SUBJECT: None}, after(3)) == []


def test_an_id_fits_a_header_whatever_the_place_is_called() -> None:
    id = operation.message_id({"alert_id": "zone_full/Café Street/2026-01-02T00:00:00Z", "state": "raised"})
    assert id == "zone_full/Caf%C3%A9%20Street/2026-01-02T00:00:00Z:raised"


def test_a_look_at_a_home_puts_what_failed_there_into_the_outbox_once(tmp_path: Path) -> None:
    home, settings = Home(tmp_path), Settings(home=tmp_path)
    run_of_a_stack(home)
    outbox = Outbox(home.outbox)
    arrivals, raised = operation.Arrivals(settings, datetime.now(UTC)), operation.Open([])
    for _ in range(2):
        delivery.look(home, outbox, arrivals, raised)
    with recorded(home, "maintenance"):
        pass
    delivery.look(home, outbox, arrivals, raised)
    told = [(body["type"], body["data"]["place"]) for body in outbox.bodies_of("run_failed/")]
    outbox.close()
    assert told == [
        ("alert.raised", f"poll of {SENSORS}"),
        ("alert.raised", "maintenance"),
        ("alert.cleared", "maintenance"),
    ]


def test_a_job_that_another_scheduler_tells_of_goes_the_same_way_to_the_outbox(tmp_path: Path) -> None:
    home, settings = Home(tmp_path), Settings(home=tmp_path)
    outbox = Outbox(home.outbox)
    arrivals, raised = operation.Arrivals(settings, datetime.now(UTC)), operation.Open([])

    def tell(*options: str) -> None:
        words = ["alerts", "job", "melpark_quality_dag", "--seconds", "90", *options]
        answer = CliRunner().invoke(cli.app, words, env={"MELPARK_HOME": str(tmp_path)})
        assert answer.exit_code == 0, answer.output
        delivery.look(home, outbox, arrivals, raised)

    tell("--failed", "task_failure,\n see the run in Airflow")
    tell("--failed", "again")
    tell()
    told = [
        (body["type"], body["data"]["place"], body["data"]["detail"])
        for body in outbox.bodies_of("run_failed/")
    ]
    outbox.close()
    reason = "The newest run of melpark_quality_dag failed: task_failure, see the run in Airflow"
    assert told == [
        ("alert.raised", "melpark_quality_dag", reason),
        ("alert.cleared", "melpark_quality_dag", f"Over: {reason}"),
    ]


def test_the_outbox_is_made_before_the_threads_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses all but one of those who make the same file at once."""
    stop, found = threading.Event(), list[outboxes.Counts | None]()

    def note(file: Path) -> None:
        found.append(outboxes.counts(file))
        if len(found) == 2:
            stop.set()

    monkeypatch.setattr(delivery, "_watch", lambda settings, file, stop: note(file))
    monkeypatch.setattr(AlertLog, "run", lambda self: note(self._file))
    delivery.deliver(Settings(home=tmp_path), Receiver("https://example.org", None), stop)
    assert found == [outboxes.Counts(), outboxes.Counts()]
