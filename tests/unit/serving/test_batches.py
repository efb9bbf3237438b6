"""What a reader of the stream who wants some bays only gets of a batch."""

from dataclasses import replace

from melpark.serving.bays import Bay
from melpark.serving.calendar import NO_RULES
from melpark.serving.judging import judged
from melpark.serving.stream import Batch, BayChange
from melpark.settings import Settings
from unit.serving.test_live_rules import sensor


def bay(kerbside_id: str, zone_number: int) -> Bay:
    one = replace(sensor(kerbside_id), zone_number=zone_number)
    return judged(one, NO_RULES, None, Settings()).bay


def test_of_two_events_of_one_batch_the_last_alone_has_its_id() -> None:
    """A connection that is cut off between them goes on before the batch, and gets both again."""
    leaves = BayChange("1", bay("1", 2), bay("1", 1))
    comes = BayChange("2", bay("2", 1), bay("2", 2))
    batch = Batch(7, "run-7", b"", (leaves, comes))
    event = batch.of(lambda one: one.zone_number == 1)
    assert event is not None
    removed, bays, rest = event.decode().split("\r\n\r\n")
    assert (rest, "event: removed" in removed, "event: bays" in bays) == ("", True, True)
    assert ("id:" in removed, "id: run-7" in bays) == (False, True)
    gone = Batch(8, "run-8", b"", (leaves,)).of(lambda one: one.zone_number == 1)
    assert gone is not None
    assert b"id: run-8" in gone
