"""The day in the words of the Curb Data Specification: whole, by its rules, and as full as gold says."""

from datetime import timedelta

import pytest

from cds import protocol, validator
from cds.asking import ask_of
from cds.metrics import rows
from cds.served import Served, collect
from melpark.processing import query
from melpark.serving.cds.app import application
from melpark.serving.cds.standard import milliseconds, zone_id
from truth.conftest import MIDNIGHT, Told

TIMES = {"start_time": milliseconds(MIDNIGHT), "end_time": milliseconds(MIDNIGHT + timedelta(days=1))}
OF_GOLD = """
    SELECT location_key, hour(starts_at + INTERVAL 10 HOUR),
        CASE WHEN 2 * sum(online_minutes) >= sum(bay_minutes) THEN sum(occupied_minutes) / sum(online_minutes)
            ELSE -1 END
    FROM gold.fact_occupancy WHERE local_date = DATE '2025-08-07' AND location_key NOT LIKE '%none%' GROUP BY ALL
"""


@pytest.fixture(scope="module")
def served(told: Told) -> Served:
    settings = told.stack.settings.model_copy(update={"cds_is_open": True})
    return collect(protocol.checked(ask_of(application(settings), "")), TIMES)


def test_a_day_of_the_whole_way_keeps_the_standard(served: Served) -> None:
    assert validator.breaches(served) == []
    assert {int(row["hour"]) for row in rows(served.aggregates)} == set(range(24))
    assert len(rows(served.sessions)) > 1000


def test_a_zone_is_as_full_as_gold_says(told: Told, served: Served) -> None:
    expected = {
        (zone_id(location), hour): share
        for location, hour, share in query.sql(told.stack.settings, OF_GOLD)[1]
    }
    found = {
        (row["curb_place_id"], int(row["hour"])): float(row["value"])
        for row in rows(served.aggregates)
        if (row["curb_place_type"], row["metric_type"]) == ("zone", "occupancy_percent")
    }
    assert found == pytest.approx(expected, abs=1e-5)
    assert len(found) > 500
