"""Versions cut into intervals: each holds until the next of the same thing. Pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from melpark.processing.change_events import Key, Row, order
from melpark.processing.tables import SilverTable


def things(table: SilverTable, rows: Iterable[Row]) -> set[Key]:
    """What the rows are versions of."""
    return {_thing(table, row) for row in rows}


def cut(table: SilverTable, held: Mapping[Key, Row], came: Mapping[Key, Row]) -> dict[Key, Row]:
    """The versions of `held` and `came` with the bounds of their intervals.

    `held` must have every version of each thing that `came` speaks of. Of two events on one version the later
    one counts; a version that came late ends where the next one begins.
    """
    newest = dict(held)
    for key, row in came.items():
        known = newest.get(key)
        if known is None or order(row) > order(known):
            newest[key] = row
    assert table.version is not None
    by_thing: dict[Key, list[Row]] = defaultdict(list)
    for row in newest.values():
        by_thing[_thing(table, row)].append(row)
    computed = {column.name for column in table.intervals}
    for versions in by_thing.values():
        versions.sort(key=lambda row: row[str(table.version)])
    return {
        _key(table, row): row | {name: value for name, value in bounds.items() if name in computed}
        for versions in by_thing.values()
        for row, bounds in _bounded(versions, table.version)
    }


def _bounded(versions: list[Row], version: str) -> Iterable[tuple[Row, Row]]:
    for number, row in enumerate(versions):
        following = versions[number + 1] if number + 1 < len(versions) else None
        yield (
            row,
            {
                "valid_from_at": row[version],
                "valid_to_at": following[version] if following else None,
                "is_current": following is None,
                "is_assumed": number == 0,
            },
        )


def _thing(table: SilverTable, row: Row) -> Key:
    return tuple(row[name] for name in table.thing)


def _key(table: SilverTable, row: Row) -> Key:
    return tuple(row[name] for name in table.lake.key)
