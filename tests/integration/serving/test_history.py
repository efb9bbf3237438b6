"""History from the lake: what a listing answers is what the rows by heart say, page by page, in every form."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from integration.serving import small_lake
from integration.serving.small_lake import HOUR, LOCATIONS, T0, Row, quarter_hours, sessions
from melpark.places import Home
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.settings import Settings

ADDRESS = "http://127.0.0.1:8000"
BY_KEY = {row["location_key"]: row for row in LOCATIONS}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    small_lake.write(home)
    return home


@pytest.fixture
def client(home: Home) -> Iterator[TestClient]:
    settings = Settings(home=home.root)
    with TestClient(create_app(settings, LiveState(settings)), base_url=ADDRESS) as client:
        yield client


def pages(client: TestClient, path: str, name: str, **query: Any) -> Iterator[list[Row]]:
    """Every page of a listing, by its cursors."""
    while True:
        answer = client.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        yield answer.json()[name]
        query["cursor"] = answer.json()["next_cursor"]
        if query["cursor"] is None:
            return


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


CASES: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda row, place: True),
    ({"zone": [7001]}, lambda row, place: place["zone_number"] == 7001),
    ({"street": ["Unknown", "King Street"]}, lambda row, place: place["street"] != "Queen Street"),
    ({"bay": ["bay3"]}, lambda row, place: row["kerbside_id"] == "bay3"),
    ({"verdict": "suspect"}, lambda row, place: row["verdict"] == "suspect"),
    ({"ending": "open", "bay": ["bay1", "bay2"]},
     lambda row, place: row["ending"] == "open" and row["kerbside_id"] in ("bay1", "bay2")),
    ({"start_at": "2025-08-06T12:00:00+10:00", "end_at": "2025-08-06T05:00:00Z"},
     lambda row, place: T0 + 2 * HOUR <= row["arrival_max_at"] < T0 + 5 * HOUR),
]  # fmt: skip


@pytest.mark.parametrize(("query", "holds"), CASES)
@pytest.mark.parametrize("limit", [7, 1000])
def test_pages_of_stays_hold_each_wanted_one_once_the_newest_first(
    client: TestClient, query: dict[str, Any], holds: Any, limit: int
) -> None:
    found = [row for page in pages(client, "sessions", "sessions", limit=limit, **query) for row in page]
    wanted = [row for row in sessions() if holds(row, BY_KEY[row["location_key"]])]
    wanted.sort(key=lambda row: (row["arrival_max_at"], row["session_key"]), reverse=True)
    assert [row["session_key"] for row in found] == [row["session_key"] for row in wanted]
    for row, known in zip(found, wanted, strict=True):
        place = BY_KEY[known["location_key"]]
        assert (row["zone_number"], row["street"]) == (place["zone_number"], place["street"])
        assert at(row["arrival_min_at"]) == known["arrival_min_at"]
        assert row["overstay_min_minutes"] == known["overstay_min_minutes"]
        assert row["departure_at"] is None or at(row["departure_at"]) == known["departure_at"]


def test_overstays_are_those_that_are_certain_unless_suspect_ones_are_asked_for(client: TestClient) -> None:
    certain = [row["session_key"] for page in pages(client, "overstays", "overstays") for row in page]
    both = [
        row["session_key"]
        for page in pages(client, "overstays", "overstays", include="suspect")
        for row in page
    ]
    over = [row for row in sessions() if row["is_overstay"]]
    assert set(certain) == {row["session_key"] for row in over if row["verdict"] == "overstay"}
    assert set(both) == {row["session_key"] for row in over}


def test_pages_show_one_state_whatever_is_built_meanwhile(
    client: TestClient, home: Home, tmp_path: Path
) -> None:
    first = client.get("/api/v1/sessions", params={"limit": 50}).json()
    try:
        small_lake.write_gold(home, "fact_parking_sessions", sessions(3), by="ended_on")
        query = {"limit": 50, "cursor": first["next_cursor"]}
        second = client.get("/api/v1/sessions", params=query).json()
        assert len(first["sessions"]) + len(second["sessions"]) == 60
        assert second["versions"] == first["versions"]
        assert len(client.get("/api/v1/sessions").json()["sessions"]) == 3
    finally:
        small_lake.write_gold(home, "fact_parking_sessions", sessions(), by="ended_on")


def test_a_cursor_of_another_question_or_of_nobody_is_refused(client: TestClient) -> None:
    cursor = client.get("/api/v1/sessions", params={"limit": 5}).json()["next_cursor"]
    tampered = [cursor[:-4], "WyJhIl0", "é", "null", cursor[: len(cursor) // 2] + "AAAA"]
    for query in ({"cursor": cursor, "zone": 7001}, *({"cursor": text} for text in tampered)):
        answer = client.get("/api/v1/sessions", params=query)
        assert answer.status_code == 422, query
        assert "cursor" in answer.json()["detail"]
    assert client.get("/api/v1/turnover", params={"cursor": cursor}).status_code == 422


def test_what_has_not_changed_is_not_sent_again(client: TestClient, home: Home) -> None:
    first = client.get("/api/v1/overstays", params={"limit": 3})
    held = {"If-None-Match": first.headers["etag"]}
    again = client.get("/api/v1/overstays", params={"limit": 3}, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/api/v1/overstays", params={"limit": 4}, headers=held).status_code == 200
    as_csv = client.get("/api/v1/overstays", params={"limit": 3}, headers=held | {"Accept": "text/csv"})
    assert as_csv.status_code == 200
    small_lake.write_gold(home, "dim_locations", LOCATIONS)
    assert client.get("/api/v1/overstays", params={"limit": 3}, headers=held).status_code == 200


def test_csv_holds_what_json_holds_and_leads_to_the_next_page(client: TestClient) -> None:
    query = {"limit": 20, "fields": "session_key,verdict,departure_at,is_suspect,overstay_min_minutes"}
    rows = client.get("/api/v1/sessions", params=query).json()["sessions"]
    answer = client.get("/api/v1/sessions", params=query, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert "Simulated" in answer.headers["attribution"]
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [dict(row) for row in found] == [
        {name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
         for name, value in row.items()}
        for row in rows
    ]  # fmt: skip
    second = client.get(answer.links["next"]["url"], headers={"Accept": "text/csv"})
    assert second.status_code == 200
    assert not {row["session_key"] for row in csv.DictReader(io.StringIO(second.text))} & {
        row["session_key"] for row in found
    }


def test_fields_are_chosen_and_unknown_ones_are_named(client: TestClient) -> None:
    rows = client.get("/api/v1/sessions", params={"fields": "verdict,session_key"}).json()["sessions"]
    assert all(list(row) == ["session_key", "verdict"] for row in rows)
    answer = client.get("/api/v1/sessions", params={"fields": "verdict,colour"})
    assert answer.status_code == 422
    assert "'colour'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.2, application/json;q=0.1", "text/csv"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/geo+json", None),
        ("application/json;q=0", None),
    ],
)
def test_the_form_that_the_asker_likes_best_is_given(
    client: TestClient, accept: str, kind: str | None
) -> None:
    answer = client.get("/api/v1/turnover", headers={"Accept": accept})
    if kind is None:
        assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
    else:
        assert answer.headers["content-type"].startswith(kind)


def place_of(kind: str, row: Row) -> str:
    location = BY_KEY[row["location_key"]]
    zone = location["zone_number"]
    names: dict[str, str] = {
        "location": row["location_key"],
        "zone": "none" if zone is None else str(zone),
        "street": location["street"],
        "city": "melbourne",
    }
    return names[kind]


def start_of(step: str, row: Row) -> datetime:
    starts_at: datetime = row["starts_at"]
    if step == "day":
        local = starts_at.astimezone(small_lake.MELBOURNE).replace(hour=0, minute=0)
        return local.astimezone(UTC)
    return starts_at.replace(minute=0) if step == "hour" else starts_at


@pytest.mark.parametrize("kind", ["location", "zone", "street", "city"])
@pytest.mark.parametrize("step", ["quarter_hour", "hour", "day"])
def test_occupancy_and_turnover_are_sums_over_places_and_time(
    client: TestClient, kind: str, step: str
) -> None:
    since, until = T0 + 3 * HOUR, T0 + 40 * HOUR
    query = {"place_kind": kind, "step": step, "start_at": since.isoformat(), "end_at": until.isoformat()}
    cells: dict[tuple[datetime, str], list[Row]] = defaultdict(list)
    for row in quarter_hours():
        if since <= row["starts_at"] < until:
            cells[start_of(step, row), place_of(kind, row)].append(row)
    found = [row for page in pages(client, "occupancy", "occupancy", limit=37, **query) for row in page]
    assert [(at(row["starts_at"]), row["place"]) for row in found] == sorted(cells, reverse=True)
    for row in found:
        cell = cells[at(row["starts_at"]), row["place"]]
        online, occupied, all_minutes = (
            sum(one[name] for one in cell) for name in ("online_minutes", "occupied_minutes", "bay_minutes")
        )
        expected = 100 * occupied / online if 2 * online >= all_minutes else None
        assert row["occupancy_percent"] == (None if expected is None else pytest.approx(expected))
        assert row["bay_minutes"] == pytest.approx(all_minutes)
    found = [row for page in pages(client, "turnover", "turnover", limit=1000, **query) for row in page]
    for row in found:
        cell = cells[at(row["starts_at"]), row["place"]]
        assert row["arrivals"] == sum(one["arrivals"] for one in cell)
        hours = sum(one["bay_minutes"] for one in cell) / 60
        assert row["turnover_per_hour"] == pytest.approx(row["arrivals"] / hours)
    assert len(found) == len(cells)


def test_without_a_time_the_newest_day_is_shown(client: TestClient) -> None:
    rows = [
        row
        for page in pages(
            client, "occupancy", "occupancy", step="quarter_hour", place_kind="city", limit=1000
        )
        for row in page
    ]
    newest = max(row["starts_at"] for row in quarter_hours())
    assert at(rows[0]["starts_at"]) == newest
    assert at(rows[-1]["starts_at"]) == newest - timedelta(hours=23, minutes=45)


def test_data_quality_counts_polls_and_sensors(client: TestClient) -> None:
    answer = client.get("/api/v1/data-quality").json()
    (polls,) = answer["polls"]
    assert (polls["accepted"], polls["refused"], polls["failed"]) == (22, 1, 1)
    assert (polls["records"], polls["rejected"]) == (66, 22)
    assert at(polls["newest_accepted_at"]) == T0 + 32 * HOUR
    assert answer["sensors"] == {
        "sensors": 7, "online": 5, "retired": 1, "stale": 1, "stuck": 2, "suspect": 1
    }  # fmt: skip
    stuck = client.get("/api/v1/data-quality/sensors", params={"only": ["stuck", "stale"]}).json()["sensors"]
    assert [row["kerbside_id"] for row in stuck] == ["bay1", "bay2", "bay3"]


def test_a_lake_that_is_not_built_is_waited_for(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with TestClient(create_app(settings, LiveState(settings)), base_url=ADDRESS) as client:
        for path in (
            "sessions",
            "overstays",
            "occupancy",
            "turnover",
            "data-quality",
            "data-quality/sensors",
        ):
            answer = client.get(f"/api/v1/{path}")
            assert answer.status_code == 503, path
            assert "not built yet" in answer.json()["detail"]
            assert answer.headers["retry-after"] == "30"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("sessions?limit=0", "limit"),
        ("sessions?limit=5001", "limit"),
        ("sessions?start_at=yesterday", "start_at"),
        ("sessions?start_at=2025-08-07T00:00:00", "start_at"),
        ("sessions?start_at=9999-12-31T23:59:59-10:00", "start_at"),
        ("sessions?bay=%00", "bay"),
        ("sessions?sort=street", "sort"),
        ("occupancy?step=minute", "step"),
        ("turnover?place_kind=suburb", "place_kind"),
        ("data-quality/sensors?only=sick", "only"),
    ],
)
def test_a_question_that_cannot_be_answered_is_named(client: TestClient, path: str, named: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert named in answer.json()["detail"]


def test_a_word_is_only_ever_a_word(client: TestClient) -> None:
    for word in ("'; DROP TABLE gold.dim_locations; --", "%", "_", "King Street' OR '1'='1"):
        assert client.get("/api/v1/sessions", params={"street": word}).json()["sessions"] == []
