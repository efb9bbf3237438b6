"""From the answer to PostgreSQL a poll is a stream: ten times the records need no more memory."""

import tracemalloc

import orjson

from integration.ingestion.made_up_polls import answer
from integration.ingestion.portals import BAY
from melpark.contracts import BAYS
from melpark.ingestion.postgres_loader import PostgresLoader

MEBIBYTE = 2**20


def bays(count: int) -> bytes:
    """Padded, so that the records themselves could not be overlooked."""
    padding = "x" * 500
    return b"\n".join(
        orjson.dumps(BAY | {"kerbsideid": str(number), "roadsegmentid": number, "note": padding})
        for number in range(count)
    )


def peak(loader: PostgresLoader, count: int, minute: float) -> int:
    """Bytes that loading a poll of so many bays needs at most, beside the answer on disk."""
    given = answer(bays(count), minute, BAYS.dataset)
    tracemalloc.start()
    try:
        outcome = loader.load(given)
        assert (outcome.outcome, outcome.kept) == ("accepted", count)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_staging_ten_times_the_bays_needs_no_more_memory(loader: PostgresLoader) -> None:
    peak(loader, 300, 0)  # Modules and statements are loaded once.
    few, many = peak(loader, 3_000, 10), peak(loader, 30_000, 20)
    assert len(bays(30_000)) > 18 * MEBIBYTE
    # The small answer is even read at once, which is quicker.
    assert many < few + 2 * MEBIBYTE
