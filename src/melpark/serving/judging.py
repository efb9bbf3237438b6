"""What the rules say of a bay now: melpark.parking asked about one sensor. No clock, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from melpark.parking.overstays import Verdict, judge
from melpark.parking.rules import Absent, Kind, Window, rule_at
from melpark.parking.stays import PRESENT, Ending, Event, Limits, Present, stays
from melpark.serving.bays import Bay, RuleNow, Sensor
from melpark.serving.calendar import AHEAD, ZoneRules
from melpark.settings import Settings

RESTRICTED = "restricted"
# The next instant after one: "later than" becomes "from then on".
INSTANT = timedelta(microseconds=1)
LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True)
class Moment:
    """When a bay is judged: now by the source's clock, and the newest `lastupdated` of the feed.

    `is_outage` when the whole feed has been silent for longer than offline_after.
    """

    as_of: datetime
    feed_updated_at: datetime
    is_outage: bool


@dataclass(frozen=True)
class Judged:
    """A bay, and when it has to be looked at again: by the source's clock, and by the feed's newest time."""

    bay: Bay
    due_as_of: datetime | None = None
    due_feed_at: datetime | None = None


def limits(settings: Settings) -> Limits:
    """The settings as the domain takes them."""
    return Limits(
        settings.feed_lag,
        timedelta(seconds=settings.exact_gap_seconds),
        timedelta(seconds=settings.suspect_after_seconds),
    )


def judged(sensor: Sensor, rules: ZoneRules, moment: Moment | None, settings: Settings) -> Judged:
    """The bay of a sensor at a moment; before the first poll there is none, and no rule is told."""
    if moment is None:
        return Judged(_bay(sensor))
    at = moment.as_of
    status, in_force, until_at = rule_now(at, sensor.zone_number, rules)
    bay = replace(
        _bay(sensor),
        is_online=sensor.is_online and not sensor.is_retired and not moment.is_outage,
        rule_status=status,
        rules=tuple(
            RuleNow(window.code, window.kind.value, window.limit_minutes, window.is_metered)
            for window in in_force
        ),
        rule_until_at=until_at,
    )
    due_as_of = min(until_at or at + LONGEST_WAIT, at + LONGEST_WAIT)
    if sensor.status != PRESENT:
        return Judged(bay, due_as_of)
    return _with_stay(bay, sensor, rules, moment, settings, due_as_of)


def _with_stay(
    bay: Bay, sensor: Sensor, rules: ZoneRules, moment: Moment, settings: Settings, due_as_of: datetime
) -> Judged:
    heard_at = sensor.heard_at or moment.feed_updated_at
    arrival = Event(PRESENT, sensor.status_changed_at, heard_at, None)
    is_open = sensor.is_online and not sensor.is_retired
    (stay,) = stays([arrival], Present(heard_at, is_open), limits(settings))
    grace = timedelta(seconds=settings.grace_seconds)
    windows = rules.between(stay.arrival_max_at, moment.as_of)
    verdict = judge(stay, sensor.zone_number, windows, rules.coverage, grace)
    if verdict.permitted_until_at is None:
        # Not over yet: what is to come counts. Asked second, for it is dearer and those who are over are asked often.
        windows = rules.between(stay.arrival_max_at, moment.as_of + AHEAD)
        verdict = judge(stay, sensor.zone_number, windows, rules.coverage, grace)
    # A sensor that is stuck or silent says nothing of now.
    tells = stay.ending is Ending.OPEN and not stay.is_suspect
    found = replace(
        bay,
        permitted_until_at=verdict.permitted_until_at if tells else None,
        is_overstay=tells and verdict.verdict is Verdict.OVERSTAY,
        overstay_minutes=_rounded(verdict.overstay_min_minutes) if tells else None,
        first_breach_at=verdict.first_breach_at if tells else None,
        is_suspect=stay.is_suspect,
    )
    if sensor.heard_at:
        # What it was heard to say stays as it is until its row changes.
        return Judged(found, due_as_of)
    known_until = stay.departure_min_at
    turns = [
        stay.arrival_max_at + limits(settings).suspect_after + INSTANT,
        *(window.start_at + INSTANT for window in windows if window.kind is Kind.UNKNOWN),
    ]
    if tells and (permitted := verdict.permitted_until_at):
        # Once it is over, its minutes grow with each poll.
        turns.append(max(permitted, known_until) + INSTANT)
    if any(window.kind is Kind.UNKNOWN and window.start_at <= known_until for window in windows):
        # A stay under a plate that cannot be read is judged once it is over by the others' limits for long enough.
        turns.append(known_until + INSTANT)
    due_at = min((turn for turn in turns if turn > known_until), default=None)
    return Judged(found, due_as_of, None if due_at is None else due_at + settings.feed_lag)


def rule_now(
    at: datetime, zone_number: int | None, rules: ZoneRules
) -> tuple[str, Sequence[Window], datetime | None]:
    """`restricted`, `unrestricted` or `no_rule` at an instant, the windows in force, until when that is so.

    The end is None when nobody knows it, or it is farther away than anyone asks for.
    """
    near = rules.between(at, at + AHEAD)
    found = rule_at(at, zone_number, near, rules.coverage)
    if found is Absent.NO_RULE:
        return found.value, (), None
    if found is Absent.UNRESTRICTED:
        turns = [window.start_at for window in near if window.start_at > at]
        turns += [row.end_at for row in rules.coverage if row.start_at <= at < row.end_at <= at + AHEAD]
        return found.value, (), min(turns, default=None)
    assert isinstance(found, tuple)
    until_at = found[0].end_at
    asked = _said(found)
    # Windows are cut at midnight; a rule that goes on is the same rule.
    while until_at < at + AHEAD:
        following = [window for window in near if window.start_at == until_at]
        if _said(following) != asked:
            break
        until_at = following[0].end_at
    return RESTRICTED, found, until_at


def _said(windows: Sequence[Window]) -> set[tuple[str, str, int | None, bool]]:
    return {(window.code, window.kind, window.limit_minutes, window.is_metered) for window in windows}


def _rounded(minutes: float | None) -> float | None:
    return None if minutes is None else round(minutes, 2)


def _bay(sensor: Sensor) -> Bay:
    """The sensor without a word on rules."""
    return Bay(
        kerbside_id=sensor.kerbside_id,
        status=sensor.status,
        status_changed_at=sensor.status_changed_at,
        zone_number=sensor.zone_number,
        longitude=sensor.longitude,
        latitude=sensor.latitude,
        is_online=sensor.is_online and not sensor.is_retired,
        is_retired=sensor.is_retired,
        heard_at=sensor.heard_at,
        observed_at=sensor.observed_at,
        committed_at=sensor.committed_at,
        rule_status=Absent.NO_RULE.value,
        rules=(),
        rule_until_at=None,
        permitted_until_at=None,
        is_overstay=False,
        overstay_minutes=None,
        first_breach_at=None,
        is_suspect=False,
    )
