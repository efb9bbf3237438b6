"""Versions cut into intervals: each holds until the next of the same thing. Pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from melpark.processing.change_events import Key, Row, order
from melpark.processing.tables import SilverTable


def spans(table: SilverTable, rows: Iterable[Row]) -> dict[Key, tuple[Any, Any]]:
    """First and last version that the rows bring of each thing."""
    found: dict[Key, tuple[Any, Any]] = {}
    for row in rows:
        at = row[str(table.version)]
        first, last = found.get(_thing(table, row), (at, at))
        found[_thing(table, row)] = (min(first, at), max(last, at))
    return found


def cut(table: SilverTable, held: Mapping[Key, Row], came: Mapping[Key, Row]) -> dict[Key, Row]:
    """The versions of `held` and `came` with the bounds of their intervals.

    `held` must have the neighbours of what came: each thing's versions in the span of those that came, the one before
    and the one after it. Of two events on one version the later one counts; a version that came late ends where the
    next one begins.
    """
    newest = dict(held)
    for key, row in came.items():
        known = newest.get(key)
        if known is None or order(row) > order(known):
            newest[key] = row
    by_thing: dict[Key, list[Row]] = defaultdict(list)
    for row in newest.values():
        by_thing[_thing(table, row)].append(row)
    for versions in by_thing.values():
        versions.sort(key=lambda row: row[str(table.version)])
    return {
        _key(table, row): row | bounds
        for versions in by_thing.values()
        for row, bounds in _bounded(table, versions, held)
    }


def _bounded(table: SilverTable, versions: list[Row], held: Mapping[Key, Row]) -> Iterable[tuple[Row, Row]]:
    version = str(table.version)
    computed = {column.name for column in table.intervals}
    for number, row in enumerate(versions):
        following = versions[number + 1] if number + 1 < len(versions) else None
        bounds = {
            "valid_from_at": row[version],
            "valid_to_at": following[version] if following else None,
            "is_current": following is None,
            "is_assumed": number == 0,
        }
        before = held.get(_key(table, row))
        if before is not None and row is before:
            # What lies beyond the neighbours is not seen from here; it did not change.
            if following is None:
                bounds |= {"valid_to_at": before["valid_to_at"], "is_current": before["is_current"]}
            if number == 0 and "is_assumed" in computed:
                bounds["is_assumed"] = before["is_assumed"]
        yield row, {name: value for name, value in bounds.items() if name in computed}


def _thing(table: SilverTable, row: Row) -> Key:
    return tuple(row[name] for name in table.thing)


def _key(table: SilverTable, row: Row) -> Key:
    return tuple(row[name] for name in table.lake.key)
