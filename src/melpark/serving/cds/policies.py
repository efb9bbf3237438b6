"""Sign plates as policies of the standard: what a plate says, when, and which of two wins.

A policy's id names its exact content, so plates of many zones that say the same share one policy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

import orjson

from melpark.parking.plates import ALL_WEEK, MINUTES_PER_DAY, MINUTES_PER_HOUR, Plate, Reading, read
from melpark.parking.rules import Kind
from melpark.serving.cds.standard import Json, identity, milliseconds

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PERMIT = "disabled_parking_permit"
# The lowest number wins: what is kept for some comes before what is open to all, in bands of ten.
LOADING = 30
DISABILITY = 40
EVERYBODY = 50
# Below the kerb's privileged use: nobody else may park there.
OTHERS = 1
FREE: Json = {"rate": 0, "rate_unit": "minute", "start_duration": 0}


@dataclass(frozen=True)
class Policy:
    """One policy without the date of its publication; `content` is what the id is made of."""

    id: str
    content: bytes

    def record(self, published_at: datetime) -> Json:
        """The policy as the standard has it."""
        content: Json = orjson.loads(self.content)
        return {"curb_policy_id": self.id, "published_date": milliseconds(published_at)} | content


def policies_of(plate: Plate, holidays_suspend: bool) -> list[Policy]:
    """The policies that say what the plate says; none for one that cannot be read.

    `holidays_suspend`: plates that do not name every day are not in force on public holidays.
    """
    reading = read(plate)
    rules = _rules(reading)
    spans = _spans(reading, holidays_suspend)
    return [_policy(priority, rule, spans) for priority, rule in rules]


def zone_policies(plates: Iterable[Plate], holidays_suspend: bool) -> list[Policy]:
    """The policies that together regulate a zone with these plates, in the order of their ids.

    None when two of its plates hold at one time: they stand at different bays, and which bay has which is not known.
    """
    plates = sorted(set(plates))
    if plates_meet(plates):
        return []
    found = {policy.id: policy for plate in plates for policy in policies_of(plate, holidays_suspend)}
    return [found[name] for name in sorted(found)]


def plates_meet(plates: Iterable[Plate]) -> bool:
    """True when two plates of one zone hold at one time."""
    return any(_meet(read(one), read(other)) for one, other in combinations(sorted(set(plates)), 2))


def _meet(one: Reading, other: Reading) -> bool:
    return (
        bool(one.weekdays & other.weekdays)
        and one.start_minute < other.finish_minute
        and other.start_minute < one.finish_minute
    )


def _policy(priority: int, rule: Json, spans: list[Json]) -> Policy:
    body: Json = {"priority": priority, "rules": [rule]}
    if spans:
        body["time_spans"] = spans
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return Policy(identity("policy", content.decode()), content)


def _rules(reading: Reading) -> list[tuple[int, Json]]:
    """Each rule with its priority."""
    rule = reading.rule
    stay = _stay(rule.limit_minutes)
    match rule.kind:
        case Kind.UNKNOWN:
            return []
        case Kind.NO_STOPPING:
            return [(LOADING, {"activity": "no stopping"})]
        case Kind.LOADING:
            # Loading alone does not forbid parking.
            return [
                (LOADING, {"activity": "loading", **stay}),
                (LOADING + OTHERS, {"activity": "no parking"}),
            ]
        case Kind.DISABILITY:
            return [
                (DISABILITY, {"activity": "parking", **stay, "user_classes": [PERMIT]}),
                (DISABILITY + OTHERS, {"activity": "no parking"}),
            ]
        case Kind.FREE:
            end = {} if rule.limit_minutes is None else {"end_duration": rule.limit_minutes}
            return [(EVERYBODY, {"activity": "parking", **stay, "rate": [FREE | end]})]
        case Kind.TIMED | Kind.PAID:
            # Where parking is paid for the City publishes no tariff: an absent rate says that it is not stated.
            return [(EVERYBODY, {"activity": "parking", **stay})]


def _stay(limit_minutes: int | None) -> Json:
    return {} if limit_minutes is None else {"max_stay": limit_minutes, "max_stay_unit": "minute"}


def _spans(reading: Reading, holidays_suspend: bool) -> list[Json]:
    span: Json = {}
    if reading.weekdays != ALL_WEEK:
        span["days_of_week"] = [DAYS[day] for day in sorted(reading.weekdays)]
        if holidays_suspend:
            span |= {"designated_period": "holidays", "designated_period_except": True}
    if reading.start_minute > 0:
        span["time_of_day_start"] = _clock(reading.start_minute)
    if reading.finish_minute < MINUTES_PER_DAY:
        span["time_of_day_end"] = _clock(reading.finish_minute)
    return [span] if span else []


def _clock(minute: int) -> str:
    return f"{minute // MINUTES_PER_HOUR:02}:{minute % MINUTES_PER_HOUR:02}"


@dataclass(frozen=True)
class PlateVersion:
    """One version of a zone's plate: it holds from `valid_from_at` (None: always before) to before `valid_to_at`."""

    zone_number: int
    plate: Plate
    is_retired: bool
    valid_from_at: datetime | None
    valid_to_at: datetime | None
    observed_at: datetime


@dataclass(frozen=True)
class PolicySet:
    """Policies that regulated a zone from `start_at` to before `end_at` (None: they still do)."""

    policy_ids: tuple[str, ...]
    start_at: datetime
    end_at: datetime | None


def histories(
    versions: Iterable[PlateVersion], begins_at: datetime, holidays_suspend: bool
) -> tuple[dict[int, list[PolicySet]], dict[str, Policy]]:
    """Each zone number's sets of policies, the present one first, and every policy that one of them names.

    What was in force before `begins_at` is not told.
    """
    by_zone: dict[int, list[PlateVersion]] = {}
    for version in versions:
        by_zone.setdefault(version.zone_number, []).append(version)
    known: dict[str, Policy] = {}
    sets: dict[int, list[PolicySet]] = {}
    for zone, of_zone in by_zone.items():
        sets[zone] = _sets(of_zone, begins_at, holidays_suspend, known)
    return sets, known


def _sets(
    versions: list[PlateVersion], begins_at: datetime, holidays_suspend: bool, known: dict[str, Policy]
) -> list[PolicySet]:
    changes = {version.valid_from_at for version in versions if version.valid_from_at}
    starts = [begins_at, *sorted(at for at in changes if at > begins_at)]
    sets: list[PolicySet] = []
    for start in starts:
        plates = [version.plate for version in versions if not version.is_retired and _holds(version, start)]
        policies = zone_policies(plates, holidays_suspend)
        known |= {policy.id: policy for policy in policies}
        ids = tuple(policy.id for policy in policies)
        if sets and sets[0].policy_ids == ids:
            continue
        if sets:
            sets[0] = PolicySet(sets[0].policy_ids, sets[0].start_at, start)
        sets.insert(0, PolicySet(ids, start, None))
    return sets


def _holds(version: PlateVersion, at: datetime) -> bool:
    return (version.valid_from_at is None or version.valid_from_at <= at) and (
        version.valid_to_at is None or at < version.valid_to_at
    )


def first_published(versions: Iterable[PlateVersion], holidays_suspend: bool) -> Mapping[str, datetime]:
    """When each policy was first published: with the poll that first showed a plate of its content, in any zone."""
    first: dict[str, datetime] = {}
    for version in versions:
        for policy in policies_of(version.plate, holidays_suspend):
            first[policy.id] = min(first.get(policy.id, version.observed_at), version.observed_at)
    return first
