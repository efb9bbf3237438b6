"""Pages of `records` count only as a proven whole."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from melpark.contracts import METERS
from melpark.errors import RefusedError
from melpark.ingestion.portal_pages import fetch_pages
from melpark.ingestion.sources import READERS

Record = dict[str, object]


def meters(count: int) -> list[Record]:
    return [{"meter_id": str(number), "latitude": -37.8} for number in range(count)]


def fetch(pages: Sequence[tuple[int, list[Record]]]) -> tuple[list[object], list[dict[str, int]]]:
    asked: list[dict[str, int]] = []

    async def ask(parameters: dict[str, int]) -> bytes:
        total, results = pages[len(asked)]
        asked.append(parameters)
        return orjson.dumps({"total_count": total, "results": results})

    return asyncio.run(fetch_pages(ask, READERS[METERS.dataset])), asked


def test_pages_are_asked_for_until_all_are_there() -> None:
    every = meters(230)
    found, asked = fetch([(230, every[:100]), (230, every[100:200]), (230, every[200:])])
    assert found == every
    assert asked == [{"limit": 100, "offset": offset} for offset in (0, 100, 200)]


def test_an_empty_dataset_is_a_whole_one() -> None:
    assert fetch([(0, [])])[0] == []


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        # One paged pull of the City's held 48 duplicated rows and missed 48 bays.
        ([(148, meters(100)), (148, meters(48))], "48 records came twice"),
        ([(150, meters(100)), (149, meters(149)[100:])], "total_count went from 150 to 149"),
        ([(150, meters(100)), (150, [])], "a page is empty after 100 of 150"),
        ([(101, meters(100)), (101, meters(102)[100:])], "102 records came of 101"),
        # `records` reaches no further than 10,000.
        ([(23_864, meters(100))], "records ends at 10000 of 23864"),
    ],
)
def test_pages_that_are_no_proven_whole_are_refused(pages: list[tuple[int, list[Record]]], why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        fetch(pages)


def test_a_record_in_two_versions_is_not_two_records() -> None:
    changed = [{"meter_id": "0", "latitude": -37.9}]
    with pytest.raises(RefusedError, match="1 records came twice"):
        fetch([(2, meters(1)), (2, changed)])


@pytest.mark.parametrize("body", [b"busy", b"[]", b'{"results": []}', b'{"total_count": "2", "results": []}'])
def test_a_page_of_another_shape_is_refused(body: bytes) -> None:
    async def ask(parameters: dict[str, int]) -> bytes:
        return body

    with pytest.raises(RefusedError, match="not as the portal gives it"):
        asyncio.run(fetch_pages(ask, READERS[METERS.dataset]))
