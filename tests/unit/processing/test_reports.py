"""Each report tells the figures of its tables, to DuckDB as to Spark."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml  # type: ignore[import-untyped]
from deltalake import write_deltalake

from melpark.errors import ConfigurationError
from melpark.places import DBT_PROJECT, Home
from melpark.processing import export, query, reports
from melpark.settings import Settings

DAY = date(2025, 8, 5)
NOON = datetime(2025, 8, 5, 2, 0, tzinfo=UTC)


def _stay(ended_on: date = DAY, **changed: Any) -> dict[str, Any]:
    return {
        "location_key": "1-1",
        "rule_at_arrival": "2P",
        "verdict": "within",
        "is_suspect": False,
        "within_disability_extension": False,
        "duration_minutes": 40.0,
        "overstay_min_minutes": 0.0,
        "estimated_revenue": 0.0,
        "departure_max_at": NOON,
        "ended_on": ended_on,
    } | changed


def _quarter(number: int, location: str, bay: float, online: float, occupied: float) -> dict[str, Any]:
    return {
        "location_key": location,
        "starts_at": NOON + number * timedelta(minutes=15),
        "bay_minutes": bay,
        "online_minutes": online,
        "occupied_minutes": occupied,
        "occupancy_percent": 100 * occupied / online if 2 * online >= bay else None,
        "arrivals": 2,
        "departures": 1,
        "minutes_full": 5.0,
        "time_key": f"12:{15 * number:02}",
        "local_date": DAY,
    }


def _bay(location: str, meter: str, card: bool | None, tap: bool | None, **changed: Any) -> dict[str, Any]:
    return {
        "location_key": location,
        "meter_id": meter,
        "has_credit_card": card,
        "has_tap_and_go": tap,
        "is_current": True,
        "is_retired": False,
    } | changed


# Two locations of one street, one of another.
GOLD: dict[str, list[dict[str, Any]]] = {
    "dim_locations": [
        {"location_key": "1-1", "street": "Lygon Street"},
        {"location_key": "1-2", "street": "Lygon Street"},
        {"location_key": "2-3", "street": "Swan Street"},
    ],
    "dim_times": [{"time_key": f"12:{minute:02}", "hour": 12} for minute in (0, 15, 30, 45)],
    "dim_dates": [
        {
            "local_date": DAY,
            "year": 2025,
            "month": 8,
            "season": "winter",
            "weekday_number": 2,
            "weekday": "Tuesday",
            "is_public_holiday": False,
        }
    ],
    "dim_sign_plates": [{"code": "2P", "kind": "timed"}, {"code": "2P", "kind": "timed"}],
    "dim_bays": [
        _bay("1-1", "871A", True, False),
        _bay("1-1", "871A", False, True),
        _bay("1-2", "872B", False, False),
        _bay("1-2", "none", None, None),
        _bay("1-2", "871A", True, True, is_current=False),
        _bay("1-2", "871A", True, True, is_retired=True),
        _bay("2-3", "none", None, None),
    ],
    "fact_occupancy": [
        _quarter(0, "1-1", 30, 30, 21),
        _quarter(0, "1-2", 30, 30, 6),
        _quarter(1, "1-1", 30, 10, 10),
        _quarter(1, "1-2", 30, 0, 0),
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
        _stay(date(9999, 12, 31), duration_minutes=None, verdict="open", departure_max_at=None),
        _stay(date(2025, 8, 6), location_key="2-3", estimated_revenue=4.0),
    ],
}
FIGURES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "rpt_occupancy_accumulation": (
        "street, time_key, online_minutes, vehicles, occupancy_percent",
        [
            ("Lygon Street", "12:00", 60, 1.8, 45),
            # Offline for most of the time.
            ("Lygon Street", "12:15", 10, 10 / 15, None),
            ("Swan Street", "12:00", 15, 1, 100),
        ],
    ),
    "rpt_occupancy_over_time": (
        "street, local_date, hour, season, weekday, online_minutes, occupied_minutes, occupancy_percent",
        [
            ("Lygon Street", DAY, 12, "winter", "Tuesday", 70, 37, 100 * 37 / 70),
            ("Swan Street", DAY, 12, "winter", "Tuesday", 15, 15, 100),
        ],
    ),
    "rpt_turnover": (
        "street, local_date, hour, arrivals, departures, turnover_per_hour",
        [("Lygon Street", DAY, 12, 8, 4, 4.0), ("Swan Street", DAY, 12, 2, 1, 8.0)],
    ),
    "rpt_target_occupancy": (
        "location_key, street, quarter_hours, quarter_hours_in_band, share_in_band, share_full",
        [
            ("1-1", "Lygon Street", 1, 1, 1.0, 1 / 3),
            ("1-2", "Lygon Street", 1, 0, 0.0, 1 / 3),
            ("2-3", "Swan Street", 1, 0, 0.0, 1 / 3),
        ],
    ),
    "rpt_stay_by_restriction": (
        "street, local_date, rule_at_arrival, restriction_type, from_minutes, stays, stay_minutes",
        [
            ("Lygon Street", DAY, "2P", "timed", 30, 3, 124),
            ("Lygon Street", DAY, "2P", "timed", 480, 1, 1000),
            ("Lygon Street", DAY, "2P + LZ30", "several", 0, 1, 10),
            ("Lygon Street", DAY, "no_rule", "no_rule", 0, 1, 10),
            ("Swan Street", date(2025, 8, 6), "2P", "timed", 30, 1, 40),
        ],
    ),
    "rpt_overstay_by_restriction": (
        "street, local_date, rule_at_arrival, stays, judged_stays, overstays, overstays_within_extension, "
        "minutes_over, overstay_percent",
        [
            ("Lygon Street", DAY, "2P", 5, 4, 2, 1, 900, 50),
            ("Lygon Street", DAY, "2P + LZ30", 1, 0, 0, 0, 0, None),
            ("Lygon Street", DAY, "no_rule", 1, 0, 0, 0, 0, None),
            ("Swan Street", date(2025, 8, 6), "2P", 1, 1, 0, 0, 0, 0),
        ],
    ),
    "rpt_revenue_against_occupancy": (
        "street, local_date, metered_stays, estimated_revenue, occupied_minutes, occupancy_percent",
        [
            # The whole day: 70 of 120 bay-minutes were heard.
            ("Lygon Street", DAY, 2, 3.5, 37, 100 * 37 / 70),
            ("Swan Street", DAY, 0, 0, 15, 100),
            # The feed was silent on that day.
            ("Swan Street", date(2025, 8, 6), 1, 4.0, 0, None),
        ],
    ),
    "rpt_card_paying_bays": (
        "street, bays, bays_with_meter, bays_with_credit_card, bays_with_tap_and_go, card_paying_bays, "
        "card_paying_share",
        [("Lygon Street", 4, 3, 1, 1, 2, 2 / 3), ("Swan Street", 1, 0, 0, 0, 0, None)],
    ),
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
SPARK = {"VARCHAR": "string", "INTEGER": "int", "TIMESTAMP WITH TIME ZONE": "timestamp"}


def _described(*files: Path) -> dict[str, dict[str, Any]]:
    """What dbt is told of the models of these files."""
    return {model["name"]: model for file in files for model in yaml.safe_load(file.read_text())["models"]}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose gold holds those rows, in the types of the marts' contracts."""
    home = Home(tmp_path_factory.mktemp("home"))
    marts = _described(*(DBT_PROJECT / "models" / "marts").glob("*.yml"))
    for name, rows in GOLD.items():
        types = {column["name"]: ARROW[column["data_type"]] for column in marts[name]["columns"]}
        schema = pa.schema([(column, types[column]) for column in rows[0]])
        write_deltalake(home.gold / name, pa.Table.from_pylist(rows, schema))
    return Settings(home=home.root)


