"""Versions end where the next of the same thing begins, however late they came."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from melpark.contracts import BAYS, SENSOR_STATES
from melpark.processing.change_events import Key, Row
from melpark.processing.intervals import cut, spans
from melpark.processing.tables import SILVER

BAY_VERSIONS = next(table for table in SILVER if table.contract is BAYS)
STATES = next(table for table in SILVER if table.contract is SENSOR_STATES)
START = datetime(2025, 8, 1, tzinfo=UTC)


def version(bay: str, day: int, lsn: int = 1, offset: int = 0, **values: Any) -> tuple[Key, Row]:
    observed_at = START + timedelta(days=day)
    row = {"bay_key": bay, "observed_at": observed_at, "lsn": lsn, "offset": offset, **values}
    return (bay, observed_at), row


def bounds(rows: dict[Key, Row]) -> list[tuple[Any, ...]]:
    names = ("bay_key", "valid_from_at", "valid_to_at", "is_current", "is_assumed")
    return sorted((tuple(row[name] for name in names) for row in rows.values()), key=repr)


def test_each_version_ends_where_the_next_begins() -> None:
    cut_up = cut(BAY_VERSIONS, {}, dict([version("a", 2), version("a", 0), version("b", 1)]))

    assert bounds(cut_up) == [
        ("a", START, START + timedelta(days=2), False, True),
        ("a", START + timedelta(days=2), None, True, False),
        ("b", START + timedelta(days=1), None, True, True),
    ]


def test_any_order_and_any_batches_give_the_same_intervals() -> None:
    chance = random.Random(3)
    changes = [
        version(bay, day, lsn=number, offset=number, value=number)
        for number, (bay, day) in enumerate(itertools.product("abc", [0, 1, 1, 3, 2]))
    ]
    whole = cut(BAY_VERSIONS, {}, _last_word(changes))
    for _ in range(50):
        shuffled = chance.sample(changes, len(changes))
        held: dict[Key, Row] = {}
        while shuffled:
            size = chance.randrange(1, 5)
            batch, shuffled = shuffled[:size], shuffled[size:]
            came = _last_word(batch)
            held |= cut(BAY_VERSIONS, _neighbours(held, came), came)
        assert held == whole


def test_a_state_keeps_its_own_beginning() -> None:
    first, second = START, START + timedelta(minutes=5)
    rows = {
        ("1", at): {"kerbside_id": "1", "valid_from_at": at, "lsn": 1, "offset": 0} for at in (second, first)
    }
    states = cut(STATES, {}, rows)

    assert states["1", first]["valid_to_at"] == second
    assert states["1", second]["is_current"] is True
    assert "is_assumed" not in states["1", first]


def _neighbours(held: dict[Key, Row], came: dict[Key, Row]) -> dict[Key, Row]:
    """By the shortest way: one before, all between and one after what came of each bay."""
    found: dict[Key, Row] = {}
    for (bay,), (first, last) in spans(BAY_VERSIONS, came.values()).items():
        versions = sorted(key for key in held if key[0] == bay)
        inside = [key for key in versions if first <= key[1] <= last]
        before = [key for key in versions if key[1] < first][-1:]
        after = [key for key in versions if key[1] > last][:1]
        found |= {key: held[key] for key in (*before, *inside, *after)}
    return found


def _last_word(changes: list[tuple[Key, Row]]) -> dict[Key, Row]:
    return dict(sorted(changes, key=lambda change: change[1]["lsn"]))
