"""The rule calendar follows the polls: what it covers, when it grows, what a change of plates does to it."""

import contextlib
import logging
import re
from datetime import timedelta

import pytest

from integration.ingestion.made_up_polls import answer, at
from integration.ingestion.rule_polls import (
    ALWAYS,
    DAY,
    LATER,
    OFFICE,
    WEEK,
    Query,
    everything,
    on,
    plate_record,
    plates,
    poll,
    rebuilt,
    versions,
    windows,
)
from melpark.contracts import SENSORS, SIGN_PLATES
from melpark.ingestion import rule_load
from melpark.ingestion.database import connect
from melpark.ingestion.postgres_loader import PostgresLoader
from melpark.parking.rules import Kind
from melpark.settings import Settings
from unit.parking.plate_texts import local


def test_the_calendar_covers_8_weeks_before_the_first_poll_to_4_weeks_after_now(
    loader: PostgresLoader, query: Query
) -> None:
    plates(loader, 0, {7001: [OFFICE]})
    assert everything(query) == []
    poll(loader, 1)
    ((start, end, is_current),) = versions(query)
    assert timedelta(0) <= at(1) - timedelta(weeks=8) - start < timedelta(days=1)
    assert end >= at(1) + timedelta(weeks=4)
    assert is_current
    found = windows(query)
    assert found[0][1] == local("2025-06-12 07:30")
    assert on(found, "2025-08-07") == [
        ("2P", local("2025-08-07 07:30"), local("2025-08-07 18:30"), local("2025-08-07 07:30"))
    ]
    assert found[-1][1] >= at(1) + timedelta(weeks=4) - timedelta(days=3)


def test_the_settings_say_how_far_the_calendar_reaches(postgres: Settings, query: Query) -> None:
    shorter = postgres.model_copy(update={"rule_weeks_before": 1, "rule_weeks_after": 2})
    with contextlib.closing(PostgresLoader(shorter)) as loader:
        plates(loader, 0, {7001: [OFFICE]})
        poll(loader, 1)
        poll(loader, 60 * DAY)
    ((start, end, _),) = versions(query)
    assert timedelta(0) <= at(1) - timedelta(weeks=1) - start < timedelta(days=1)
    assert timedelta(weeks=2) <= end - at(60 * DAY) < timedelta(weeks=4)


def test_plates_that_come_after_the_first_poll_of_the_sensors_also_hold_from_the_beginning(
    loader: PostgresLoader, query: Query
) -> None:
    poll(loader, 0)
    plates(loader, 60, {7001: [OFFICE]})
    ((start, _, _),) = versions(query)
    assert start == local("2025-06-12")
    assert query("SELECT observed_at > start_at FROM parking.rule_versions") == [(True,)]


def test_most_polls_write_nothing(loader: PostgresLoader, query: Query) -> None:
    plates(loader, 0, {7001: [OFFICE]})
    poll(loader, 0)
    before = everything(query)
    for minute in (2, 4, 6 * DAY):
        poll(loader, minute)
    plates(loader, 6 * DAY, {7001: [OFFICE]})
    assert everything(query) == before


def test_the_calendar_grows_by_weeks_and_never_has_a_hole(
    loader: PostgresLoader, query: Query, postgres: Settings
) -> None:
    """Also over a gap of months between polls; a clock that runs at the old end runs on."""
    plates(loader, 0, {7001: [OFFICE], 7002: [ALWAYS]})
    ends = []
    for minute in (0, 8 * DAY, 160 * DAY):
        poll(loader, minute)
        ((start, end, _),) = versions(query)
        assert end >= at(minute) + timedelta(weeks=4)
        ends.append(end)
    assert start == local("2025-06-12")
    assert ends == sorted(set(ends))
    always = windows(query, 7002)
    assert [row[2] for row in always[:-1]] == [row[1] for row in always[1:]]
    assert {row[3] for row in always} == {start}
    before = everything(query)
    assert rebuilt(postgres, query) == before


