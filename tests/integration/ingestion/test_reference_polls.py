"""Reference tables follow the portal, and only what differs is written."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from integration.ingestion.made_up_polls import answer, at
from melpark.contracts import BAYS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.ingestion.postgres_loader import PostgresLoader

Query = Callable[..., list[tuple[Any, ...]]]


def segment(number: int, **changes: object) -> dict[str, object]:
    return {
        "parkingzone": 7000,
        "segment_id": number,
        "onstreet": "Poplar Road",
        "streetfrom": "Upfield Railway",
        "streetto": "Kendall Avenue",
    } | changes


def load(loader: PostgresLoader, *answers: list[dict[str, object]]) -> list[int | None]:
    """Load answers a minute apart and return how many rows each wrote."""
    return [
        loader.load(answer(records, minute, ZONE_SEGMENTS.dataset)).changed
        for minute, records in enumerate(answers)
    ]


def rows(query: Query) -> list[tuple[Any, ...]]:
    return query(
        "SELECT segment_id, street_to, is_retired, observed_at, extra FROM parking.zone_segments ORDER BY segment_id"
    )


def test_the_same_answer_writes_nothing(loader: PostgresLoader, query: Query) -> None:
    both = [segment(1), segment(2, streetto=None, surveyed=["a", {"b": None}])]
    assert load(loader, both, both) == [2, 0]
    assert [row[3] for row in rows(query)] == [at(0), at(0)]


def test_the_same_records_in_another_order_write_nothing_and_are_not_read_again(
    loader: PostgresLoader, query: Query
) -> None:
    several = [segment(number, onstreet=None if number == 3 else "a street") for number in range(1, 5)]
    first = loader.load(answer(several, 0, ZONE_SEGMENTS.dataset))
    again = loader.load(answer(several[::-1], 2, ZONE_SEGMENTS.dataset))
    assert again.note == "in another order the records of poll 1"
    assert (again.records, again.kept, again.rejected, again.changed) == (4, 3, first.rejected, 0)
    assert query("SELECT count(*) FROM parking.rejected_records") == [(1,)]
    # What was said of one order holds for the next, of its bytes too.
    assert loader.load(answer(several[::-1], 4, ZONE_SEGMENTS.dataset)).note == "the bytes of poll 2"
    assert (
        loader.load(answer(several, 6, ZONE_SEGMENTS.dataset)).note
        == "in another order the records of poll 3"
    )


@pytest.mark.parametrize(
    "changed",
    [
        [segment(2), segment(2), segment(1)],
        [segment(2), segment(1), segment(1)],
        [segment(2), segment(1, onstreet="another")],
        [segment(2)],
        [segment(2), segment(1), {}],
    ],
    ids=["one twice", "the other twice", "a value", "one less", "one more"],
)
def test_other_records_or_more_of_one_are_read(
    loader: PostgresLoader, changed: list[dict[str, object]]
) -> None:
    loader.load(answer([segment(1), segment(2)], 0, ZONE_SEGMENTS.dataset))
    assert loader.load(answer(changed, 2, ZONE_SEGMENTS.dataset)).note is None


def test_the_same_records_as_lines_of_json_are_read_and_said_once(loader: PostgresLoader) -> None:
    both = [orjson.dumps(segment(1)), orjson.dumps(segment(2))]
    loader.load(answer([segment(1), segment(2)], 0, ZONE_SEGMENTS.dataset))
    notes = [
        loader.load(answer(b"\n".join(lines), minute, ZONE_SEGMENTS.dataset)).note
        for minute, lines in ((2, both), (4, both[::-1]))
    ]
    assert notes == ["read as lines of JSON", "in another order the records of poll 2"]


def test_only_the_row_that_differs_is_written(loader: PostgresLoader, query: Query) -> None:
    changed = load(loader, [segment(1), segment(2)], [segment(1), segment(2, streetto=None)])
    assert changed == [2, 1]
    assert rows(query)[1][:4] == (2, None, False, at(1))


def test_a_new_field_of_the_source_is_kept_in_extra(loader: PostgresLoader, query: Query) -> None:
    assert load(loader, [segment(1)], [segment(1, side="north")]) == [1, 1]
    assert rows(query)[0][4] == {"side": "north"}


def test_a_row_that_is_gone_is_retired_and_one_that_is_back_is_not(
    loader: PostgresLoader, query: Query
) -> None:
    both, one = [segment(1), segment(2)], [segment(1)]
    assert load(loader, both, one, one) == [2, 1, 0]
    assert rows(query)[1][2:4] == (True, at(1))
    assert loader.load(answer(both, 3, ZONE_SEGMENTS.dataset)).changed == 1
    assert rows(query)[1][2:4] == (False, at(3))


def test_a_refused_record_does_not_retire_its_row(loader: PostgresLoader, query: Query) -> None:
    load(loader, [segment(1), segment(2)], [segment(1), segment(2, onstreet=None)])
    assert [row[2] for row in rows(query)] == [False, False]


def test_bays_and_plates_load_by_their_contracts(loader: PostgresLoader, query: Query) -> None:
    bay = {"roadsegmentid": None, "kerbsideid": "7570N", "latitude": -37.81, "longitude": 144.95}
    bay |= {"roadsegmentdescription": None, "lastupdated": "2023-10-31"}
    plate = {"parkingzone": 7002, "restriction_days": "Sat", "restriction_display": "4P"}
    plate |= {"time_restrictions_start": "07:30:00", "time_restrictions_finish": "23:59:00"}
    assert loader.load(answer([bay], 0, BAYS.dataset)).changed == 1
    assert loader.load(answer([bay], 1, BAYS.dataset)).changed == 0
    assert loader.load(answer([plate], 0, SIGN_PLATES.dataset)).changed == 1
    assert query("SELECT bay_key, kerbside_id, road_segment_id, updated_on::text FROM parking.bays") == [
        (":-37.81:144.95", "7570N", None, "2023-10-31")
    ]
    assert query("SELECT zone_number, days, start_minute, finish_minute, code FROM parking.sign_plates") == [
        (7002, "Sat", 450, 1440, "4P")
    ]
