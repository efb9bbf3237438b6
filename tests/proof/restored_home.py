"""A home that was restored from a backup is started, takes a change, and is compared: `make proof`, some six minutes.

Too long for `make test`, which starts PostgreSQL on a restored home and reads its lake.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from e2e.stack.replays import replayed_twice, rows_in_postgres, rows_in_silver, silver_events
from e2e.stack.running import Stack, stopped_at_the_end

pytestmark = pytest.mark.real_data


@pytest.fixture
def replayed(short_folder: Path, real_capture: Path) -> Iterator[Stack]:
    """The real capture, played to its end and once more; still running."""
    stack = Stack.on(short_folder / "replayed")
    with stopped_at_the_end(stack):
        replayed_twice(stack, real_capture)
        yield stack


def test_a_restored_home_goes_on_and_holds_the_same_everywhere(
    replayed: Stack, short_folder: Path, tmp_path: Path
) -> None:
    stack = Stack.on(short_folder / "going-on")
    stack.environment = replayed.environment | stack.environment
    made = replayed.melpark("backup", str(tmp_path / "backup"))
    assert made.returncode == 0, made.stderr
    done = stack.melpark("restore", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    began_at = datetime.now(UTC)
    with stopped_at_the_end(stack):
        stack.start()
        stack.wait_until_healthy()
        stack.postgres(
            "INSERT INTO parking.feed_outages VALUES ('2031-01-01Z', '2031-01-02Z', '2031-01-03Z', 'live')"
        )
        wait_for_rows(stack, "feed_outages")
        # The connector's snapshot, which the guard sees within seconds.
        again = "SELECT gap_id FROM parking_capture.gaps WHERE kind = 'snapshot_again'"
        filled = f"{again} AND snapshot_finished_at > '{began_at}'"
        stack.wait_for("the gap filled", lambda status: len(stack.postgres(filled)) == 1)
        answer = stack.melpark("reconcile")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert stack.postgres("SELECT count(*) FROM parking_capture.gaps WHERE verified_at IS NULL") == [(0,)]
        assert silver_events(stack.home) == silver_events(replayed.home)


def wait_for_rows(stack: Stack, table: str) -> None:
    """Wait until silver has as many rows of the table as PostgreSQL."""
    stack.wait_for(
        f"{table} in silver",
        lambda status: rows_in_silver(stack.home)[table] == rows_in_postgres(stack)[table],
    )