def test_a_seeded_poll_lets_the_calendar_grow_back(
    loader: PostgresLoader, query: Query, postgres: Settings
) -> None:
    plates(loader, 0, {7001: [OFFICE], 7002: [ALWAYS]})
    poll(loader, 0)
    seeded = at(-28 * DAY)
    with connect(postgres) as connection:
        connection.execute(
            "INSERT INTO parking.polls (dataset, outcome, observed_at, started_at, received_at, origin)"
            " VALUES (%s, 'accepted', %s, %s, %s, 'seed')",
            [SENSORS.dataset, seeded, seeded, seeded],
        )
    poll(loader, 2)
    (grown, first) = versions(query)
    assert grown[0] <= seeded - timedelta(weeks=8)
    assert (grown[1], grown[2], first[2]) == (first[0], False, True)
    always = windows(query, 7002)
    assert [row[2] for row in always[:-1]] == [row[1] for row in always[1:]]
    assert {row[3] for row in always} == {grown[0]}
    before = everything(query)
    assert rebuilt(postgres, query) == before


def test_new_plates_end_the_windows_of_the_old_at_their_poll_and_the_clock_runs_on(
    loader: PostgresLoader, query: Query, postgres: Settings
) -> None:
    plates(loader, 0, {7001: [OFFICE], 7002: [ALWAYS]})
    poll(loader, 0)
    untouched = windows(query, 7002)
    past = [row for row in windows(query) if row[2] <= at(150)]
    plates(loader, 150, {7001: [LATER], 7002: [ALWAYS]})
    changed = at(150)
    assert changed == local("2025-08-07 12:30")
    found = windows(query)
    assert [row for row in found if row[2] < changed] == past
    assert on(found, "2025-08-07") == [
        ("2P", local("2025-08-07 07:30"), changed, local("2025-08-07 07:30")),
        ("MP2P", changed, local("2025-08-07 19:00"), local("2025-08-07 07:30")),
    ]
    assert on(found, "2025-08-08") == [
        ("MP2P", local("2025-08-08 10:00"), local("2025-08-08 19:00"), local("2025-08-08 10:00"))
    ]
    assert windows(query, 7002) == untouched
    assert [(start, is_current) for start, _, is_current in versions(query)] == [
        (local("2025-06-12"), False),
        (changed, True),
    ]
    before = everything(query)
    assert rebuilt(postgres, query) == before


def test_a_window_that_will_not_come_stays_as_an_empty_one(loader: PostgresLoader, query: Query) -> None:
    plates(loader, 0, {7001: [OFFICE], 7002: [ALWAYS]})
    poll(loader, 0)
    count = len(everything(query))
    plates(loader, 150, {7002: [ALWAYS]})
    assert len(everything(query)) == count
    assert {row[2] <= at(150) for row in windows(query)} == {True}
    empty = query("SELECT DISTINCT observed_at FROM parking.rule_windows WHERE end_at = start_at")
    assert empty == [(at(150),)]


def test_a_zone_that_loses_its_plates_has_no_rule_until_it_has_some_again(
    loader: PostgresLoader, query: Query, postgres: Settings
) -> None:
    plates(loader, 0, {7001: [ALWAYS], 7002: [ALWAYS]})
    poll(loader, 0)
    plates(loader, 60, {7002: [ALWAYS]})
    poll(loader, 9 * DAY)
    plates(loader, 10 * DAY, {7001: [ALWAYS], 7002: [ALWAYS]})
    first, second = versions(query)
    assert (first[1], first[2]) == (at(60), False)
    assert (second[0], second[2]) == (at(10 * DAY), True)
    assert second[1] == versions(query, 7002)[0][1]
    found = windows(query)
    assert max(row[2] for row in found if row[1] < at(60)) == at(60)
    assert min(row[1] for row in found if row[1] > at(60)) == at(10 * DAY)
    assert {row[3] for row in found if row[1] > at(60)} == {at(10 * DAY)}
    before = everything(query)
    assert rebuilt(postgres, query) == before


def test_a_zone_that_was_without_plates_at_first_has_a_rule_only_from_their_poll_on(
    loader: PostgresLoader, query: Query
) -> None:
    plates(loader, 0, {7002: [ALWAYS]})
    poll(loader, 0)
    plates(loader, 60, {7001: [ALWAYS], 7002: [ALWAYS]})
    assert [start for start, _, _ in versions(query)] == [at(60)]
    assert windows(query)[0][1] == at(60)


