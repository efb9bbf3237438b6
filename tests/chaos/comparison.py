"""What two places hold of the same rows, and whether a log kept the order of each bay. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SHOWN = 3
Key = tuple[Hashable, ...]


@dataclass(frozen=True)
class Row:
    """One row: its key, and all of its values, None where only the key is compared."""

    key: Key
    values: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Logged:
    """A change event in the log: where it lies, of which bay it speaks, and of when."""

    partition: int
    offset: int
    bay: str
    at: datetime


@dataclass
class Findings:
    """Keys of the rows that are not as they should be; all empty when the places agree."""

    rows: int = 0
    lost: list[Key] = field(default_factory=list)
    duplicated: list[Key] = field(default_factory=list)
    altered: list[Key] = field(default_factory=list)
    invented: list[Key] = field(default_factory=list)
    disordered: list[Key] = field(default_factory=list)

    @property
    def wrong(self) -> Mapping[str, list[Key]]:
        return {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "altered": self.altered,
            "invented": self.invented,
            "out of order": self.disordered,
        }

    @property
    def is_clean(self) -> bool:
        return not any(self.wrong.values())

    def __str__(self) -> str:
        counts = ", ".join(f"{len(keys)} {name}" for name, keys in self.wrong.items())
        shown = "; ".join(f"{name}: {keys[:SHOWN]}" for name, keys in self.wrong.items() if keys)
        return f"{self.rows:,} rows, {counts}" + (f" ({shown})" if shown else "")


def compare(expected: Iterable[Row], found: Iterable[Row]) -> Findings:
    """Rows of `expected`, each once, against the rows that were found."""
    wanted = {row.key: row.values for row in expected}
    findings = Findings()
    times: Counter[Key] = Counter()
    for row in found:
        findings.rows += 1
        times[row.key] += 1
        if row.key not in wanted:
            findings.invented.append(row.key)
        elif row.values is not None and wanted[row.key] is not None and row.values != wanted[row.key]:
            findings.altered.append(row.key)
    findings.lost = [key for key in wanted if key not in times]
    findings.duplicated = [key for key, count in times.items() if count > 1]
    return findings


def compare_log(expected: Iterable[Row], log: Iterable[Logged]) -> Findings:
    """The log against the expected (bay, time): besides, the events of a bay lie in one partition, oldest first."""
    events = list(log)
    findings = compare(expected, (Row((event.bay, event.at)) for event in events))
    by_bay: dict[str, list[Logged]] = defaultdict(list)
    for event in events:
        by_bay[event.bay].append(event)
    for bay, own in by_bay.items():
        own.sort(key=lambda event: (event.partition, event.offset))
        newest = own[0]
        for event in own[1:]:
            if event.partition != newest.partition or event.at < newest.at:
                findings.disordered.append((bay, event.at))
            else:
                newest = event
    return findings
