"""The capture of a chaos run."""

from pathlib import Path

from chaos import made_up_capture
from e2e.stack import oracle
from melpark.simulator.capture import Capture

CHANGES, BAYS = 600, 50


def test_a_capture_can_be_played_and_holds_the_changes_asked_for(tmp_path: Path) -> None:
    capture = made_up_capture.write(tmp_path, 1, CHANGES, BAYS)
    files = Capture.open(capture).files[oracle.SENSORS]
    assert len(files) == made_up_capture.polls_for(CHANGES, BAYS)
    assert CHANGES <= len(oracle.events(capture)) < CHANGES + BAYS


def test_a_seed_always_makes_the_same_capture(tmp_path: Path) -> None:
    one, same, other = (
        made_up_capture.write(tmp_path / name, seed, CHANGES, BAYS)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert oracle.polls(one) == oracle.polls(same)
    assert oracle.polls(one) != oracle.polls(other)


def test_some_records_of_a_capture_run_backwards_and_some_bays_fall_silent(tmp_path: Path) -> None:
    capture = made_up_capture.write(tmp_path, 1, CHANGES, BAYS)
    polls = oracle.polls(capture)
    assert oracle.told(capture) - oracle.events(capture).keys()
    assert any(record["lastupdated"] != polls[-1][0]["lastupdated"] for record in polls[-1])
