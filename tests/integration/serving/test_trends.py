"""Trends and places from the lake: each figure is what plain Python sums up from the rows by heart."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from integration.serving import small_lake
from integration.serving.small_lake import BAYS, HISTORICAL_STAYS, LOCATIONS, MELBOURNE, Row
from melpark.places import Home
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.settings import Settings

STREET = {row["location_key"]: row["street"] for row in LOCATIONS}
ALL: dict[str, Any] = {"start_on": "2025-08-01"}
SOME: dict[str, Any] = {"start_on": "2025-08-07", "end_on": "2025-08-07", "street": "King Street"}
QUERIES = [ALL, SOME]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = Home(tmp_path_factory.mktemp("home"))
    small_lake.write(home)
    settings = Settings(home=home.root)
    app = create_app(settings, LiveState(settings))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def rows(client: TestClient, path: str, name: str, **query: Any) -> list[Row]:
    answer = client.get(f"/api/v1/{path}", params={"limit": 5000, **query})
    assert answer.status_code == 200, answer.text
    found: list[Row] = answer.json()[name]
    return found


def quarters(query: dict[str, Any]) -> list[Row]:
    return [
        row
        for row in small_lake.quarter_hours()
        if _is_wanted(query, row["local_date"], STREET[row["location_key"]])
    ]


def ended(query: dict[str, Any]) -> list[Row]:
    """Stays that have ended, of sensors that are not stuck."""
    return [
        row
        for row in small_lake.sessions()
        if row["departure_max_at"]
        and not row["is_suspect"]
        and _is_wanted(query, row["ended_on"], STREET[row["location_key"]])
    ]


def _is_wanted(query: dict[str, Any], day: date, street: str) -> bool:
    first, last = query.get("start_on", "2000-01-01"), query.get("end_on", "2100-01-01")
    return bool(first <= day.isoformat() <= last and street == query.get("street", street))


def grouped(found: list[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in found:
        groups[key(row)].append(row)
    return groups


def percent(found: list[Row]) -> float | None:
    online: float = sum(row["online_minutes"] for row in found)
    if 2 * online < sum(row["bay_minutes"] for row in found):
        return None
    occupied: float = sum(row["occupied_minutes"] for row in found)
    return 100 * occupied / online


@pytest.mark.parametrize("query", QUERIES)
def test_the_day_fills_as_its_quarter_hours_say(client: TestClient, query: dict[str, Any]) -> None:
    wanted = grouped(quarters(query), lambda row: row["time_key"])
    found = rows(client, "trends/day", "times", **query)
    assert [row["time_key"] for row in found] == sorted(wanted)
    for row in found:
        known = wanted[row["time_key"]]
        days = len({one["local_date"] for one in known})
        assert row["days"] == days
        assert row["vehicles"] == pytest.approx(sum(one["occupied_minutes"] for one in known) / 15 / days)
        assert row["occupancy_percent"] == pytest.approx(percent(known))


@pytest.mark.parametrize("query", QUERIES)
def test_hours_of_the_week_are_sums_of_their_quarter_hours(client: TestClient, query: dict[str, Any]) -> None:
    wanted = grouped(quarters(query), lambda row: (row["local_date"].isoweekday(), int(row["time_key"][:2])))
    found = rows(client, "trends/week", "hours", **query)
    assert [(row["weekday_number"], row["hour"]) for row in found] == sorted(wanted)
    for row in found:
        known = wanted[row["weekday_number"], row["hour"]]
        assert row["occupancy_percent"] == pytest.approx(percent(known))
        assert row["bay_minutes"] == pytest.approx(sum(one["bay_minutes"] for one in known))


@pytest.mark.parametrize("query", QUERIES)
def test_each_day_has_its_occupancy_turnover_and_revenue(client: TestClient, query: dict[str, Any]) -> None:
    wanted = grouped(quarters(query), lambda row: row["local_date"].isoformat())
    paid: Counter[str] = Counter()
    for stay in small_lake.sessions():
        if stay["departure_max_at"] and _is_wanted(query, stay["ended_on"], STREET[stay["location_key"]]):
            paid[stay["ended_on"].isoformat()] += stay["estimated_revenue"] or 0
    found = rows(client, "trends/dates", "dates", **query)
    assert [row["local_date"] for row in found] == sorted(wanted)
    for row in found:
        known = wanted[row["local_date"]]
        arrivals = sum(one["arrivals"] for one in known)
        assert row["occupancy_percent"] == pytest.approx(percent(known))
        assert row["arrivals"] == arrivals
        assert row["turnover_per_hour"] == pytest.approx(
            60 * arrivals / sum(one["bay_minutes"] for one in known)
        )
        assert row["estimated_revenue"] == pytest.approx(paid[row["local_date"]])
        assert row["is_public_holiday"] == (row["local_date"] == "2025-08-07")


@pytest.mark.parametrize("query", QUERIES)
def test_lengths_of_stays_are_counted_by_quarter_hours_under_their_kind_of_rule(
    client: TestClient, query: dict[str, Any]
) -> None:
    lengths = Counter(min(int(stay["duration_minutes"] // 15 * 15), 480) for stay in ended(query))
    found = rows(client, "trends/stays", "stays", **query)
    assert {row["restriction_type"] for row in found} == {"timed"}
    assert {row["from_minutes"]: row["stays"] for row in found} == lengths


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("by", ["rule", "street"])
def test_compliance_is_of_the_judged_stays(client: TestClient, query: dict[str, Any], by: str) -> None:
    wanted = grouped(
        ended(query),
        lambda row: STREET[row["location_key"]] if by == "street" else row["rule_at_arrival"],
    )
    found = rows(client, "trends/overstays", "overstays", by=by, **query)
    assert [row["place_or_rule"] for row in found] == sorted(wanted)
    for row in found:
        verdicts = Counter(stay["verdict"] for stay in wanted[row["place_or_rule"]])
        judged = verdicts["overstay"] + verdicts["within"]
        assert (row["overstays"], row["judged_stays"]) == (verdicts["overstay"], judged)
        assert row["compliance_percent"] == (
            pytest.approx(100 * verdicts["within"] / judged) if judged else None
        )


def test_without_a_day_the_newest_28_are_meant(client: TestClient) -> None:
    assert rows(client, "trends/dates", "dates") == rows(client, "trends/dates", "dates", **ALL)
    assert client.get("/api/v1/trends/dates", params={"start_on": "1999-12-31"}).status_code == 422


def test_the_citys_files_keep_the_citys_verdicts(client: TestClient) -> None:
    stays = [row for row in HISTORICAL_STAYS if not row["is_suspect"]]
    wanted = grouped(stays, lambda row: row["sign"] or "none")
    found = rows(client, "trends/historical", "signs")
    assert [row["sign"] for row in found] == sorted(wanted)
    for row in found:
        known = wanted[row["sign"]]
        assert row["stays"] == len(known)
        assert row["stays_in_violation"] == sum(stay["is_in_violation"] for stay in known)
        assert row["average_stay_minutes"] == pytest.approx(
            sum(stay["duration_minutes"] for stay in known) / len(known)
        )


def test_places_are_those_of_the_bays_as_they_are_now(client: TestClient) -> None:
    wanted = {row["kerbside_id"]: row for row in BAYS if row["is_current"] and not row["is_retired"]}
    found = rows(client, "places", "places")
    assert [row["kerbside_id"] for row in found] == sorted(wanted)
    for row in found:
        known = wanted[row["kerbside_id"]]
        assert (row["street"], row["location_key"]) == (known["street"], known["location_key"])
        assert row["meter_id"] == (None if known["meter_id"] == "none" else known["meter_id"])
        assert row["has_credit_card"] == known["has_credit_card"]
    (one,) = rows(client, "places", "places", bay="bay4")
    assert one["kerbside_id"] == "bay4"


def test_days_are_melbournes() -> None:
    """What the oracle above takes for granted."""
    first = small_lake.quarter_hours(1)[0]
    assert first["local_date"] == first["starts_at"].astimezone(MELBOURNE).date()
