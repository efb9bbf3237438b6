"""The rule calendar: plates of zones and a range of time in, windows out. `docs/rules.md` tells why they look so."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from itertools import pairwise

from melpark.parking.local_time import days_between, is_public_holiday, stretches
from melpark.parking.plates import ALL_WEEK, Plate, Rule, read
from melpark.parking.rules import Coverage, Kind, Window

Clock = tuple[int | None, Kind]
Clocks = Mapping[Clock, datetime]


@dataclass(frozen=True)
class Version:
    """From `start_at` to before `end_at` (UTC) the zone had these plates."""

    zone_number: int
    start_at: datetime
    end_at: datetime
    plates: frozenset[Plate]

    @property
    def coverage(self) -> Coverage:
        return Coverage(self.zone_number, self.start_at, self.end_at)


@dataclass(frozen=True)
class Slab:
    """A time of one local day in which the same codes are in force, at least one."""

    start_at: datetime
    end_at: datetime
    rules: tuple[tuple[str, Rule], ...]

    @property
    def is_ambiguous(self) -> bool:
        return len({(rule.limit_minutes, rule.kind is Kind.UNKNOWN) for _, rule in self.rules}) > 1


def windows(
    versions: Iterable[Version],
    running: Mapping[int, Clocks] | None = None,
    holidays_suspend_plates: bool = True,
) -> Iterator[Window]:
    """The windows of the zones' plates, zone by zone, in order of time.

    The versions of one zone must not overlap. `running` holds, by zone, the clocks that run at the start of its
    first version, each with the instant from which it counts. With `holidays_suspend_plates` only plates of all
    seven days hold on a public holiday of Victoria.
    """
    by_zone = defaultdict(list)
    for version in versions:
        by_zone[version.zone_number].append(version)

    @cache
    def slabs_of(plates: frozenset[Plate], day: date) -> tuple[Slab, ...]:
        # Many zones have the same plates.
        return slabs(plates, day, holidays_suspend_plates)

    for zone_number in sorted(by_zone):
        ordered = sorted(by_zone[zone_number], key=lambda version: version.start_at)
        clocks = {
            key: (since, ordered[0].start_at) for key, since in (running or {}).get(zone_number, {}).items()
        }
        for version in ordered:
            for day in days_between(version.start_at, version.end_at):
                for slab in slabs_of(version.plates, day):
                    yield from _windows(version, slab, clocks)


def _windows(
    version: Version, slab: Slab, clocks: dict[Clock, tuple[datetime, datetime]]
) -> Iterator[Window]:
    """The windows of a slab, as far as the version holds. `clocks`: since when, and until when, each has run."""
    start_at, end_at = max(slab.start_at, version.start_at), min(slab.end_at, version.end_at)
    if start_at >= end_at:
        return
    for clock in {(rule.limit_minutes, rule.kind) for _, rule in slab.rules}:
        since, until = clocks.get(clock, (start_at, None))
        clocks[clock] = (since if until == start_at else start_at, end_at)
    is_ambiguous = slab.is_ambiguous
    for code, rule in slab.rules:
        yield Window(
            zone_number=version.zone_number,
            start_at=start_at,
            end_at=end_at,
            limit_minutes=rule.limit_minutes,
            kind=rule.kind,
            is_metered=rule.is_metered,
            code=code,
            is_ambiguous=is_ambiguous,
            clock_start_at=clocks[rule.limit_minutes, rule.kind][0],
        )


def slabs(plates: frozenset[Plate], day: date, holidays_suspend_plates: bool = True) -> tuple[Slab, ...]:
    """The local day cut wherever the codes in force change; abutting slabs differ in their codes."""
    is_suspended = holidays_suspend_plates and is_public_holiday(day)
    readings = [
        (plate.code, reading)
        for plate in sorted(plates)
        if day.weekday() in (reading := read(plate)).weekdays
        and (reading.weekdays == ALL_WEEK or not is_suspended)
    ]
    spans = [
        (stretch.at(start), stretch.at(finish), code, reading.rule)
        for code, reading in readings
        for stretch in stretches(day)
        if (start := max(reading.start_minute, stretch.start_minute))
        < (finish := min(reading.finish_minute, stretch.finish_minute))
    ]
    found: list[Slab] = []
    edges = sorted({edge for start_at, end_at, _, _ in spans for edge in (start_at, end_at)})
    for start_at, end_at in pairwise(edges):
        rules = _one_per_code((code, rule) for s, e, code, rule in spans if s <= start_at and end_at <= e)
        if found and found[-1].end_at == start_at and found[-1].rules == rules:
            found[-1] = replace(found[-1], end_at=end_at)
        elif rules:
            found.append(Slab(start_at, end_at, rules))
    return tuple(found)


def _one_per_code(rules: Iterable[tuple[str, Rule]]) -> tuple[tuple[str, Rule], ...]:
    """A plate whose days cannot be read has an unknown limit; a readable one of the same code says more."""
    by_code: dict[str, Rule] = {}
    for code, rule in rules:
        if code not in by_code or by_code[code].kind is Kind.UNKNOWN:
            by_code[code] = rule
    return tuple(sorted(by_code.items()))