def test_every_report_is_held_to_figures() -> None:
    assert FIGURES.keys() == reports.queries().keys()


@pytest.mark.parametrize("report", FIGURES)
def test_a_report_tells_the_figures_of_its_tables(report: str, settings: Settings) -> None:
    columns, expected = FIGURES[report]

    found = query.sql(settings, f"SELECT {columns} FROM gold.{report} ORDER BY ALL")[1]
    assert [pytest.approx(row) for row in expected] == found


@pytest.mark.parametrize("report", FIGURES)
def test_a_report_has_the_columns_types_and_key_that_dbt_is_told(report: str, settings: Settings) -> None:
    told = _described(reports.FOLDER / "_reports.yml")[report]
    columns = query.sql(settings, f"DESCRIBE gold.{report}")[1]

    assert [(column["name"], column["data_type"]) for column in told["columns"]] == [
        (name, SPARK.get(kind, kind.lower())) for name, kind, *_ in columns
    ]
    key = ", ".join(told["config"]["meta"]["key"])
    keys = query.sql(settings, f"SELECT {key} FROM gold.{report}")[1]
    assert len(set(keys)) == len(keys) > 0
    assert not any(value is None for values in keys for value in values)


def test_a_report_is_listed_and_exported_as_a_table_is(settings: Settings, tmp_path: Path) -> None:
    assert ("gold", "rpt_turnover") in query.sql(settings, "SHOW TABLES")[1]
    path = export.run(settings, "gold.rpt_turnover", "parquet", tmp_path / "out.parquet")
    assert sorted(pq.read_table(path)["arrivals"].to_pylist()) == [2, 8]


def test_a_report_without_its_tables_is_not_there_yet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_deltalake(tmp_path / "lake" / "gold" / "dim_times", pa.table({"hour": [1]}))
    settings = Settings(home=tmp_path)

    assert query.sql(settings, "SHOW TABLES")[1] == [("gold", "dim_times")]
    assert caplog.messages == []
    with pytest.raises(ConfigurationError, match="rpt_turnover does not exist"):
        query.sql(settings, "SELECT * FROM gold.rpt_turnover")
