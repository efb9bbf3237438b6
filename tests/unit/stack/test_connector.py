"""Laws of the connector: its configuration comes whole from the contracts, and is put right when it differs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from melpark import contracts, secrets
from melpark.errors import RetryableError, StopError
from melpark.places import ROLES, Home, topic
from melpark.processing import setup_debezium
from melpark.settings import Settings
from melpark.stack import connect
from melpark.stack.declaration import UnhealthyError
from unit.stack.connect_worker import CONFIG, STATUS, Worker, running_worker

RESTART = "POST /connectors/melpark-connector/restart?includeTasks=true&onlyFailed=true"


@pytest.fixture
def worker() -> Iterator[Worker]:
    with running_worker() as worker:
        yield worker


@pytest.fixture
def settings(worker: Worker) -> Settings:
    return Settings(connect_port=worker.port)


def states(connector: str, *tasks: str, trace: str = "") -> tuple[int, dict[str, object]]:
    described = [{"id": 0, "state": task} | ({"trace": trace} if trace else {}) for task in tasks]
    return 200, {"name": "melpark-connector", "connector": {"state": connector}, "tasks": described}


def test_every_value_of_the_configuration_is_filled_in() -> None:
    made = setup_debezium.configuration(Settings(postgres_port=15999))
    left = {key: value for key, value in made.items() if "$" in value and not value.startswith("${env:")}
    assert not left
    assert made["database.port"] == "15999"


def test_the_configuration_holds_no_password(tmp_path: Path) -> None:
    home = Home(tmp_path)
    secrets.ensure(home)
    text = json.dumps(setup_debezium.configuration(Settings(home=home.root)))
    assert '"database.password": "${env:MELPARK_CAPTURE_PASSWORD}"' in text
    assert not [role for role in ROLES if secrets.password(home.root, role) in text]


def test_every_captured_table_is_included_and_keyed_by_its_contract() -> None:
    made = setup_debezium.configuration(Settings())
    assert made["table.include.list"].split(",") == [f"parking.{table.name}" for table in contracts.CAPTURED]
    keys = dict(part.split(":") for part in made["message.key.columns"].split(";"))
    assert keys == {f"parking.{table.name}": ",".join(table.key) for table in contracts.CAPTURED}


def test_a_missing_connector_is_created(worker: Worker, settings: Settings) -> None:
    worker.answers[f"PUT {CONFIG}"] = (201, {})
    assert setup_debezium.register(settings) == "created"
    assert worker.bodies[-1] == setup_debezium.configuration(settings)


def test_a_connector_that_is_right_is_left_alone(worker: Worker, settings: Settings) -> None:
    current = setup_debezium.configuration(settings) | {"name": "melpark-connector"}
    worker.answers[f"GET {CONFIG}"] = (200, current)
    assert setup_debezium.register(settings) == "unchanged"
    assert worker.asked == [f"GET {CONFIG}"]


def test_a_connector_that_differs_is_corrected_and_the_keys_are_named(
    worker: Worker, settings: Settings
) -> None:
    current = setup_debezium.configuration(settings) | {"poll.interval.ms": "9", "colour": "red"}
    worker.answers |= {f"GET {CONFIG}": (200, current), f"PUT {CONFIG}": (200, {})}
    assert setup_debezium.register(settings) == "corrected: colour, poll.interval.ms"


@pytest.mark.parametrize("code", [409, 500, 503])
def test_a_worker_that_is_not_ready_may_be_asked_again(code: int, worker: Worker, settings: Settings) -> None:
    worker.answers[f"GET {CONFIG}"] = (code, {"message": "rebalancing"})
    with pytest.raises(RetryableError, match=r"not ready.*rebalancing"):
        setup_debezium.register(settings)


@pytest.mark.parametrize("code", [400, 404])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_error_that_is_not_in_connects_words_may_be_asked_again(
    method: str, code: int, worker: Worker, settings: Settings
) -> None:
    worker.answers[f"GET {CONFIG}"] = (200, {"tasks.max": "2"})
    worker.answers[f"{method} {CONFIG}"] = (code, "")

    with pytest.raises(RetryableError, match=f"not ready: HTTP {code}"):
        setup_debezium.register(settings)


def test_a_worker_that_is_away_may_be_asked_again(settings: Settings) -> None:
    with running_worker() as gone:
        port = gone.port
    with pytest.raises(RetryableError, match="does not answer"):
        setup_debezium.register(settings.model_copy(update={"connect_port": port}))


def test_a_refused_configuration_is_for_a_person_to_mend(worker: Worker, settings: Settings) -> None:
    worker.answers[f"PUT {CONFIG}"] = (400, {"error_code": 400, "message": "Invalid value red for colour"})
    with pytest.raises(StopError, match=rf"refused PUT {CONFIG}.*Invalid value red"):
        setup_debezium.register(settings)


@pytest.mark.parametrize(
    ("answer", "expected", "is_running"),
    [
        (states("RUNNING", "RUNNING"), ("RUNNING", "RUNNING", ""), True),
        (states("RUNNING"), ("RUNNING", "UNASSIGNED", ""), False),
        (states("PAUSED", "PAUSED"), ("PAUSED", "PAUSED", ""), False),
        (states("RUNNING", "FAILED", trace="no slot\n\tat X"), ("RUNNING", "FAILED", "no slot"), False),
        ((404, {"error_code": 404, "message": "No status found"}), ("MISSING", "MISSING", ""), False),
    ],
)
def test_the_state_is_that_of_the_connector_and_of_its_task(
    answer: tuple[int, object],
    expected: tuple[str, str, str],
    is_running: bool,
    worker: Worker,
    settings: Settings,
) -> None:
    worker.answers[f"GET {STATUS}"] = answer
    now = setup_debezium.status(settings)
    assert (now.connector, now.task, now.trace) == expected
    assert now.is_running == is_running


@pytest.mark.parametrize("answer", [states("RUNNING", "FAILED", trace="no slot"), states("FAILED")])
def test_what_has_failed_is_started_again_and_told(
    answer: tuple[int, object], worker: Worker, settings: Settings
) -> None:
    worker.answers |= {f"GET {STATUS}": answer, RESTART: (202, {})}
    assert "FAILED" in setup_debezium.restart_failed(settings)
    assert worker.asked == [f"GET {STATUS}", RESTART]


@pytest.mark.parametrize(
    "answer",
    [
        states("RUNNING", "RUNNING"),
        states("RUNNING"),
        (404, {"error_code": 404, "message": "No status found"}),
    ],
)
def test_what_has_not_failed_is_not_touched(
    answer: tuple[int, object], worker: Worker, settings: Settings
) -> None:
    worker.answers[f"GET {STATUS}"] = answer
    assert setup_debezium.restart_failed(settings) == ""
    assert worker.asked == [f"GET {STATUS}"]


def test_a_connector_that_was_left_stopped_goes_on(worker: Worker, settings: Settings) -> None:
    resume = "PUT /connectors/melpark-connector/resume"
    worker.answers |= {f"GET {STATUS}": states("STOPPED"), resume: (202, {})}
    assert "STOPPED" in setup_debezium.restart_failed(settings)
    assert worker.asked == [f"GET {STATUS}", resume]


def test_only_topics_keyed_by_more_than_the_bay_are_routed_by_it(settings: Settings) -> None:
    pattern = setup_debezium.configuration(settings)["predicates.isKeyedByMore.pattern"]
    routed = [name for name in contracts.CAPTURED if re.fullmatch(pattern, topic(name.name))]
    assert routed == [contracts.SENSOR_EVENTS, contracts.SENSOR_STATES]


def test_a_worker_without_a_connector_is_healthy(worker: Worker, settings: Settings) -> None:
    worker.answers["GET /connectors"] = (200, [])
    connect.engine(settings).check()
    assert worker.asked == ["GET /connectors"]


def test_a_worker_whose_task_has_failed_is_unhealthy_with_the_reason(
    worker: Worker, settings: Settings
) -> None:
    worker.answers |= {
        "GET /connectors": (200, ["melpark-connector"]),
        f"GET {STATUS}": states("RUNNING", "FAILED", trace="no slot"),
        RESTART: (202, {}),
    }
    with pytest.raises(UnhealthyError, match="no slot"):
        connect.engine(settings).check()
