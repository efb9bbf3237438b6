"""The cases of the domain as dbt's unit tests: `python -m cases.dbt_unit_tests` writes them, a test compares.

dbt runs them on Spark, each model alone. What is given is SQL: of rows in YAML dbt makes a union of one query
each, whose planning takes Spark minutes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from cases.stay_cases import NOW, STAY_CASES, StayCase
from cases.verdict_cases import VERDICT_CASES
from melpark.contracts import SENSORS
from melpark.parking.intervals import Interval, union
from melpark.parking.kpis import measure, total
from melpark.parking.occupied import BayTime, bay_time, runs
from melpark.parking.stays import UNOCCUPIED, Event, Limits, gap, stays
from melpark.places import DBT_PROJECT

PATH = DBT_PROJECT / "models" / "_unit_tests.yml"
HEAD = "# Made by `python -m cases.dbt_unit_tests` in tests/; a test compares.\n"
OFFLINE_AFTER = timedelta(minutes=15)
QUARTER = timedelta(minutes=15)
NOT_ENDED = date(9999, 12, 31)
# What a stay has of its bay, and its minutes do not depend on.
OF_ITS_BAY = ("bay_version_key", "location_key", "meter_id", "has_credit_card", "has_tap_and_go")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
Row = Mapping[str, Any]


def text() -> str:
    """The whole file."""
    # JSON is YAML.
    return HEAD + json.dumps({"version": 2, "unit_tests": tests()}, indent=1) + "\n"


def tests() -> list[Row]:
    """Each of dbt's unit tests."""
    return [_spells(), _stays(), _rules(), _occupancy()]


def _test(name: str, model: str, given: Sequence[Row], expected: Sequence[Row]) -> Row:
    return {
        "name": name,
        "model": model,
        "overrides": {"macros": {"is_incremental": False}},
        "given": given,
        # As SQL they would have to name every column of the model.
        "expect": {"rows": [_plain(row) for row in expected]},
    }


