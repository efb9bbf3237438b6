"""Laws of parts that somebody else starts: their names are the plan's, and they are handed their passwords."""

import stat
from pathlib import Path

import pytest

from melpark import secrets
from melpark.errors import ConfigurationError, RetryableError, StopError
from melpark.places import AIRFLOW_ADMIN, CDS_TOKEN, GRAFANA_ADMIN, READER_ROLE, ROLES, Home
from melpark.settings import Settings
from melpark.stack import part, plan
from melpark.stack.declaration import Step


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_parts_are_those_of_the_plan_and_what_goes_before(settings: Settings) -> None:
    assert part.names(settings) == [
        "fetch",
        "home",
        *(node.name for node in plan.nodes(settings)),
        "watch",
    ]


def test_a_part_needs_a_home_of_the_same_source(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="is no home yet"):
        part.run(settings, "kafka")
    part.run(settings, part.HOME)
    with pytest.raises(ConfigurationError, match="holds data of source simulator"):
        part.run(settings.model_copy(update={"source": "portal"}), "kafka")


def test_a_part_that_there_is_not_is_told_with_those_that_there_are(settings: Settings) -> None:
    part.run(settings, part.HOME)
    with pytest.raises(ConfigurationError, match=r"There is no part zookeeper.*kafka"):
        part.run(settings, "zookeeper")
    with pytest.raises(ConfigurationError, match="migrate has no health"):
        part.check(settings, "migrate")


def test_an_engine_that_does_not_answer_is_not_healthy(settings: Settings) -> None:
    part.run(settings, part.HOME)
    with pytest.raises(RetryableError, match="streams is not healthy"):
        part.check(settings, "streams")


def test_a_step_is_tried_as_often_as_the_plan_says(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    tries = []

    def fail() -> None:
        tries.append(1)
        raise RetryableError("not yet", "", "")

    part.run(settings, part.HOME)
    monkeypatch.setattr(part, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(plan, "nodes", lambda _: (Step("migrate", fail, attempts=3),))
    with pytest.raises(RetryableError):
        part.run(settings, "migrate")
    assert len(tries) == 3


def test_credentials_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    # As Docker makes it, when nobody did before.
    folder.mkdir(mode=0o755)
    made = secrets.write_files(folder)
    assert {file.name for file in made} == {*ROLES, AIRFLOW_ADMIN, CDS_TOKEN, GRAFANA_ADMIN}
    before = {file.name: file.read_text() for file in made}
    assert len(set(before.values())) == len(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert secrets.write_files(folder) == []
    assert {file.name: file.read_text() for file in folder.iterdir()} == before


def test_what_is_handed_over_is_taken_and_the_home_holds_none(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = tmp_path / "handed"
    handed.mkdir()
    (handed / READER_ROLE).write_text("of the reader\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    part.run(settings, part.HOME)
    assert not Home(settings.home).secrets.exists()
    assert secrets.password(settings.home, READER_ROLE) == "of the reader"
    assert secrets.token(settings.home, CDS_TOKEN) is None
    with pytest.raises(StopError, match="holds no file melpark_owner"):
        secrets.password(settings.home, "melpark_owner")
    # A second start finds its own home.
    part.run(settings, part.HOME)
