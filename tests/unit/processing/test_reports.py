"""Each report tells the figures of its tables, to DuckDB as to Spark."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from cases.gold_rows import DAY, NOON, described, tables
from melpark.errors import ConfigurationError
from melpark.places import Home
from melpark.processing import export, query, reports
from melpark.settings import Settings

FIGURES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "rpt_occupancy_accumulation": (
        "street, time_key, online_minutes, vehicles, occupancy_percent",
        [
            ("Lygon Street", "12:00", 60, 1.8, 45),
            # Offline for most of the time.
            ("Lygon Street", "12:15", 20, 10 / 15, None),
            ("Swan Street", "12:00", 15, 1, 100),
        ],
    ),
    "rpt_occupancy_over_time": (
        "street, local_date, hour, season, weekday, online_minutes, occupied_minutes, occupancy_percent",
        [
            ("Lygon Street", DAY, 12, "winter", "Tuesday", 80, 37, 100 * 37 / 80),
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
        "minutes_over, overstay_percent, compliance_percent",
        [
            ("Lygon Street", DAY, "2P", 5, 4, 2, 1, 900, 50, 50),
            ("Lygon Street", DAY, "2P + LZ30", 1, 0, 0, 0, 0, None, None),
            ("Lygon Street", DAY, "no_rule", 1, 0, 0, 0, 0, None, None),
            ("Swan Street", date(2025, 8, 6), "2P", 1, 1, 0, 0, 0, 0, 100),
        ],
    ),
    "rpt_revenue_against_occupancy": (
        "street, local_date, metered_stays, estimated_revenue, occupied_minutes, occupancy_percent",
        [
            # The whole day: 80 of 120 bay-minutes were heard.
            ("Lygon Street", DAY, 2, 3.5, 37, 100 * 37 / 80),
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
    "rpt_bay_states": (
        "kerbside_id, street, state, rule_at_arrival, permitted_until_at, minutes_over, is_stale, is_stuck, is_suspect",
        [
            ("B1", "Lygon Street", "overstaying", "2P", NOON, 25, False, False, False),
            ("B2", "Lygon Street", "free", None, None, None, False, True, False),
            ("B3", "Lygon Street", "taken", "2P", NOON, None, False, False, False),
            # Its vehicle was over when the sensor was last heard.
            ("B4", "Lygon Street", "offline", None, None, None, True, False, False),
            ("B6", "Swan Street", "unknown", None, None, None, False, False, True),
        ],
    ),
    "rpt_bay_counts": (
        "street, bays, bays_online, free_bays, taken_bays, overstaying_bays, minutes_over, occupancy_percent, "
        "bays_stale, bays_stuck, bays_suspect, newest_change_at",
        [
            ("Lygon Street", 4, 3, 1, 2, 1, 25, 200 / 3, 1, 1, 0, NOON + timedelta(minutes=4)),
            ("Swan Street", 1, 0, 0, 0, 0, 0, None, 0, 0, 1, NOON + timedelta(minutes=6)),
        ],
    ),
    "rpt_sensor_uptime": (
        "street, local_date, bay_minutes, online_minutes, uncertain_minutes, uptime_share, uncertain_share, "
        "newest_quarter_hour_at",
        [
            ("Lygon Street", DAY, 120, 80, 8, 2 / 3, 0.1, NOON + timedelta(minutes=15)),
            ("Swan Street", DAY, 15, 15, 1.5, 1, 0.1, NOON),
        ],
    ),
    "rpt_average_stay": (
        "street, local_date, rule_at_arrival, stays, stay_minutes, average_stay_minutes",
        [
            # One of them of 1000 minutes: not yet a stuck sensor.
            ("Lygon Street", DAY, "2P", 4, 1124, 281),
            ("Lygon Street", DAY, "2P + LZ30", 1, 10, 10),
            ("Lygon Street", DAY, "no_rule", 1, 10, 10),
            ("Swan Street", date(2025, 8, 6), "2P", 1, 40, 40),
        ],
    ),
    "rpt_historical_stays": (
        "street, sign, stays, stay_minutes, average_stay_minutes, stays_in_violation, violation_percent",
        [
            ("Lygon Street", "2P MTR", 2, 180, 90, 1, 50),
            ("Lygon Street", "none", 1, 12, 12, 0, 0),
            ("Unknown", "1P", 1, 10, 10, 0, 0),
        ],
    ),
}


SPARK = {"VARCHAR": "string", "INTEGER": "int", "TIMESTAMP WITH TIME ZONE": "timestamp"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose gold holds the rows of cases.gold_rows."""
    home = Home(tmp_path_factory.mktemp("home"))
    for name, table in tables().items():
        write_deltalake(home.gold / name, table)
    return Settings(home=home.root)


def test_every_report_is_held_to_figures() -> None:
    assert FIGURES.keys() == reports.queries().keys()


@pytest.mark.parametrize("report", FIGURES)
def test_a_report_tells_the_figures_of_its_tables(report: str, settings: Settings) -> None:
    columns, expected = FIGURES[report]

    found = query.sql(settings, f"SELECT {columns} FROM gold.{report} ORDER BY ALL")[1]
    # Numbers may be a little off, times may not.
    assert [pytest.approx(_with_texts(row)) for row in expected] == [_with_texts(row) for row in found]


def _with_texts(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.isoformat() if isinstance(value, datetime) else value for value in row)


@pytest.mark.parametrize("report", FIGURES)
def test_a_report_has_the_columns_types_and_key_that_dbt_is_told(report: str, settings: Settings) -> None:
    told = described(reports.FOLDER / "_reports.yml")[report]
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