def _plain(row: Row) -> Row:
    return {
        name: f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _given(model: str, rows: Iterable[Row]) -> Row:
    return {"input": f"ref('{model}')", **_sql(list(rows))}


def _spells() -> Row:
    """Events to spells: what may hide before the next event, and when the bay counts as occupied."""
    events = [
        {
            "kerbside_id": case.name,
            "status": event.status,
            "status_changed_at": event.status_changed_at,
            "heard_at": event.heard_at,
            "previous_heard_at": event.previous_heard_at,
            "origin": "live",
        }
        for case in STAY_CASES
        for event in case.events
    ]
    return _test(
        "spells_of_the_domain_cases",
        "int_bay_spells",
        [_given("stg_sensor_events", events)],
        [row for case in STAY_CASES for row in _spells_of(case)],
    )


def _spells_of(case: StayCase) -> list[dict[str, Any]]:
    found = iter(runs(case.events))
    rows = []
    for first, second in [*pairwise(case.events), *((last, None) for last in case.events[-1:])]:
        between = gap(first, second, Limits()) if second else None
        has_run = first.status != UNOCCUPIED or (second is not None and second.status == UNOCCUPIED)
        run = next(found) if has_run else None
        rows.append(
            {
                "kerbside_id": case.name,
                "status": first.status,
                "status_changed_at": first.status_changed_at,
                "next_status": second.status if second else None,
                "next_changed_at": second.status_changed_at if second else None,
                "next_hides_from_at": between.hides_from if between else None,
                "is_next_close": between and between.is_close,
                "is_next_late": between and between.is_late,
                "occupied_from_at": run.start_at if run else None,
                "occupied_to_at": run.end_at if run else None,
            }
        )
    return rows


def _stays() -> Row:
    """Spells to stays. Of those that have not ended only the ones that are said at the same time."""
    cases = [case for case in STAY_CASES if case.present == NOW or not case.present.is_online]
    spells = [
        row | _before(case.events, number) for case in cases for number, row in enumerate(_spells_of(case))
    ]
    states = [
        {
            "kerbside_id": case.name,
            "valid_from_at": case.present.last_heard_at + OFFLINE_AFTER,
            "is_online": False,
            "is_retired": False,
        }
        for case in cases
        if not case.present.is_online
    ]
    poll = {
        "dataset": SENSORS.dataset,
        "outcome": "accepted",
        "feed_updated_at": NOW.last_heard_at,
    }
    expected = [
        {
            "kerbside_id": case.name,
            "revealed_at": stay.revealed_at,
            "arrival_min_at": stay.arrival_min_at,
            "arrival_max_at": stay.arrival_max_at,
            "departure_min_at": stay.departure_min_at,
            "departure_max_at": stay.departure_max_at,
            "beginning": stay.beginning.value,
            "ending": stay.ending.value,
            "is_late_report": stay.is_late_report,
        }
        for case in cases
        for stay in case.expected
    ]
    return _test(
        "stays_of_the_domain_cases",
        "int_stays",
        [_given("int_bay_spells", spells), _given("stg_polls", [poll]), _given("stg_sensor_states", states)],
        expected,
    )


def _before(events: Sequence[Event], number: int) -> dict[str, Any]:
    between = gap(events[number - 1], events[number], Limits()) if number else None
    return {
        "previous_changed_at": events[number - 1].status_changed_at if number else None,
        "is_late": bool(between and between.is_late),
        "origin": "live",
        "next_origin": "live",
        "ended_on": NOT_ENDED,
    }


def _rules() -> Row:
    """Stays and windows to minutes over the limit."""
    given, expected = [], []
    cases = [case for case in VERDICT_CASES if case.expected.overstay_min_minutes is not None]
    for case in cases:
        for stay in stays(case.events, case.present):
            given.append(
                {
                    "kerbside_id": case.name,
                    "revealed_at": stay.revealed_at,
                    "arrival_min_at": stay.arrival_min_at,
                    "arrival_max_at": stay.arrival_max_at,
                    "departure_min_at": stay.departure_min_at,
                    "departure_max_at": stay.departure_max_at,
                    "ending": stay.ending.value,
                }
            )
        expected.append(
            {
                "kerbside_id": case.name,
                "over_micros": round((case.expected.overstay_min_minutes or 0) * 60_000_000),
                "first_breach_at": case.expected.first_breach_at,
            }
        )
    return _test(
        "minutes_over_of_the_domain_cases",
        "int_stay_rules",
        [
            _given("int_stays", given),
            _given(
                "dim_bays",
                [
                    {
                        "kerbside_id": case.name,
                        "zone_number": case.zone_number,
                        "valid_from_at": BEGINNING,
                        "valid_to_at": None,
                    }
                    | dict.fromkeys(OF_ITS_BAY)
                    for case in cases
                ],
            ),
            _given(
                "int_rule_coverage",
                [
                    {"zone_number": case.zone_number, "start_at": known.start_at, "end_at": known.end_at}
                    for case in cases
                    for known in union(Interval(one.start_at, one.end_at) for one in case.coverage)
                ],
            ),
            _given(
                "stg_rule_windows",
                [
                    {
                        "zone_number": window.zone_number,
                        "start_at": window.start_at,
                        "end_at": window.end_at,
                        "code": window.code,
                        "limit_minutes": window.limit_minutes,
                        "kind": window.kind.value,
                        "is_metered": window.is_metered,
                        "clock_start_at": window.clock_from_at,
                    }
                    for case in cases
                    for window in case.windows
                ],
            ),
        ],
        expected,
    )


def _occupancy() -> Row:
    """The bays of the cases as one location."""
    window = Interval(datetime(2025, 8, 5, tzinfo=UTC), NOW.last_heard_at)
    cases = [
        case for case in STAY_CASES if case.events and case.events[0].status_changed_at >= window.start_at
    ]
    times = {case: bay_time(case.events, [_heard(case)], window.end_at) for case in cases}
    quarters = [
        Interval(window.start_at + number * QUARTER, window.start_at + (number + 1) * QUARTER)
        for number in range(window.length // QUARTER)
    ]
    measured = {
        quarter.start_at: total(
            measure(times[case], runs(case.events), stays(case.events, case.present), quarter)
            for case in cases
        )
        for quarter in quarters
    }
    return _test(
        "occupancy_of_the_domain_cases",
        "fact_occupancy",
        [
            _given("int_bay_times", [row for case in cases for row in _times_of(case, times[case])]),
            _given(
                "int_bay_spells",
                [
                    {name: row[name] for name in ("kerbside_id", "occupied_from_at", "occupied_to_at")}
                    | {"ended_on": NOT_ENDED}
                    for case in cases
                    for row in _spells_of(case)
                ],
            ),
            _given(
                "dim_bays",
                [
                    {
                        "kerbside_id": case.name,
                        "location_key": "one",
                        "valid_from_at": BEGINNING,
                        "valid_to_at": None,
                    }
                    for case in cases
                ],
            ),
        ],
        [
            {
                "location_key": "one",
                "starts_at": at,
                "online_minutes": _minutes(of.online),
                "occupied_minutes": _minutes(of.occupied),
                "uncertain_minutes": _minutes(of.uncertain),
                "arrivals": of.arrivals,
                "departures": of.departures,
            }
            for at, of in measured.items()
            if of.online
        ],
    )


def _heard(case: StayCase) -> Interval:
    return Interval(case.heard_from_at or case.events[0].status_changed_at, NOW.last_heard_at)


def _times_of(case: StayCase, time: BayTime) -> list[dict[str, Any]]:
    """The bay's time cut wherever it begins to count otherwise."""
    kinds = {"is_online": time.online, "is_occupied": time.occupied, "is_uncertain": time.uncertain}
    heard = _heard(case)
    edges = {heard.start_at, heard.end_at}
    edges |= {edge for those in kinds.values() for one in those for edge in (one.start_at, one.end_at)}
    return [
        {
            "kerbside_id": case.name,
            "location_key": "one",
            "start_at": start_at,
            "end_at": end_at,
            "local_date": date(2025, 8, 5),
        }
        | {name: any(one.start_at <= start_at < one.end_at for one in those) for name, those in kinds.items()}
        for start_at, end_at in pairwise(sorted(edges))
    ]


def _minutes(time: timedelta) -> float:
    return time.total_seconds() / 60


def _sql(rows: Sequence[Row]) -> Row:
    """The rows as a query; columns that hold nothing get a type by their name."""
    names = list(rows[0])
    columns = ", ".join(
        name if any(row[name] is not None for row in rows) else f"cast(null as {_type(name)}) as {name}"
        for name in names
    )
    values = ",\n".join(f"({', '.join(_literal(row[name]) for name in names)})" for row in rows)
    return {
        "format": "sql",
        "rows": f"select {columns} from values\n{values}\nas given({', '.join(names)})",
    }


def _type(name: str) -> str:
    if name.endswith("_at"):
        return "timestamp"
    return "boolean" if name.startswith(("is_", "has_")) else "string"


def _literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case datetime():
            return f"timestamp'{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
        case date():
            return f"date'{value.isoformat()}'"
        case float():
            return f"{value!r}D"
        case str():
            return f"'{value}'"
    return str(value).lower()


if __name__ == "__main__":
    PATH.write_text(text())
