"""Laws of what is told of the polls that a layer took in: each range once, and only after a commit."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from melpark.places import Home
from melpark.processing.polls_taken_in import PollsTakenIn
from unit.processing.test_lake import commit, poll


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def to_silver(home: Home, *numbers: int) -> None:
    write_deltalake(home.silver("polls"), pa.table({"poll_id": list(numbers)}), mode="append")


def told(caplog: pytest.LogCaptureFixture, taken_in: PollsTakenIn) -> list[str]:
    caplog.clear()
    caplog.set_level("INFO")
    taken_in.tell()
    return [record.message for record in caplog.records]


def test_a_range_is_told_once_and_what_was_there_before_is_not(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    to_silver(home, 1, 2)
    taken_in = PollsTakenIn(home, ["silver"])
    assert told(caplog, taken_in) == []
    to_silver(home, 3)
    to_silver(home, 4, 5)
    assert told(caplog, taken_in) == ["silver has taken in the polls 3 to 5"]
    assert (caplog.records[0].__dict__["poll_id_first"], caplog.records[0].__dict__["poll_id"]) == (3, 5)
    assert told(caplog, taken_in) == []
    to_silver(home, 4)
    assert told(caplog, taken_in) == []


def test_the_first_poll_of_an_empty_layer_is_told_alone_for_it_is_not_known_where_it_began(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    taken_in = PollsTakenIn(home, ["bronze", "silver"])
    assert told(caplog, taken_in) == []
    commit(home, poll(1), poll(2))
    assert told(caplog, taken_in) == ["bronze has taken in the polls 2 to 2"]
    commit(home, poll(3))
    assert told(caplog, taken_in) == ["bronze has taken in the polls 3 to 3"]


def test_a_table_that_cannot_be_read_ends_nothing(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    taken_in = PollsTakenIn(home, ["silver"])
    folder = home.silver("polls") / "_delta_log"
    folder.mkdir(parents=True)
    (folder / "00000000000000000000.json").write_text("{no json")
    assert told(caplog, taken_in) == []
