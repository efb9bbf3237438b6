"""The City's own findings in its historical files, and ours on the same rows.

Files: `historical/overstays_2016-11-07_2016-11-13.csv.gz` and `historical/parking_events_2017_sample.csv.gz` of the
captures. Their times are Melbourne's wall clock without offset; of the hour that a clock shows twice the first
is meant.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from melpark.parking.local_time import DAY, MELBOURNE, days_between, local_day, midnight
from melpark.parking.overstays import Overstay, Verdict, judge
from melpark.parking.rules import Coverage, Kind, Window
from melpark.parking.sign_texts import read_sign, sign_windows
from melpark.parking.stays import Beginning, Ending, Limits, Stay

OVERSTAYS_2016 = Path("historical") / "overstays_2016-11-07_2016-11-13.csv.gz"
EVENTS_2017 = Path("historical") / "parking_events_2017_sample.csv.gz"
ZONE = 1


def stay(arrival_at: datetime, departure_at: datetime) -> Stay:
    """A stay whose times are known."""
    return Stay(
        revealed_at=arrival_at,
        arrival_min_at=arrival_at,
        arrival_max_at=arrival_at,
        departure_min_at=departure_at,
        departure_max_at=departure_at,
        beginning=Beginning.OBSERVED,
        ending=Ending.OBSERVED,
        is_late_report=False,
        is_suspect=departure_at - arrival_at > Limits().suspect_after,
    )


@dataclass(frozen=True)
class OverstayRow:
    """A row of the overstays of 2016; times in UTC, to the minute."""

    street_marker: str
    arrival_at: datetime
    departure_at: datetime
    limit_minutes: int
    minutes_over: int


def overstays_2016(folder: Path) -> Iterator[OverstayRow]:
    """Every overstay that the City listed, in the order of the file."""
    for row in _rows(folder / OVERSTAYS_2016):
        arrival_at, departure_at = (
            _utc(datetime.fromisoformat(row[name])) for name in ("arrival_local", "departure_local")
        )
        minutes = int(row["limit_minutes"]), int(row["overstay_minutes"])
        yield OverstayRow(row["street_marker"], arrival_at, departure_at, *minutes)


@dataclass(frozen=True)
class Listed:
    """A row of the overstays of 2016: what the City found, and what we find with the same limit."""

    limit_minutes: int
    minutes_over: int
    found: Overstay


def listed_2016(folder: Path) -> Iterator[Listed]:
    """Every overstay that the City listed, judged in a window of its limit that lasts the whole local day."""
    for row in overstays_2016(folder):
        found = _by_limit(row.limit_minutes, stay(row.arrival_at, row.departure_at))
        yield Listed(row.limit_minutes, row.minutes_over, found)


@dataclass(frozen=True)
class Judged:
    """A row of the events of 2017 with the City's flag, our verdict, and the one without days and hours."""

    street_marker: str
    sign: str
    arrival_at: datetime
    departure_at: datetime
    is_in_violation: bool
    found: Overstay
    by_limit_alone: Overstay

    @property
    def is_overstay(self) -> bool:
        return self.found.verdict is Verdict.OVERSTAY


def judged_2017(folder: Path) -> tuple[list[Judged], Counter[str]]:
    """The rows that can be judged, and how many were left out, by reason."""
    kept: list[Judged] = []
    left_out = Counter[str]()
    for row in _rows(folder / EVENTS_2017):
        arrival_at, departure_at = (
            _utc(datetime.strptime(row[name], "%m/%d/%Y %I:%M:%S %p"))  # noqa: DTZ007
            for name in ("ArrivalTime", "DepartureTime")
        )
        if departure_at <= arrival_at:
            left_out["departure not after arrival"] += 1
        elif not row["Sign"]:
            left_out["no sign"] += 1
        else:
            parked = stay(arrival_at, departure_at)
            is_in_violation = {"TRUE": True, "FALSE": False}[row["In Violation"]]
            kept.append(
                Judged(
                    street_marker=row["StreetMarker"],
                    sign=row["Sign"],
                    arrival_at=arrival_at,
                    departure_at=departure_at,
                    is_in_violation=is_in_violation,
                    found=_by_sign(row["Sign"], parked),
                    by_limit_alone=_by_limit(read_sign(row["Sign"]).rule.limit_minutes, parked),
                )
            )
    return kept, left_out


def _by_limit(limit_minutes: int | None, parked: Stay) -> Overstay:
    """The verdict in one window of this limit that lasts for all local days of the stay."""
    first, last = local_day(parked.arrival_min_at), local_day(parked.departure_min_at)
    start_at, end_at = midnight(first), midnight(last + DAY)
    kind = Kind.UNKNOWN if limit_minutes is None else Kind.TIMED if limit_minutes else Kind.NO_STOPPING
    window = Window(ZONE, start_at, end_at, limit_minutes, kind, False, f"{limit_minutes} minutes", False)
    return judge(parked, ZONE, [window], [Coverage(ZONE, start_at, end_at)])


def _by_sign(sign: str, parked: Stay) -> Overstay:
    # The day before tells whether the clock ran when the vehicle came.
    start_at, end_at = parked.arrival_min_at - timedelta(days=1), parked.departure_min_at + timedelta(days=1)
    windows = list(sign_windows(sign, ZONE, days_between(start_at, end_at)))
    return judge(parked, ZONE, windows, [Coverage(ZONE, start_at, end_at)])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)


def _utc(wall_clock: datetime) -> datetime:
    return wall_clock.replace(tzinfo=MELBOURNE).astimezone(UTC)


@dataclass(frozen=True)
class Confusion:
    """Our overstays against the City's flags."""

    both: int
    only_ours: int
    only_theirs: int
    neither: int

    @property
    def precision(self) -> float:
        return self.both / (self.both + self.only_ours)

    @property
    def recall(self) -> float:
        return self.both / (self.both + self.only_theirs)


def confusion(rows: Iterable[tuple[bool, bool]]) -> Confusion:
    """Counts of pairs: is it an overstay to us, is it a violation to the City."""
    counted = Counter(rows)
    return Confusion(
        both=counted[True, True],
        only_ours=counted[True, False],
        only_theirs=counted[False, True],
        neither=counted[False, False],
    )
