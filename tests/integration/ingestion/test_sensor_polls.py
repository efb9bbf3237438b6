"""Events, states and outages: each law of the semantics by a few made-up polls (offline_after is 15 min)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from integration.ingestion.made_up_polls import answer, at, sensor
from melpark.ingestion.postgres_loader import PostgresLoader

Query = Callable[..., list[tuple[Any, ...]]]


def minutes(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - at(0)).total_seconds() / 60


def load(loader: PostgresLoader, *polls: list[dict[str, object]]) -> None:
    """Load polls; each is observed at its newest lastupdated."""
    for records in polls:
        newest = max(datetime.fromisoformat(str(record["lastupdated"])) for record in records)
        observed = minutes(newest)
        assert observed is not None
        assert loader.load(answer(records, observed)).outcome == "accepted"


def events(query: Query, bay: int = 1) -> list[tuple[Any, ...]]:
    """(status, changed, observed, heard, previously heard) in minutes."""
    rows = query(
        "SELECT status, status_changed_at, observed_at, heard_at, previous_heard_at"
        " FROM parking.sensor_events WHERE kerbside_id = %s ORDER BY status_changed_at",
        str(bay),
    )
    return [(row[0], *map(minutes, row[1:])) for row in rows]


def states(query: Query, bay: int = 1) -> list[tuple[Any, ...]]:
    """(from, is_online, zone, is_retired) in minutes."""
    rows = query(
        "SELECT valid_from_at, is_online, zone_number, is_retired"
        " FROM parking.sensor_states WHERE kerbside_id = %s ORDER BY valid_from_at",
        str(bay),
    )
    return [(minutes(row[0]), *row[1:]) for row in rows]


def outages(query: Query) -> list[tuple[float | None, float | None]]:
    rows = query("SELECT start_at, end_at FROM parking.feed_outages ORDER BY start_at")
    return [(minutes(start), minutes(end)) for start, end in rows]


def present(query: Query, bay: int = 1) -> tuple[Any, ...]:
    """(status, is_online, is_retired, heard, observed) of the sensor."""
    rows = query(
        "SELECT status, is_online, is_retired, heard_at, observed_at FROM parking.sensors WHERE kerbside_id = %s",
        str(bay),
    )
    return (*rows[0][:3], *map(minutes, rows[0][3:]))


def test_a_bays_first_event_has_no_previous_poll(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, heard=0)])
    assert events(query) == [("Present", -60, 0, 0, None)]
    assert present(query) == ("Present", True, False, None, 0)


def test_an_event_is_a_newer_status_time_also_with_the_same_status(
    loader: PostgresLoader, query: Query
) -> None:
    load(loader, [sensor(1, 0)], [sensor(1, 2)], [sensor(1, 4, changed=1)], [sensor(1, 6, "Unoccupied", 5)])
    assert events(query) == [
        ("Present", -60, 0, 0, None),
        ("Present", 1, 4, 4, 2),
        ("Unoccupied", 5, 6, 6, 4),
    ]


def test_a_poll_without_changes_writes_nothing_but_its_row(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0)], [sensor(1, 2)])
    assert present(query) == ("Present", True, False, None, 0)
    assert query("SELECT changed FROM parking.polls ORDER BY poll_id") == [(1,), (0,)]


def test_a_bay_that_lags_keeps_its_own_time_and_hands_it_to_the_next_event(
    loader: PostgresLoader, query: Query
) -> None:
    both = [sensor(1, 0), sensor(2, 0)]
    load(loader, both, [sensor(1, 1), sensor(2, 2)])
    assert present(query)[3] == 1
    load(loader, [sensor(1, 4, changed=3), sensor(2, 4)])
    assert events(query)[-1] == ("Present", 3, 4, 4, 1)
    assert present(query)[3] is None


def test_a_dead_new_bay_was_online_for_offline_after(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, heard=-100), sensor(2, 0)])
    assert states(query) == [(-100, True, 7001, False), (-85, False, 7001, False)]
    assert present(query)[1] is False


def test_a_bay_goes_offline_when_its_last_word_is_offline_after_old(
    loader: PostgresLoader, query: Query
) -> None:
    polls = [[sensor(1, 0), sensor(2, heard)] for heard in (0, 5, 10, 14)]
    load(loader, *polls)
    assert states(query) == [(0, True, 7001, False)]
    load(loader, [sensor(1, 0), sensor(2, 15)])
    assert states(query) == [(0, True, 7001, False), (15, False, 7001, False)]
    assert present(query) == ("Present", False, False, 0, 15)
    assert outages(query) == []


def test_a_bay_is_online_again_from_its_own_word(loader: PostgresLoader, query: Query) -> None:
    load(loader, *([sensor(1, 0), sensor(2, heard)] for heard in (0, 10, 20)))
    load(loader, [sensor(1, 28), sensor(2, 30)])
    assert states(query) == [(0, True, 7001, False), (15, False, 7001, False), (28, True, 7001, False)]


def test_a_late_word_from_before_the_silence_moves_its_beginning(
    loader: PostgresLoader, query: Query
) -> None:
    load(loader, *([sensor(1, 0), sensor(2, heard)] for heard in (0, 10, 20)))
    load(loader, [sensor(1, 6), sensor(2, 30)])
    assert states(query) == [(0, True, 7001, False), (15, True, 7001, False), (21, False, 7001, False)]


def test_a_hole_that_no_poll_saw_is_told(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, -5), sensor(2, 0)], [sensor(1, 11), sensor(2, 12)])
    assert states(query) == [(-5, True, 7001, False), (10, False, 7001, False), (11, True, 7001, False)]


def test_a_bay_silent_for_just_offline_after_was_online(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, -5), sensor(2, 0)], [sensor(1, 10), sensor(2, 12)])
    assert states(query) == [(-5, True, 7001, False)]


def test_a_silent_feed_is_one_outage_and_no_states(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(1, 100), sensor(2, 100)])
    assert outages(query) == [(15, 100)]
    assert states(query) == states(query, 2) == [(0, True, 7001, False)]


def test_a_feed_silent_for_just_offline_after_has_no_outage(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0)], [sensor(1, 15)])
    assert outages(query) == []
    assert states(query) == [(0, True, 7001, False)]


def test_a_bay_that_does_not_come_back_with_the_feed_is_offline(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(1, 0), sensor(2, 100)])
    assert states(query) == [(0, True, 7001, False), (15, False, 7001, False)]


def test_a_move_holds_from_the_feeds_time(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(1, 1, zone=None), sensor(2, 2)])
    assert states(query) == [(0, True, 7001, False), (2, True, None, False)]


def test_a_move_during_a_hole_holds_from_the_feeds_time_and_not_from_the_bays(
    loader: PostgresLoader, query: Query
) -> None:
    load(loader, [sensor(1, -5), sensor(2, 0)], [sensor(1, 11, zone=8), sensor(2, 12)])
    assert states(query) == [
        (-5, True, 7001, False),
        (10, False, 7001, False),
        (11, True, 7001, False),
        (12, True, 8, False),
    ]


def test_a_late_word_changes_nothing_that_a_later_state_tells(loader: PostgresLoader, query: Query) -> None:
    load(loader, *([sensor(1, 0), sensor(2, heard)] for heard in (0, 10, 20)))
    load(loader, [sensor(1, 0, zone=8), sensor(2, 30)], [sensor(1, 4, zone=8), sensor(2, 40)])
    assert states(query) == [(0, True, 7001, False), (15, False, 7001, False), (30, False, 8, False)]


def test_of_states_of_one_instant_the_last_one_stands(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(1, 0), sensor(2, 10)], [sensor(2, 15)])
    assert states(query) == [(0, True, 7001, False), (15, False, 7001, True)]


def test_a_missing_bay_is_retired_and_offline_until_it_is_back(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(2, 2)])
    assert present(query) == ("Present", False, True, 0, 2)
    load(loader, [sensor(2, 4)])
    assert query("SELECT changed FROM parking.polls ORDER BY poll_id")[-1] == (0,)
    load(loader, [sensor(1, 6), sensor(2, 6)])
    assert states(query) == [(0, True, 7001, False), (2, False, 7001, True), (6, True, 7001, False)]
    assert present(query) == ("Present", True, False, None, 6)


def test_a_dead_bay_that_is_back_is_not_retired_any_more(loader: PostgresLoader, query: Query) -> None:
    dead = sensor(1, heard=-100)
    load(loader, [dead, sensor(2, 0)], [sensor(2, 2)], [dead, sensor(2, 4)])
    assert states(query)[-2:] == [(2, False, 7001, True), (4, False, 7001, False)]


def test_a_bay_back_without_a_new_word_is_online_while_the_old_one_is_young(
    loader: PostgresLoader, query: Query
) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(2, 2)], [sensor(1, 0), sensor(2, 4)])
    assert states(query)[-2:] == [(2, False, 7001, True), (4, True, 7001, False)]


def test_a_refused_record_neither_retires_nor_refreshes_its_bay(loader: PostgresLoader, query: Query) -> None:
    refused = sensor(1, 2) | {"status_description": "?"}
    load(loader, [sensor(1, 0), sensor(2, 0)], [refused, sensor(2, 2)])
    assert present(query) == ("Present", True, False, 0, 2)
    load(loader, [refused, sensor(2, 15)])
    assert states(query) == [(0, True, 7001, False), (15, False, 7001, False)]


def test_a_refused_record_does_not_bring_a_retired_bay_back(loader: PostgresLoader, query: Query) -> None:
    refused = sensor(1, 4) | {"status_description": "?"}
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(2, 2)], [refused, sensor(2, 4)])
    assert present(query) == ("Present", False, True, 0, 2)
    assert states(query)[-1] == (2, False, 7001, True)


def test_status_time_never_runs_backwards(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)])
    load(loader, [sensor(1, 2, "Unoccupied", changed=-70), sensor(2, 2)])
    assert len(events(query)) == 1
    assert query("SELECT step, reason, record_key FROM parking.rejected_records") == [
        ("load", "time_runs_backwards", "1")
    ]
    assert present(query) == ("Present", True, False, 0, 2)


def test_one_status_time_never_carries_two_statuses(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0), sensor(2, 0)], [sensor(1, 2, "Unoccupied"), sensor(2, 2)])
    assert [row[0] for row in events(query)] == ["Present"]
    assert query("SELECT step, reason FROM parking.rejected_records") == [("load", "status_contradicts")]


def test_a_feed_that_steps_back_changes_no_liveness(loader: PostgresLoader, query: Query) -> None:
    load(loader, [sensor(1, 0)], [sensor(1, 20)])
    assert loader.load(answer([sensor(1, 2)], observed=21)).outcome == "accepted"
    assert present(query)[3] is None
    load(loader, [sensor(1, 22)])
    assert outages(query) == [(15, 20)]
    assert states(query) == [(0, True, 7001, False)]


def test_the_same_answer_again_adds_its_row_only(loader: PostgresLoader, query: Query) -> None:
    records = [sensor(1, 0), sensor(2, -100), sensor(3, 0) | {"status_description": "?"}]
    load(loader, records)
    before = [events(query, bay) + states(query, bay) for bay in (1, 2, 3)]
    load(loader, records)
    assert [events(query, bay) + states(query, bay) for bay in (1, 2, 3)] == before
    assert query("SELECT kept, changed, rejected FROM parking.polls ORDER BY poll_id") == [
        (2, 2, 1),
        (2, 0, 1),
    ]
