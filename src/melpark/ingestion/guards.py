"""What stops a poll whose records can be read, so that the last good state stands."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from melpark.errors import RefusedError
from melpark.ingestion.sources.wording import clean

# Of fewer records a share says little.
FEWEST_RECORDS = 100
MOST_NAMES = 100


@dataclass
class Census:
    """Which fields the records have: all that were seen, and in how many records each unknown one."""

    known: frozenset[str]
    seen: set[str] = field(default_factory=set)
    unknown: Counter[str] = field(default_factory=Counter)

    def take(self, record: object) -> None:
        if not isinstance(record, Mapping):
            return
        names = record.keys()
        if not names <= self.seen:
            self.seen |= names & self.known
        if not names <= self.known:
            for name in names - self.known:
                if name in self.unknown or len(self.unknown) < MOST_NAMES:
                    self.unknown[name] += 1


def check_fields(census: Census, needed: frozenset[str]) -> None:
    """Raises RefusedError when a field of the contract is in no record at all: it was renamed or left away.

    A field that is there and null is no such case. Answers without any object are for others to judge.
    """
    if not census.seen and not census.unknown:
        return
    missing = sorted(needed - census.seen)
    if not missing:
        return
    names = ", ".join(missing)
    why = f"field {names} is in no record" if len(missing) == 1 else f"fields {names} are in no record"
    if census.unknown:
        why += f"; new are {', '.join(sorted(map(clean, census.unknown)))}"
    raise RefusedError(why)


def check_count(records: int, last: int | None, most_fall: float) -> None:
    """Raises RefusedError when there are fewer records than in the last accepted poll by more than a share."""
    if last is None or last < FEWEST_RECORDS or records >= last * (1 - most_fall):
        return
    raise RefusedError(
        f"{records} records after {last}: they fell by more than max_record_fall_share = {most_fall:g}"
    )


def check_rejected(rejected: int, kept: int, most_rejected: float) -> None:
    """Raises RefusedError when the share of rejects is above the limit."""
    both = rejected + kept
    if both < FEWEST_RECORDS or rejected <= both * most_rejected:
        return
    raise RefusedError(
        f"{rejected} of {both} rows were rejected, more than max_rejected_share = {most_rejected:g}"
    )
