"""What gold says of simulated days, held against what really happened on them."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from melpark.parking.local_time import local_day
from melpark.processing import query
from melpark.settings import Settings
from truth.simulated_days import SimulatedDays, TrueStay

GRACE_MINUTES = 5
QUARTER = timedelta(minutes=15)
# Which say nothing of whether it was an overstay, each with its reason.
NO_VERDICT = frozenset({"no_rule", "ambiguous_rule", "uncertain_time", "open", "lost", "suspect"})


class Session(NamedTuple):
    """A row of fact_parking_sessions."""

    kerbside_id: str
    arrival_min_at: datetime
    arrival_max_at: datetime
    departure_min_at: datetime
    departure_max_at: datetime | None
    beginning: str
    ending: str
    verdict: str
    overstay_min_minutes: float | None
    overstay_max_minutes: float | None


class Quarter(NamedTuple):
    """A quarter hour of all locations."""

    starts_at: datetime
    online_minutes: float
    occupied_minutes: float


class BayDay(NamedTuple):
    """A row of fact_bay_days."""

    kerbside_id: str
    local_date: date
    online_minutes: float
    occupied_minutes: float


@dataclass
class Compared:
    """Counts, and what contradicts the truth: of each kind there should be none."""

    stays: Counter[str] = field(default_factory=Counter)
    overstays: Counter[str] = field(default_factory=Counter)
    contradictions: dict[str, list[object]] = field(default_factory=lambda: defaultdict(list))

    @property
    def precision(self) -> float:
        return self.overstays["both"] / (self.overstays["both"] + self._of("only ours"))

    @property
    def recall(self) -> float:
        return self.overstays["both"] / (self.overstays["both"] + self._of("missed"))

    def _of(self, beginning: str) -> int:
        return sum(count for kind, count in self.overstays.items() if kind.startswith(beginning))

    def lines(self) -> list[str]:
        """The report."""
        return [
            *(f"  {count:>7,} {kind}" for kind, count in sorted(self.stays.items())),
            f"  overstays: precision {self.precision:.3f}, recall {self.recall:.3f}",
            *(f"  {count:>7,} {kind}" for kind, count in sorted(self.overstays.items()) if count),
        ]


def sessions(settings: Settings) -> list[Session]:
    return [
        Session(*row)
        for row in query.sql(
            settings, f"SELECT {', '.join(Session._fields)} FROM gold.fact_parking_sessions"
        )[1]
    ]


def quarters(settings: Settings) -> list[Quarter]:
    sums = "sum(online_minutes), sum(occupied_minutes)"
    sql = f"SELECT starts_at, {sums} FROM gold.fact_occupancy GROUP BY starts_at ORDER BY starts_at"
    return [Quarter(*row) for row in query.sql(settings, sql)[1]]


def bay_days(settings: Settings) -> list[BayDay]:
    return [
        BayDay(*row)
        for row in query.sql(settings, f"SELECT {', '.join(BayDay._fields)} FROM gold.fact_bay_days")[1]
    ]


def compare(days: SimulatedDays, told: Iterable[Session]) -> Compared:
    """Stays and overstays of the bays whose sensors did not fail."""
    found = Compared()
    told = list(told)
    keys = Counter((one.kerbside_id, one.arrival_min_at, one.departure_max_at) for one in told)
    found.contradictions["told twice"] += [key for key, count in keys.items() if count > 1]
    sound = [one for one in told if one.kerbside_id not in days.faulty]
    true = [stay for stay in days.stays if stay.kerbside_id not in days.faulty]
    by_arrival = {(stay.kerbside_id, stay.arrival_at): stay for stay in true}
    of_bay: dict[str, list[TrueStay]] = defaultdict(list)
    for stay in sorted(true, key=lambda stay: stay.arrival_at):
        of_bay[stay.kerbside_id].append(stay)
    by_departure: dict[tuple[str, datetime | None], TrueStay] = {
        (stay.kerbside_id, stay.departure_at): stay for stay in true
    }
    observed = {(one.kerbside_id, one.arrival_min_at): one for one in sound if one.beginning == "observed"}
    shown = {one for one in days.arrivals_shown if one[0] not in days.faulty}
    found.contradictions["shown, but not told with its arrival"] += shown - observed.keys()
    found.contradictions["told, but never shown"] += observed.keys() - shown
    unseen = {one for one in days.unseen_stays_shown if one[0] not in days.faulty}
    begun_unseen = [one for one in sound if one.beginning != "observed"]
    departures = {(one.kerbside_id, one.departure_max_at) for one in begun_unseen if one.departure_max_at}
    found.contradictions["its departure shown, but not told"] += unseen - departures
    for one in observed.values():
        _departure(found, one, by_arrival.get((one.kerbside_id, one.arrival_min_at)), days.known_until[-1])
        if one.ending == "observed":
            _same_or_hidden(found, one, of_bay[one.kerbside_id], days.known_until)
    for one in begun_unseen:
        _arrival(found, one, by_departure.get((one.kerbside_id, one.departure_max_at)))
    for stay in true:
        told_of = observed.get((stay.kerbside_id, stay.arrival_at))
        if told_of is None:
            _unseen(found, stay, days.known_until)
        if stay.departure_at <= days.known_until[-1]:
            _overstay(found, stay, told_of, _of_other_plates(days, stay.kerbside_id))
    return found


def _departure(found: Compared, one: Session, true: TrueStay | None, known_until: datetime) -> None:
    if true is None:
        found.contradictions["told, but never happened"].append(one)
    elif one.ending == "observed" and one.departure_min_at == true.departure_at:
        found.stays["exact"] += 1
    elif one.ending == "observed" and true.departure_at < one.departure_min_at:
        found.stays["taken for one with another that came and left between two polls"] += 1
    elif one.ending == "bounded" and one.departure_max_at:
        found.stays["departure within its bounds"] += 1
        if not one.departure_min_at <= true.departure_at <= one.departure_max_at:
            found.contradictions["departure beyond its bounds"].append((one, true))
    elif one.ending == "open":
        found.stays["still there at the last poll"] += 1
        if true.departure_at <= known_until:
            found.contradictions["open, but gone"].append((one, true))
    else:
        found.contradictions["another ending"].append((one, true))


def _same_or_hidden(
    found: Compared, one: Session, of_bay: Sequence[TrueStay], known_until: Sequence[datetime]
) -> None:
    """A departure that is called known is one, and no poll knew of a time without a vehicle before it."""
    within = [stay for stay in of_bay if one.arrival_min_at <= stay.arrival_at < one.departure_min_at]
    if not within or within[-1].departure_at != one.departure_min_at:
        found.contradictions["no vehicle left then"].append(one)
    for before, after in pairwise(within):
        if bisect_left(known_until, before.departure_at) < bisect_left(known_until, after.arrival_at):
            found.contradictions["a poll could have told them apart"].append((one, before, after))


def _arrival(found: Compared, one: Session, true: TrueStay | None) -> None:
    found.stays["only its departure shown, arrival within its bounds"] += 1
    if true is None or not one.arrival_min_at <= true.arrival_at <= one.arrival_max_at:
        found.contradictions["arrival beyond its bounds"].append((one, true))


def _unseen(found: Compared, stay: TrueStay, known_until: Sequence[datetime]) -> None:
    """Explained by the polls alone: none knew of a time between its arrival and its departure."""
    first = bisect_left(known_until, stay.arrival_at)
    if first < bisect_left(known_until, stay.departure_at):
        found.contradictions["a poll could have shown it"].append(stay)
    found.stays["came and left between two polls, or not before the last"] += 1


def _of_other_plates(days: SimulatedDays, kerbside_id: str) -> str:
    """Why the plates of the bay may be others than those of the zone that the feed shows."""
    if kerbside_id in days.of_several_limits:
        return "in a zone of several limits"
    return "shown in another zone or place" if kerbside_id in days.shifted else ""


def _overstay(found: Compared, stay: TrueStay, told_of: Session | None, of_other_plates: str) -> None:
    """Two things polls cannot tell: a vehicle that came and left unseen, and which of a zone's plates a bay has."""
    is_over = stay.overstay_minutes >= GRACE_MINUTES
    if told_of is None:
        found.overstays["missed: never shown"] += is_over
        return
    is_hidden = told_of.ending == "observed" and told_of.departure_min_at != stay.departure_at
    reason = "a vehicle came unseen" if is_hidden else of_other_plates
    is_known, why = not reason, f" ({reason})" if reason else ""
    if told_of.verdict == "overstay":
        found.overstays["both" if is_over else f"only ours{why}"] += 1
        if not is_over and is_known:
            found.contradictions["an overstay that was none"].append((told_of, stay))
    elif is_over:
        found.overstays[f"missed: {told_of.verdict}{why if told_of.verdict == 'no_rule' else ''}"] += 1
        if told_of.verdict not in NO_VERDICT and is_known:
            found.contradictions["an overstay that was called none"].append((told_of, stay))
    if told_of.verdict in ("overstay", "within") and is_known:
        _minutes(found, stay, told_of)


