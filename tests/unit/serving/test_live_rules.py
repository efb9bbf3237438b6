"""The live state, told only of what changed, is at every moment what the domain says of every bay from scratch."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cases.kerb import local, window
from melpark.parking.overstays import Verdict, judge
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.rules import Absent, Coverage, Window, rule_at
from melpark.parking.stays import Event, Present, stays
from melpark.serving.bays import Bay, Change, Poll, Removed, RuleVersion, RuleWindow, Sensor
from melpark.serving.live import LiveState
from melpark.serving.stream import BayChange
from melpark.settings import Settings
from unit.parking.plate_texts import ZONE
from unit.parking.test_rule_properties import plate_sets

OURS = datetime(2026, 1, 1, tzinfo=UTC)
START, END = local("00:00", "2025-08-06"), local("00:00", "2025-08-13")
SETTINGS = Settings()
MINUTE = timedelta(minutes=1)


def sensor(kerbside_id: str = "1", status: str = "Present", **values: object) -> Sensor:
    whole = Sensor(kerbside_id, status, START, ZONE, 144.96, -37.81, True, False, None, START, OURS)
    return replace(whole, **values)  # type: ignore[arg-type]


def poll(at: datetime, feed_updated_at: datetime | None = None) -> Poll:
    return Poll(at, feed_updated_at or at, OURS)


def on_a_loop(call: Callable[[], None]) -> None:
    async def run() -> None:
        call()

    asyncio.run(run())


def apply(live: LiveState, told: list[Change], sent: dict[str, bytes]) -> None:
    """Take in changes; `sent` is what a reader of the stream then holds of each bay."""

    def publish(changes: Iterable[BayChange]) -> None:
        sent.update((change.kerbside_id, orjson.dumps(change.bay)) for change in changes)

    live.stream.publish = publish  # type: ignore[method-assign]
    on_a_loop(lambda: live.apply(told, OURS))


def expected(
    one: Sensor, found: list[Window], coverage: list[Coverage], as_of: datetime, feed_at: datetime
) -> dict[str, object]:
    """What the domain's functions say of a bay, asked with the whole calendar."""
    in_force = rule_at(as_of, one.zone_number, found, coverage)
    is_online = one.is_online and as_of < feed_at + timedelta(minutes=15)
    told: dict[str, object] = {
        "is_online": is_online,
        "rule_status": in_force.value if isinstance(in_force, Absent) else "restricted",
        "codes": sorted(() if isinstance(in_force, Absent) else (window.code for window in in_force)),
        "permitted_until_at": None,
        "is_overstay": False,
        "minutes": None,
        "first_breach_at": None,
        "is_suspect": False,
    }
    if one.status == "Present":
        heard_at = one.heard_at or feed_at
        event = Event("Present", one.status_changed_at, heard_at, None)
        (stay,) = stays([event], Present(heard_at, one.is_online))
        verdict = judge(stay, one.zone_number, found, coverage)
        told["is_suspect"] = stay.is_suspect
        if stay.ending == "open" and not stay.is_suspect:
            told["permitted_until_at"] = verdict.permitted_until_at
            told["is_overstay"] = verdict.verdict is Verdict.OVERSTAY
            minutes = verdict.overstay_min_minutes
            told["minutes"] = None if minutes is None else round(minutes, 2)
            told["first_breach_at"] = verdict.first_breach_at
    return told


def shown(bay: Bay) -> dict[str, object]:
    return {
        "is_online": bay.is_online,
        "rule_status": bay.rule_status,
        "codes": sorted(rule.code for rule in bay.rules),
        "permitted_until_at": bay.permitted_until_at,
        "is_overstay": bay.is_overstay,
        "minutes": bay.overstay_minutes,
        "first_breach_at": bay.first_breach_at,
        "is_suspect": bay.is_suspect,
    }


@st.composite
def stories(
    draw: st.DrawFn,
) -> tuple[frozenset[object], frozenset[object], int, list[tuple[int, int, list[tuple[int, bool, int]]]]]:
    """Plates, the plates after a change of them at some step, and steps: minutes on, feed's age, changes of bays."""
    change = st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2))
    step = st.tuples(st.integers(1, 300), st.sampled_from([0, 0, 0, 1, 20]), st.lists(change, max_size=3))
    steps = draw(st.lists(step, min_size=3, max_size=14))
    return draw(plate_sets), draw(plate_sets), draw(st.integers(0, len(steps))), steps


# Under a plate that cannot be read, then over by the limit of the plates that came instead.
UNREAD_THEN_OVER = (
    frozenset({Plate("Mon-Fri", 0, 1230, "??")}),
    frozenset({Plate("Mon-Fri", 0, 150, "2P")}),
    1,
    [(1217, 0, []), (2, 0, [(0, True, 0)]), (221, 0, []), (128, 0, [])],
)


