"""Laws of a build in steps, as far as they need no Spark: what was begun is read back, without it nothing is done."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from melpark.errors import StopError
from melpark.places import Home
from melpark.processing import gold, gold_steps, news
from melpark.settings import Settings

PLAN = gold_steps.Plan(
    ("--exclude", "tag:still"),
    {"news_from_at": "2026-01-02", "grace_seconds": 300.0},
    news.Built({"polls": news.Version("id", 7)}, datetime(2026, 1, 2, tzinfo=UTC), "digest"),
    needs_views=True,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    gold.plan(home).parent.mkdir(parents=True)
    home.lake.mkdir()
    return home


def test_a_plan_is_read_as_it_was_written(home: Home) -> None:
    assert gold_steps.Plan.read(home) is None
    gold.write(gold.plan(home), PLAN.text())
    assert gold_steps.Plan.read(home) == PLAN
    gold.plan(home).write_text("[]")
    with pytest.raises(StopError, match=r"plan\.json cannot be read"):
        gold_steps.Plan.read(home)


def test_without_a_plan_no_model_is_built_and_nothing_is_finished(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(gold, "dbt", lambda *arguments: asked.append(arguments))
    gold_steps.model(Settings(home=home.root), "fact_occupancy")
    gold_steps.finish(Settings(home=home.root))
    assert asked == []
    assert not gold.is_built(home)


def test_a_model_is_built_with_its_tests_by_what_was_found_new(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], dict[str, object]]] = []
    monkeypatch.setattr(gold, "dbt", lambda *arguments: asked.append(arguments[-2:]))
    gold.write(gold.plan(home), PLAN.text())
    gold_steps.model(Settings(home=home.root), "fact_occupancy")
    ((command, given),) = asked
    assert command[:3] == ["build", "--select", "fact_occupancy"]
    assert command[-4:] == ["--exclude", "tag:still", "--exclude-resource-types", "unit_test"]
    assert given == PLAN.given


def test_what_gold_was_built_from_is_written_down_at_the_end_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(gold, "dbt", lambda *arguments: asked.append(arguments[-2]))
    gold.write(gold.plan(home), PLAN.text())
    gold_steps.finish(Settings(home=home.root))
    assert asked == [gold_steps.REPORTS]
    assert news.Built.read(home.engine("dbt") / "built.json") == PLAN.present
    # A second time there is nothing to finish.
    assert gold_steps.Plan.read(home) is None


def test_a_manifest_is_made_anew_when_a_model_is_newer(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    assert not gold_steps.is_manifest_current(file)
    file.touch()
    assert gold_steps.is_manifest_current(file)
    os.utime(file, (0, 0))
    assert not gold_steps.is_manifest_current(file)