def _minutes(found: Compared, stay: TrueStay, told_of: Session) -> None:
    least, most = told_of.overstay_min_minutes, told_of.overstay_max_minutes
    a_second = 1 / 60
    if least is not None and least > stay.overstay_minutes + a_second:
        found.contradictions["more minutes over than there were"].append((told_of, stay))
    if most is not None and most < stay.overstay_minutes - a_second:
        found.contradictions["fewer minutes over than there were"].append((told_of, stay))


def occupancy_differences(days: SimulatedDays, told: Iterable[Quarter]) -> dict[datetime, float]:
    """For each whole quarter hour how many points gold's occupancy is above the true one. No sensor may fail."""
    assert not days.faulty
    occupied: dict[datetime, float] = defaultdict(float)
    for stay in days.stays:
        for begin, seconds in _in_quarters(stay):
            occupied[begin] += seconds
    of_all = len(days.bays) * QUARTER.total_seconds()
    return {
        one.starts_at: 100 * (one.occupied_minutes / one.online_minutes - occupied[one.starts_at] / of_all)
        for one in whole_quarters(days, told)
    }


def occupancy_difference(days: SimulatedDays, told: Iterable[BayDay]) -> float:
    """How many points gold's occupancy of all these days is above the true one, of bays whose sensors did not fail."""
    sound = [
        one for one in told if one.kerbside_id not in days.faulty and one.local_date >= local_day(days.start)
    ]
    of_gold = sum(one.occupied_minutes for one in sound) / sum(one.online_minutes for one in sound)
    parked = sum(
        (
            min(stay.departure_at, days.end) - max(stay.arrival_at, days.start)
            for stay in days.stays
            if stay.kerbside_id not in days.faulty
        ),
        timedelta(0),
    )
    return 100 * (of_gold - parked / ((len(days.bays) - len(days.faulty)) * (days.end - days.start)))


def whole_quarters(days: SimulatedDays, told: Iterable[Quarter]) -> list[Quarter]:
    """Those of which the polls know everything."""
    first, last = days.start + QUARTER, days.known_until[-1] - QUARTER
    return [one for one in told if first <= one.starts_at <= last]


def occupancy_lines(differences: Mapping[datetime, float]) -> list[str]:
    """The report: points above the truth, of all and of the quarter hour that is farthest from it."""
    mean = sum(differences.values()) / len(differences)
    return [
        f"  occupancy: {mean:+.2f} points, {max(differences.values(), key=abs):+.2f} in the worst quarter hour"
    ]


def _in_quarters(stay: TrueStay) -> Iterable[tuple[datetime, float]]:
    at = stay.arrival_at
    while at < stay.departure_at:
        begin = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        end = min(begin + QUARTER, stay.departure_at)
        yield begin, (end - at).total_seconds()
        at = end
