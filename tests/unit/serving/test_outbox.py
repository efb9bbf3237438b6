"""Laws of the outbox: once in by its id, out in order, kept until taken, and apart when refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from melpark.serving.webhook.outbox import Counts, Outbox, counts, refusals

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alerts" / "outbox.sqlite3"


@pytest.fixture
def outbox(file: Path) -> Iterator[Outbox]:
    made = Outbox(file)
    yield made
    made.close()


def put(outbox: Outbox, *ids: str) -> list[bool]:
    return [outbox.put(id, {"data": id}, AT + timedelta(seconds=number)) for number, id in enumerate(ids)]


def test_messages_leave_in_the_order_in_which_they_came_and_each_is_put_in_once(outbox: Outbox) -> None:
    assert put(outbox, "b", "a", "b") == [True, True, False]
    left = []
    while message := outbox.next():
        left.append((message.id, message.body))
        outbox.delivered(message, AT)
    assert left == [("b", b'{"data":"b"}'), ("a", b'{"data":"a"}')]
    assert put(outbox, "a") == [False]


def test_what_was_put_in_is_there_after_another_opening_and_beside_a_reader(
    file: Path, outbox: Outbox
) -> None:
    put(outbox, "a", "b")
    message = outbox.next()
    assert message is not None
    outbox.delivered(message, AT)
    again = Outbox(file)
    assert (following := again.next()) is not None
    assert following.id == "b"
    assert counts(file) == Counts(delivered=1, waiting=1, refused=0, oldest_at=AT + timedelta(seconds=1))
    again.close()


def test_what_is_refused_holds_nothing_up_is_kept_with_the_answer_and_may_wait_again(
    file: Path, outbox: Outbox
) -> None:
    put(outbox, "a", "b")
    first = outbox.next()
    assert first is not None
    outbox.refused(first, "HTTP 400 no", AT)
    second = outbox.next()
    assert second is not None
    assert second.id == "b"
    assert refusals(file) == [("a", AT.isoformat(), "HTTP 400 no")]
    assert outbox.retry_refused() == 1
    assert outbox.next() == first
    assert refusals(file) == []


def test_what_was_delivered_long_ago_is_forgotten_and_what_waits_never(file: Path, outbox: Outbox) -> None:
    put(outbox, "old", "refused", "waits")
    for done in (outbox.delivered, lambda message, at: outbox.refused(message, "no", at)):
        message = outbox.next()
        assert message is not None
        done(message, AT)
    put(outbox, "new")
    message = outbox.next()
    assert message is not None
    outbox.delivered(message, AT + timedelta(days=41))
    assert counts(file) == Counts(delivered=1, waiting=1, refused=1, oldest_at=AT)


def test_without_an_outbox_or_with_a_broken_one_there_is_nothing_to_count(file: Path) -> None:
    assert counts(file) is None
    assert refusals(file) == []
    file.parent.mkdir()
    file.write_bytes(b"this is no database" * 100)
    assert counts(file) is None
