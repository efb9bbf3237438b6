"""What is said of a failed build comes from dbt's own results."""

import json
from pathlib import Path

from melpark.processing.gold import failures, variables
from melpark.settings import Settings


def results(folder: Path, *nodes: tuple[str, str, str | None]) -> Path:
    file = folder / "run_results.json"
    file.write_text(
        json.dumps(
            {
                "results": [
                    {"unique_id": name, "status": status, "message": text} for name, status, text in nodes
                ]
            }
        )
    )
    return file


def test_failed_nodes_are_named_with_what_was_wrong(tmp_path: Path) -> None:
    file = results(
        tmp_path,
        ("model.melpark.dim_bays", "success", "OK"),
        (
            "model.melpark.fact",
            "error",
            "Runtime Error in model fact (models/fact.sql)\n  Runtime Error\n    no such column x\n  stack",
        ),
        ("test.melpark.bounds_are_ordered.1a2b", "fail", "Got 3 results, configured to fail if != 0"),
        ("test.melpark.other", "skipped", None),
    )
    assert [str(failure) for failure in failures(file)] == [
        "fact (no such column x)",
        "bounds_are_ordered (Got 3 results, configured to fail if != 0)",
    ]


def test_a_source_that_is_too_old_is_named_with_its_age(tmp_path: Path) -> None:
    file = tmp_path / "sources.json"
    polls = {"unique_id": "source.melpark.silver.polls"}
    found = [
        polls | {"status": "warn", "max_loaded_at_time_ago_in_s": 1000.0},
        polls | {"status": "error", "max_loaded_at_time_ago_in_s": 3720.5},
        polls | {"status": "runtime error", "error": "Runtime Error\n  no such table"},
    ]
    file.write_text(json.dumps({"results": found}))

    assert [str(failure) for failure in failures(file)] == [
        "silver.polls (its newest row came 62 minutes ago)",
        "silver.polls (no such table)",
    ]


def test_a_dbt_that_wrote_no_results_names_nothing(tmp_path: Path) -> None:
    assert failures(tmp_path / "run_results.json") == []


def test_the_numbers_behind_the_words_come_from_the_settings() -> None:
    given = variables(Settings(feed_lag_seconds=200))
    assert given["feed_lag_seconds"] == 200
    assert set(given) == {
        "feed_lag_seconds",
        "exact_gap_seconds",
        "offline_after_seconds",
        "suspect_after_seconds",
        "grace_seconds",
    }
