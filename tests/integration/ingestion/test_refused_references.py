"""A refused record of a reference dataset takes no row away that it may stand for."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from integration.ingestion.made_up_polls import answer, sensor
from integration.ingestion.portals import BAY, METER, PLATE, RESTRICTION, SEGMENT
from melpark.contracts import BAY_RESTRICTIONS, BAYS, METERS, SIGN_PLATES, TABLES, ZONE_SEGMENTS
from melpark.ingestion.postgres_loader import PostgresLoader

Query = Callable[..., list[tuple[Any, ...]]]
Record = dict[str, object]


def retired_after(
    loader: PostgresLoader, query: Query, dataset: str, before: list[Record], after: list[object]
) -> list[Any]:
    """Which of the rows that `before` brings are retired when `after` is polled, by key."""
    loader.load(answer(before, 0, dataset))
    assert loader.load(answer(after, 2, dataset)).outcome == "accepted"
    (table,) = (table for table in TABLES if table.dataset == dataset)
    key = ", ".join(table.key)
    return query(f"SELECT {table.key[0]} FROM parking.{table.name} WHERE is_retired ORDER BY {key}")


OTHER = PLATE | {"parkingzone": 7002}
GONE = PLATE | {"parkingzone": 70011}


@pytest.mark.parametrize(
    "changes",
    [
        {"time_restrictions_start": None},
        {"restriction_days": 5},
        {"time_restrictions_finish": "24:00:00"},
        {"note": orjson.loads("[" * 40 + "]" * 40)},
    ],
)
def test_a_refused_plate_keeps_the_plates_and_the_rule_of_its_zone_alone(
    loader: PostgresLoader, query: Query, changes: Record
) -> None:
    loader.load(answer([sensor(1, 0)], 0))
    retired = retired_after(
        loader, query, SIGN_PLATES.dataset, [PLATE, OTHER, GONE], [PLATE | changes, OTHER]
    )
    assert retired == [(70011,)]
    now = query("SELECT zone_number FROM parking.rule_versions WHERE is_current ORDER BY 1")
    assert now == [(7001,), (7002,)]


@pytest.mark.parametrize("unreadable", [PLATE | {"parkingzone": "7001"}, {}, 5, None, ["7001"]])
def test_nothing_is_retired_in_a_poll_with_a_record_of_which_nothing_can_be_read(
    loader: PostgresLoader, query: Query, unreadable: object
) -> None:
    retired = retired_after(loader, query, SIGN_PLATES.dataset, [PLATE, OTHER, GONE], [OTHER, unreadable])
    assert retired == []


@pytest.mark.parametrize(
    ("dataset", "one", "other", "broken"),
    [
        (BAYS.dataset, BAY, BAY | {"roadsegmentid": 2}, BAY | {"longitude": 14.495}),
        (BAYS.dataset, BAY, BAY | {"roadsegmentid": 2}, BAY | {"latitude": None}),
        (BAYS.dataset, BAY, BAY | {"roadsegmentid": 2}, BAY | {"lastupdated": "yesterday"}),
        (ZONE_SEGMENTS.dataset, SEGMENT, SEGMENT | {"parkingzone": 7002}, SEGMENT | {"segment_id": None}),
        (ZONE_SEGMENTS.dataset, SEGMENT, SEGMENT | {"parkingzone": 7002}, SEGMENT | {"onstreet": None}),
        (BAY_RESTRICTIONS.dataset, RESTRICTION, RESTRICTION | {"bayid": 2}, {"bayid": 8029}),
        (BAY_RESTRICTIONS.dataset, RESTRICTION, RESTRICTION | {"bayid": 2}, RESTRICTION | {"duration1": -1}),
        (
            BAY_RESTRICTIONS.dataset,
            RESTRICTION,
            RESTRICTION | {"bayid": 2},
            RESTRICTION | {"note": orjson.loads("[" * 40 + "]" * 40)},
        ),
        (METERS.dataset, METER, METER | {"meter_id": "2"}, METER | {"longitude": 0}),
    ],
)
def test_a_row_whose_record_is_refused_stays_and_one_that_is_gone_retires(
    loader: PostgresLoader, query: Query, dataset: str, one: Record, other: Record, broken: Record
) -> None:
    whole = dict.fromkeys(one) | broken
    third = one | {name: 3 for name in ("roadsegmentid", "parkingzone", "bayid", "meter_id") if name in one}
    assert len(retired_after(loader, query, dataset, [one, other, third], [whole, third])) == 1
