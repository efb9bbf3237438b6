"""Laws of Airflow as the scheduler: on loopback, with a password of its own, telling nobody, its state in the home."""

import json
import re
import stat
from pathlib import Path

import httpx
import pytest

from melpark import loopback, secrets
from melpark.errors import StopError
from melpark.places import AIRFLOW_ADMIN, ORCHESTRATION, PROJECT, Home
from melpark.processing import gold_steps
from melpark.settings import Settings
from melpark.stack import airflow
from melpark.stack.declaration import Engine, UnhealthyError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, scheduled_by="airflow")


def test_it_listens_on_loopback_and_tells_nobody(settings: Settings) -> None:
    given = airflow.environment(settings)
    assert given["AIRFLOW__API__HOST"] == "127.0.0.1"
    urls = [value for value in given.values() if value.startswith("http")]
    assert [url for url in urls if not url.startswith("http://127.0.0.1:18086")] == []
    assert given["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert given["AIRFLOW__COSMOS__ENABLE_TELEMETRY"] == "False"
    scheduler = next(node for node in airflow.nodes(settings) if node.name == "airflow-scheduler")
    assert isinstance(scheduler, Engine)
    # Its log server listens on every address.
    assert "--skip-serve-logs" in scheduler.command().arguments


def test_its_state_is_in_the_home_and_its_workers_are_few(settings: Settings, tmp_path: Path) -> None:
    given = airflow.environment(settings)
    assert Path(given["AIRFLOW_HOME"]) == tmp_path / "engines" / "airflow"
    assert given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{given['AIRFLOW_HOME']}/airflow.db"
    # No DAG takes the place of another.
    dags = len(list((ORCHESTRATION / "dags").glob("melpark_*_dag.py")))
    assert (given["AIRFLOW__CORE__PARALLELISM"], dags) == ("4", 4)
    assert given["AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG"] == "1"
    for page in ("orchestration.md", "adr/0027-airflow.md"):
        said = (PROJECT / "docs" / page).read_text()
        assert re.search(r"[Ff]our( tasks at a time at most)?, one of each DAG", said), page


def test_tasks_get_the_key_of_the_portal_and_no_other_secret(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "home": tmp_path,
            "portal_api_key": "key",
            "alert_webhook_url": "https://example.org/token",
            "scheduled_by": "airflow",
        }
    )
    given = airflow.environment(settings)
    assert given["MELPARK_PORTAL_API_KEY"] == "key"
    assert "MELPARK_ALERT_WEBHOOK_URL" not in given


def test_its_user_has_the_homes_password_in_a_file_of_the_owner_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    secrets.ensure(home)
    # In the place of Airflow: a program that succeeds.
    program = tmp_path / "bin" / "airflow"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho $AIRFLOW_HOME $@\n")
    program.chmod(0o755)
    monkeypatch.setattr(airflow, "AIRFLOW", tmp_path)
    monkeypatch.setattr(gold_steps, "is_manifest_current", lambda: True)
    home.logs.mkdir()
    airflow.make_database(settings)
    file = home.engine("airflow") / "passwords.json"
    assert json.loads(file.read_text()) == {"admin": secrets.token(tmp_path, AIRFLOW_ADMIN)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert (home.logs / "airflow-database.log").read_text() == f"{home.engine('airflow')} db migrate\n"


def test_without_its_environment_it_says_how_to_get_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow, "AIRFLOW", tmp_path / "none")
    with pytest.raises(StopError, match="make airflow"):
        airflow.make_database(settings)


def test_a_part_is_healthy_when_airflow_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    health = {"scheduler": {"status": "healthy"}, "dag_processor": {"status": None}}
    answers = httpx.MockTransport(lambda request: httpx.Response(200, json=health))
    monkeypatch.setattr(loopback, "client", lambda: httpx.Client(transport=answers))
    checks = {node.name: node.check for node in airflow.nodes(settings) if isinstance(node, Engine)}
    checks["airflow-scheduler"]()
    with pytest.raises(UnhealthyError, match="dag_processor: nothing yet"):
        checks["airflow-dags"]()