def test_plates_that_change_twice_at_one_instant_leave_the_last(
    loader: PostgresLoader, query: Query, postgres: Settings
) -> None:
    plates(loader, 0, {7001: [OFFICE], 7002: [OFFICE]})
    poll(loader, 0)
    plates(loader, 60, {7001: [ALWAYS], 7002: [ALWAYS]})
    plates(loader, 60, {7001: [LATER]})
    assert {row[0] for row in windows(query) if row[1] >= at(60)} == {"MP2P"}
    assert [end for _, end, _ in versions(query, 7002)] == [at(60)]
    before = everything(query)
    assert rebuilt(postgres, query) == before


def test_plates_from_long_after_the_sensors_take_the_calendar_with_them(
    loader: PostgresLoader, query: Query
) -> None:
    plates(loader, 0, {7001: [OFFICE]})
    poll(loader, 0)
    plates(loader, 20 * WEEK, {7001: [ALWAYS]})
    first, second = versions(query)
    assert first[1] == second[0] == at(20 * WEEK)
    assert second[1] >= at(24 * WEEK)


def test_refetched_plates_make_the_calendar_anew_by_the_settings_of_now(
    postgres: Settings, query: Query, loader: PostgresLoader
) -> None:
    plates(loader, 0, {7001: [OFFICE]})
    poll(loader, 12 * WEEK)
    cup_day = "2025-11-04"
    assert on(windows(query), cup_day) == []
    loader.close()
    as_other_days = PostgresLoader(postgres.model_copy(update={"holidays_suspend_plates": False}))
    same = answer([plate_record(7001, OFFICE)], 13 * WEEK, SIGN_PLATES.dataset)
    try:
        assert as_other_days.load(same).note is not None
        assert on(windows(query), cup_day) == []
        assert as_other_days.load(same, is_refetched=True).note is None
    finally:
        as_other_days.close()
    assert [row[0] for row in on(windows(query), cup_day)] == ["2P"]
    assert query("SELECT count(*) FROM parking.rule_windows WHERE observed_at = %s", at(13 * WEEK)) > [(0,)]


def test_what_cannot_be_read_is_said_once_and_seen_in_the_data(
    loader: PostgresLoader, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    strange, odd_days = "XP2P Mon-Fri 07:30-18:30", "2P Weekdays 07:30-18:30"
    with caplog.at_level(logging.WARNING, logger=rule_load.__name__):
        plates(loader, 0, {7001: [strange], 7002: [strange], 7003: [odd_days]})
        poll(loader, 0)
        poll(loader, 8 * DAY)
        plates(loader, 9 * DAY, {7001: [strange], 7004: [strange]})
    assert [record.getMessage() for record in caplog.records] == [
        "sign plates: code 'XP2P' is not known (zones 7001, 7002); its limit counts as unknown",
        "sign plates: days 'Weekdays' are not known (zones 7003); its limit counts as unknown",
    ]
    assert query("SELECT DISTINCT code, kind, limit_minutes FROM parking.rule_windows ORDER BY 1") == [
        ("2P", "unknown", None),
        ("XP2P", "unknown", None),
    ]


def test_versions_keep_the_plates_that_they_are_made_of(loader: PostgresLoader, query: Query) -> None:
    plates(loader, 0, {7001: [OFFICE, ALWAYS]})
    poll(loader, 0)
    ((kept,),) = query("SELECT plates FROM parking.rule_versions")
    assert kept == [
        {"days": "Mon-Fri", "start_minute": 450, "finish_minute": 1110, "code": "2P"},
        {"days": "Mon-Sun", "start_minute": 0, "finish_minute": 1440, "code": "SP"},
    ]


def test_without_plates_there_is_no_calendar(loader: PostgresLoader, query: Query) -> None:
    poll(loader, 0)
    assert everything(query) == []


def test_the_database_knows_every_kind_and_no_other(query: Query) -> None:
    ((check,),) = query(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'parking.rule_windows'::regclass AND conname = 'rule_windows_kind_check'"
    )
    assert sorted(re.findall(r"'([a-z-]+)'::text", check)) == sorted(Kind)