@settings(max_examples=80)
@example(UNREAD_THEN_OVER)
@given(stories())
def test_at_every_moment_each_bay_is_what_the_domain_says_from_scratch(story) -> None:  # type: ignore[no-untyped-def]
    before, after, changes_at, steps = story
    live = LiveState(SETTINGS)
    versions = [Version(ZONE, START - timedelta(days=3), END, before)]
    at = START
    sensors: dict[str, Sensor] = {}
    log: list[Change] = [*calendar_changes(versions), poll(at)]

    def begin() -> None:
        live.apply(log, OURS)
        live.ready(OURS)

    on_a_loop(begin)
    sent: dict[str, bytes] = {}
    for number, (minutes, age, changes) in enumerate(steps):
        at += minutes * MINUTE
        feed_at = at - age * MINUTE
        told: list[Change] = [poll(at, feed_at)]
        for bay, is_present, kind in changes:
            one = sensor(
                str(bay),
                "Present" if is_present else "Unoccupied",
                status_changed_at=at - 2 * MINUTE,
                zone_number=(ZONE, ZONE, None)[kind],
                is_online=kind != 1,
            )
            sensors[one.kerbside_id] = one
            told.append(one)
        if number == changes_at:
            versions = [replace(versions[0], end_at=at), Version(ZONE, at, END, after)]
            told += calendar_changes(versions)

        apply(live, told, sent)
        found = list(windows(versions))
        coverage = [version.coverage for version in versions]
        for one in sensors.values():
            bay = live.bays[one.kerbside_id]
            assert shown(bay) == expected(one, found, coverage, at, feed_at)
            assert sent[one.kerbside_id] == orjson.dumps(bay)


def calendar_changes(versions: list[Version]) -> list[Change]:
    """What the log tells when these are the zone's plates; windows that will not come are cut, as the loader does."""
    found = list(windows(versions))
    changes: list[Change] = [RuleWindow(one) for one in found]
    kept = {(one.start_at, one.code) for one in found}
    for gone in windows([replace(versions[0], end_at=END)]):
        if (gone.start_at, gone.code) not in kept:
            changes.append(RuleWindow(replace(gone, end_at=gone.start_at)))
    return changes + [RuleVersion(version.coverage) for version in versions]


TWO_HOURS = window("2P", 120, "07:30", "18:30", "2025-08-06")
KNOWN = RuleVersion(Coverage(ZONE, START, END))


def test_what_time_alone_changes_is_told_without_an_event() -> None:
    """At 07:30 the rule begins: nothing is heard, the source's clock runs on from the poll."""
    at = local("07:29", "2025-08-06")
    live = LiveState(SETTINGS)
    told: list[Bay | None] = []

    def run() -> None:
        live.apply([sensor(status="Unoccupied"), RuleWindow(TWO_HOURS), KNOWN, poll(at)], OURS)
        live.ready(OURS)
        assert live.bays["1"].rule_status == "unrestricted"
        assert live.bays["1"].rule_until_at == local("07:30", "2025-08-06")
        live.stream.publish = lambda changes: told.extend(change.bay for change in changes)  # type: ignore[method-assign]
        live.tick(OURS + timedelta(seconds=59))
        assert told == []
        live.tick(OURS + timedelta(seconds=60))
        live.tick(OURS + timedelta(seconds=61))

    on_a_loop(run)
    (bay,) = told
    assert bay == live.bays["1"]
    assert bay is not None
    assert [rule.code for rule in bay.rules] == ["2P"]
    assert bay.rule_until_at == local("18:30", "2025-08-06")


def test_a_silent_feed_takes_every_bay_off_line_and_the_next_poll_brings_them_back() -> None:
    live = LiveState(SETTINGS)
    at = local("12:00", "2025-08-06")

    def run() -> None:
        live.apply([sensor("1"), sensor("2", is_online=False), poll(at)], OURS)
        live.ready(OURS)
        assert [bay.is_online for bay in live.bays.values()] == [True, False]
        live.apply([poll(at + 16 * MINUTE, at)], OURS)
        assert [bay.is_online for bay in live.bays.values()] == [False, False]
        live.apply([poll(at + 18 * MINUTE)], OURS)
        assert [bay.is_online for bay in live.bays.values()] == [True, False]

    on_a_loop(run)


def test_a_bay_that_is_removed_is_due_no_more() -> None:
    live = LiveState(SETTINGS)
    at = local("07:29", "2025-08-06")

    def run() -> None:
        live.apply([sensor(), RuleWindow(TWO_HOURS), KNOWN, poll(at)], OURS)
        live.ready(OURS)
        live.apply([Removed("1")], OURS)
        live.apply([poll(at + 300 * MINUTE)], OURS)
        assert live.bays == {}

    on_a_loop(run)


def test_a_rule_that_goes_on_over_midnight_holds_until_it_ends() -> None:
    today = window("2P", 120, "20:00", "23:59", "2025-08-06")
    midnight = local("00:00", "2025-08-07")
    today = replace(today, end_at=midnight)
    tomorrow = replace(today, start_at=midnight, end_at=midnight + timedelta(hours=2))
    live = LiveState(SETTINGS)

    def run() -> None:
        live.apply(
            [sensor(), RuleWindow(today), RuleWindow(tomorrow), KNOWN, poll(local("21:00", "2025-08-06"))],
            OURS,
        )
        live.ready(OURS)

    on_a_loop(run)
    assert live.bays["1"].rule_until_at == midnight + timedelta(hours=2)
