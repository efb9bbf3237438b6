"""Laws of when Flink's jobs are submitted."""

from pathlib import Path
from typing import Any

import pytest

from melpark.processing import gold
from melpark.settings import Settings
from melpark.stack.live_jobs import FIRST_GOLD_SECONDS, gives_way

FRESH: dict[str, Any] = {"source": "simulator", "history_days": 28}


def test_the_jobs_give_way_to_a_fresh_homes_first_build_of_gold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, **FRESH)
    assert gives_way(settings, 0)
    assert not gives_way(settings, FIRST_GOLD_SECONDS)
    monkeypatch.setattr(gold, "is_built", lambda home: True)
    assert not gives_way(settings, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"history_days": 0},
        {"gold_interval_seconds": 0},
        {"source": "portal", "portal_url": "http://127.0.0.1:1"},
    ],
)
def test_where_no_past_is_filled_in_they_begin_at_once(tmp_path: Path, other: dict[str, Any]) -> None:
    assert not gives_way(Settings(home=tmp_path, **FRESH | other), 0)
