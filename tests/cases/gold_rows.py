"""Gold by hand: a few rows of each mart, from which every report's figures can be worked out in the head."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml  # type: ignore[import-untyped]

from melpark.places import DBT_PROJECT

DAY = date(2025, 8, 5)
NOON = datetime(2025, 8, 5, 2, 0, tzinfo=UTC)
NOT_ENDED = date(9999, 12, 31)


def _date(
    day: date, year: int | None, month: int | None, season: str, number: int | None, weekday: str | None
) -> dict[str, Any]:
    return {
        "local_date": day,
        "year": year,
        "month": month,
        "season": season,
        "weekday_number": number,
        "weekday": weekday,
        "is_public_holiday": False,
    }


def _stay(ended_on: date = DAY, **changed: Any) -> dict[str, Any]:
    return {
        "kerbside_id": "B2",
        "location_key": "1-1",
        "ending": "observed",
        "rule_at_arrival": "2P",
        "limit_minutes": 120,
        "verdict": "within",
        "is_overstay": False,
        "is_suspect": False,
        "within_disability_extension": False,
        "duration_minutes": 40.0,
        "overstay_min_minutes": 0.0,
        "first_breach_at": None,
        "permitted_until_at": None,
        "estimated_revenue": 0.0,
        "departure_max_at": NOON,
        "ended_on": ended_on,
    } | changed


def _open(kerbside_id: str, **changed: Any) -> dict[str, Any]:
    changed = {"verdict": "open", "ending": "open", "permitted_until_at": NOON} | changed
    return _stay(NOT_ENDED, kerbside_id=kerbside_id, duration_minutes=None, departure_max_at=None, **changed)


def _quarter(number: int, location: str, bay: float, online: float, occupied: float) -> dict[str, Any]:
    return {
        "location_key": location,
        "starts_at": NOON + number * timedelta(minutes=15),
        "bay_minutes": bay,
        "online_minutes": online,
        "occupied_minutes": occupied,
        "uncertain_minutes": online / 10,
        "occupancy_percent": 100 * occupied / online if 2 * online >= bay else None,
        "arrivals": 2,
        "departures": 1,
        "minutes_full": 5.0,
        "time_key": f"12:{15 * number:02}",
        "local_date": DAY,
    }


def _bay(
    kerbside_id: str, location: str, meter: str, card: bool | None, tap: bool | None, **changed: Any
) -> dict[str, Any]:
    return {
        "kerbside_id": kerbside_id,
        "location_key": location,
        "street_description": "Unknown",
        "longitude": 144.96,
        "latitude": -37.81,
        "meter_id": meter,
        "has_credit_card": card,
        "has_tap_and_go": tap,
        "is_current": True,
        "is_retired": False,
    } | changed


def _health(
    kerbside_id: str, location: str, status: str | None, minute: int, **changed: Any
) -> dict[str, Any]:
    return {
        "kerbside_id": kerbside_id,
        "location_key": location,
        "is_online": True,
        "is_retired": False,
        "status": status,
        "last_changed_at": NOON + timedelta(minutes=minute),
        "online_share": 0.5,
        "is_stale": False,
        "is_stuck": False,
        "is_suspect": False,
    } | changed


def _day(kerbside_id: str, location: str, bay: float, online: float) -> dict[str, Any]:
    return {
        "kerbside_id": kerbside_id,
        "location_key": location,
        "bay_minutes": bay,
        "online_minutes": online,
        "uptime_share": online / bay if bay else None,
        "local_date": DAY,
    }


def _historical(
    street: str | None, sign: str | None, minutes: float, violation: bool, suspect: bool = False
) -> dict[str, Any]:
    return {
        "street": street,
        "sign": sign,
        "duration_minutes": minutes,
        "is_in_violation": violation,
        "is_suspect": suspect,
    }


# Two locations of one street, one of another.
ROWS: dict[str, list[dict[str, Any]]] = {
    "dim_locations": [
        {"location_key": "1-1", "street": "Lygon Street"},
        {"location_key": "1-2", "street": "Lygon Street"},
        {"location_key": "2-3", "street": "Swan Street"},
    ],
    "dim_times": [{"time_key": f"12:{minute:02}", "hour": 12} for minute in (0, 15, 30, 45)],
    "dim_dates": [
        _date(DAY, 2025, 8, "winter", 2, "Tuesday"),
        _date(DAY + timedelta(days=1), 2025, 8, "winter", 3, "Wednesday"),
        _date(NOT_ENDED, None, None, "none", None, None),
    ],
    "dim_sign_plates": [{"code": "2P", "kind": "timed"}, {"code": "2P", "kind": "timed"}],
    "dim_bays": [
        _bay("B1", "1-1", "871A", True, False),
        _bay("B2", "1-1", "871A", False, True),
        _bay("B3", "1-2", "872B", False, False),
        _bay("B4", "1-2", "none", None, None),
        # Where B4 was before.
        _bay("B4", "1-2", "871A", True, True, is_current=False),
        _bay("B5", "1-2", "871A", True, True, is_retired=True),
        _bay("B6", "2-3", "none", None, None),
    ],
    "fact_sensor_health": [
        _health("B1", "1-1", "Present", 1),
        _health("B2", "1-1", "Unoccupied", 2, is_stuck=True),
        _health("B3", "1-2", "Present", 3),
        _health("B4", "1-2", "Present", 4, is_online=False, is_stale=True),
        _health("B5", "1-2", "Unoccupied", 5, is_online=False, is_retired=True),
        _health("B6", "2-3", "Present", 6, is_suspect=True),
    ],
    "fact_bay_days": [_day("B1", "1-1", 1440, 720), _day("B2", "1-1", 1440, 1440), _day("B6", "2-3", 0, 0)],
    "fact_occupancy": [
        _quarter(0, "1-1", 30, 30, 21),
        _quarter(0, "1-2", 30, 30, 6),
        _quarter(1, "1-1", 30, 12, 10),
        _quarter(1, "1-2", 30, 8, 0),
        _quarter(0, "2-3", 15, 15, 15),
    ],
    "fact_parking_sessions": [
        _stay(estimated_revenue=2.0),
        _stay(duration_minutes=44.0, estimated_revenue=1.5),
        _stay(duration_minutes=1000.0, verdict="overstay", overstay_min_minutes=880.0),
        _stay(verdict="overstay", overstay_min_minutes=20.0, within_disability_extension=True),
        _stay(duration_minutes=None, verdict="uncertain_time"),
        _stay(rule_at_arrival="2P + LZ30", duration_minutes=10.0, verdict="ambiguous_rule"),
        _stay(rule_at_arrival="no_rule", duration_minutes=10.0, verdict="no_rule", estimated_revenue=None),
        _stay(is_suspect=True, duration_minutes=3000.0, verdict="suspect", estimated_revenue=None),
        # Still there.
        _open("B3", location_key="1-2"),
        # Of a vehicle whose end nobody saw, before that one.
        _open("B3", location_key="1-2", ending="lost", is_overstay=True, overstay_min_minutes=60.0),
        _open("B1", verdict="overstay", is_overstay=True, overstay_min_minutes=25.0, estimated_revenue=3.0),
        _open("B4", location_key="1-2", ending="lost", is_overstay=True, overstay_min_minutes=60.0),
        _open("B6", location_key="2-3", is_suspect=True, is_overstay=True, overstay_min_minutes=5000.0),
        _stay(date(2025, 8, 6), location_key="2-3", estimated_revenue=4.0),
    ],
    "fact_historical_stays": [
        _historical("Lygon Street", "2P MTR", 30.0, violation=False),
        _historical("Lygon Street", "2P MTR", 150.0, violation=True),
        _historical("Lygon Street", "2P MTR", 2000.0, violation=True, suspect=True),
        _historical("Lygon Street", None, 12.0, violation=False),
        _historical(None, "1P", 10.0, violation=False),
    ],
}

ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def described(*files: Path) -> dict[str, dict[str, Any]]:
    """What dbt is told of the models of these files."""
    return {model["name"]: model for file in files for model in yaml.safe_load(file.read_text())["models"]}


def tables() -> dict[str, pa.Table]:
    """Those rows as tables, in the types of the marts' contracts."""
    marts = described(*(DBT_PROJECT / "models" / "marts").glob("*.yml"))
    found = {}
    for name, rows in ROWS.items():
        types = {column["name"]: ARROW[column["data_type"]] for column in marts[name]["columns"]}
        found[name] = pa.Table.from_pylist(rows, pa.schema([(column, types[column]) for column in rows[0]]))
    return found
