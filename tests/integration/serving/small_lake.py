"""A lake small enough to know by heart: gold's tables as dbt makes them, written by delta-rs, and their rows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from deltalake import write_deltalake

from melpark.contracts import POLLS, RULE_VERSIONS, RULE_WINDOWS, SENSORS
from melpark.contracts.table import Table, Type
from melpark.places import Home

Row = dict[str, Any]
MELBOURNE = ZoneInfo("Australia/Melbourne")
# 10:00 in Melbourne, a Wednesday.
T0 = datetime(2025, 8, 6, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIMESTAMP = pa.timestamp("us", tz="UTC")
ARROW = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int32(),
    Type.BIGINT: pa.int64(),
    Type.DOUBLE: pa.float64(),
    Type.BOOLEAN: pa.bool_(),
    Type.TIMESTAMP: TIMESTAMP,
    Type.DATE: pa.date32(),
    Type.JSON: pa.string(),
}
VERDICTS = ("overstay", "within", "open", "suspect", "unrestricted")

LOCATIONS: list[Row] = [
    {
        "location_key": key,
        "zone_number": zone,
        "segment_id": 1,
        "street": street,
        "description": f"{street} between A and B",
        "bay_count": 2,
        "longitude": 144.96,
        "latitude": -37.81,
    }
    for key, zone, street in (
        ("7001-1", 7001, "King Street"),
        ("7001-2", 7001, "Queen Street"),
        ("none-3", None, "Unknown"),
    )
]


def sessions(count: int = 60) -> list[Row]:
    """Stays, several with one arrival, of all verdicts; those of 'open' have not left."""
    return [_session(number) for number in range(count)]


def _session(number: int) -> Row:
    verdict = VERDICTS[number % len(VERDICTS)]
    is_open = verdict == "open"
    # Three stays share each arrival.
    arrival = T0 + (number // 3) * HOUR
    departure = arrival + timedelta(hours=2, minutes=number)
    ended_on = date(9999, 12, 31) if is_open else departure.astimezone(MELBOURNE).date()
    minutes = (departure - arrival).total_seconds() / 60
    is_over = verdict in ("overstay", "suspect")
    return {
        "session_key": f"bay{number % 7}-{number:03}",
        "kerbside_id": f"bay{number % 7}",
        "bay_version_key": f"bay{number % 7}-0",
        "location_key": LOCATIONS[number % 3]["location_key"],
        "arrival_at": arrival,
        "arrival_min_at": arrival,
        "arrival_max_at": arrival,
        "departure_at": None if is_open else departure,
        "departure_min_at": departure,
        "departure_max_at": None if is_open else departure,
        "beginning": "observed",
        "ending": "open" if is_open else "observed",
        "is_late_report": False,
        "duration_minutes": None if is_open else minutes,
        "duration_min_minutes": minutes,
        "duration_max_minutes": None if is_open else minutes,
        "is_suspect": verdict == "suspect",
        "rule_at_arrival": "2P",
        "limit_minutes": 120,
        "permitted_until_at": arrival + 2 * HOUR if is_open else None,
        "overstay_min_minutes": float(number) if is_over else 0.0,
        "overstay_max_minutes": None if is_open else float(number),
        "first_breach_at": arrival + 2 * HOUR if is_over else None,
        "is_overstay": is_over,
        "verdict": verdict,
        "within_disability_extension": is_over,
        "meter_id": "none",
        "has_credit_card": False,
        "has_tap_and_go": False,
        "estimated_revenue": number / 4 if number % 3 == 0 else None,
        "origin": "live",
        "ended_on": ended_on,
    }


def quarter_hours(count: int = 200) -> list[Row]:
    """Of every location, over the end of a local day; one quarter hour in eight is silent for most of it."""
    return [
        _quarter(location["location_key"], number)
        for number in range(count)
        for location in LOCATIONS
        if (number + len(location["street"])) % 11
    ]


def _quarter(location_key: str, number: int) -> Row:
    starts_at = T0 + number * timedelta(minutes=15)
    online = 3.0 if number % 8 == 0 else 28.0
    return {
        "location_key": location_key,
        "starts_at": starts_at,
        "bay_minutes": 30.0,
        "online_minutes": online,
        "occupied_minutes": online * (number % 5) / 5,
        "uncertain_minutes": 1.0,
        "occupancy_percent": 20.0 * (number % 5),
        "cds_occupancy_percent": 0.2 * (number % 5),
        "arrivals": number % 4,
        "departures": number % 3,
        "bays_total": 2,
        "bays_online": 2,
        "minutes_full": 0.0,
        "time_key": f"{starts_at.astimezone(MELBOURNE):%H:%M}",
        "local_date": starts_at.astimezone(MELBOURNE).date(),
    }


SENSOR_HEALTH: list[Row] = [
    {
        "kerbside_id": f"bay{number}",
        "location_key": "7001-1",
        "is_online": number != 3,
        "is_retired": number == 4,
        "status": None if number == 5 else "Present",
        "last_changed_at": None if number == 5 else T0,
        "online_share": number / 10,
        "is_stale": number == 3,
        "is_stuck": number in (1, 2),
        "is_suspect": number == 2,
    }
    for number in range(7)
]
POLL_ROWS: list[Row] = [
    {
        "poll_id": number,
        "dataset": SENSORS.dataset,
        "outcome": outcome,
        "observed_at": T0 + number * HOUR if outcome != "failed" else None,
        "started_at": T0 + number * HOUR,
        "received_at": T0 + number * HOUR,
        "records": 3 if outcome == "accepted" else None,
        "rejected": 1 if outcome == "accepted" else None,
        "origin": "live",
    }
    for number, outcome in enumerate(["accepted"] * 30 + ["refused", "failed", "accepted"])
]
BAYS: list[Row] = [
    {
        "bay_version_key": f"bay{number}-{version}",
        "kerbside_id": f"bay{number}",
        "location_key": LOCATIONS[number % 3]["location_key"],
        "street": LOCATIONS[number % 3]["street"],
        "street_description": LOCATIONS[number % 3]["description"],
        "meter_id": "none" if number % 3 == 0 else f"{number}A",
        "has_credit_card": None if number % 3 == 0 else number % 2 == 0,
        "has_tap_and_go": None if number % 3 == 0 else True,
        "is_retired": number == 6,
        "is_current": version == 1,
    }
    for number in range(7)
    for version in (0, 1)
]
DATES: list[Row] = [
    {
        "local_date": day,
        "year": day.year,
        "month": day.month,
        "season": "winter",
        "weekday_number": day.isoweekday(),
        "weekday": f"{day:%A}",
        "is_public_holiday": day == date(2025, 8, 7),
    }
    for day in (date(2025, 8, 1) + timedelta(days=number) for number in range(31))
]
TIMES: list[Row] = [
    {"time_key": f"{quarter // 4:02}:{quarter % 4 * 15:02}", "hour": quarter // 4} for quarter in range(96)
]
PLATES: list[Row] = [{"code": "2P", "kind": "timed"}, {"code": "LZ30", "kind": "loading"}]
HISTORICAL_STAYS: list[Row] = [
    {
        "street": None if number % 5 == 0 else f"{number % 2} Street",
        "sign": None if number % 4 == 0 else f"{number % 3}P",
        "duration_minutes": float(number),
        "is_in_violation": number % 7 == 0,
        "is_suspect": number == 39,
    }
    for number in range(40)
]
OLD_WINDOW: Row = {
    "zone_number": 7001,
    "start_at": T0 - 1000 * HOUR,
    "end_at": T0 - 990 * HOUR,
    "code": "LZ30",
    "limit_minutes": 30,
    "kind": "loading",
    "is_metered": False,
    "is_ambiguous": False,
    "clock_start_at": T0 - 1000 * HOUR,
    "observed_at": T0,
}
OLD_VERSION: Row = {
    "zone_number": 7001,
    "start_at": T0 - 2000 * HOUR,
    "end_at": T0 + 500 * HOUR,
    "is_current": True,
    "plates": "[]",
    "observed_at": T0,
}


def write(home: Home) -> None:
    """The whole lake."""
    write_gold(home, "dim_locations", LOCATIONS)
    write_gold(home, "fact_parking_sessions", sessions(), by="ended_on")
    write_gold(home, "fact_occupancy", quarter_hours(), by="local_date")
    write_gold(home, "fact_sensor_health", SENSOR_HEALTH)
    write_gold(home, "fact_historical_stays", HISTORICAL_STAYS)
    write_gold(home, "dim_bays", BAYS)
    write_gold(home, "dim_dates", DATES)
    write_gold(home, "dim_times", TIMES)
    write_gold(home, "dim_sign_plates", PLATES)
    _write_silver(home, POLLS, POLL_ROWS)
    _write_silver(home, RULE_WINDOWS, [OLD_WINDOW])
    _write_silver(home, RULE_VERSIONS, [OLD_VERSION])


def write_gold(home: Home, table: str, rows: list[Row], by: str | None = None) -> None:
    """A table, laid out by a column, as its newest version."""
    names = list(rows[0])
    found = pa.table({name: _array([row[name] for row in rows]) for name in names})
    write_deltalake(home.gold / table, found, mode="overwrite", partition_by=[by] if by else None)


def _write_silver(home: Home, table: Table, rows: list[Row]) -> None:
    schema = pa.schema([(column.name, ARROW[column.type]) for column in table.columns])
    whole = [{name: row.get(name) for name in schema.names} for row in rows]
    write_deltalake(home.silver(table.name), pa.Table.from_pylist(whole, schema), mode="overwrite")


def _array(values: list[Any]) -> pa.Array:
    known = next((value for value in values if value is not None), None)
    if isinstance(known, datetime):
        return pa.array(values, TIMESTAMP)
    return pa.array(values, pa.float64() if known is None else None)
