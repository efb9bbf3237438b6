"""What the API answers: filters, errors, headers, streets."""

import re
from typing import Any

import psycopg
import pytest

from integration.serving.change_log import ChangeLog, poll, sensor
from integration.serving.conftest import StartServer
from integration.serving.running import RunningServer
from melpark.serving.guard import CONTENT_SECURITY_POLICY
from melpark.settings import Settings


@pytest.fixture
def server(log: ChangeLog, start_server: StartServer) -> RunningServer:
    log.write(
        [
            sensor("1", "Present", zone_number=7303, longitude=144.950, latitude=-37.820),
            sensor("2", "Unoccupied", zone_number=7303, longitude=144.960, latitude=-37.810),
            sensor("7570N", "Present", zone_number=None, longitude=144.970, latitude=-37.800),
        ],
        [poll()],
    )
    server = start_server(log)
    server.wait_until_ready()
    return server


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"1", "2", "7570N"}),
        ({"status": "Present"}, {"1", "7570N"}),
        ({"zone": 7303}, {"1", "2"}),
        ({"zone": 7303, "status": "Present"}, {"1"}),
        ({"zone": 0}, set()),
        ({"bbox": "144.955,-37.815,144.965,-37.805"}, {"2"}),
        ({"bbox": "144.95,-37.82,144.96,-37.81"}, {"1", "2"}),
    ],
)
def test_a_filter_keeps_exactly_the_bays_it_names(
    server: RunningServer, filters: dict[str, Any], expected: set[str]
) -> None:
    assert server.bays(**filters).keys() == expected


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/api/v1/bays?zone=seven", 422, "zone"),
        ("/api/v1/bays?zone=99999999999999999999", 422, "zone"),
        ("/api/v1/bays?status=present", 422, "status"),
        ("/api/v1/bays?stauts=Present", 422, "stauts"),
        ("/api/v1/bays?bbox=1,2,3", 422, "bbox"),
        ("/api/v1/bays?bbox=nan,nan,nan,nan", 422, "bbox"),
        ("/api/v1/bays?bbox=145,-37,144,-38", 422, "bbox"),
        ("/api/v1/bays?zone=%FF%00", 422, "zone"),
        ("/api/v1/bays/" + "9" * 500, 422, "kerbside_id"),
        ("/api/v1/bays/4711", 404, "4711"),
        ("/api/v1/stream?after=" + "9" * 500, 422, "after"),
        ("/api/v1/nothing", 404, "/api/v1/nothing"),
        ("/assets/../pyproject.toml", 404, "pyproject"),
    ],
)
def test_bad_input_gets_a_problem_document_that_names_it(
    server: RunningServer, path: str, status: int, named: str
) -> None:
    answer = server.client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert named in answer.json()["detail"]


def test_writing_is_refused(server: RunningServer) -> None:
    answer = server.client.post("/api/v1/bays", json={})
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_bay_is_found_by_its_id_which_is_text(server: RunningServer) -> None:
    answer = server.client.get("/api/v1/bays/7570N").json()
    assert answer["bay"]["zone_number"] is None
    assert answer["bay"]["status"] == "Present"


def test_every_time_is_utc_and_ends_in_z(server: RunningServer) -> None:
    text = server.client.get("/api/v1/bays").text + server.client.get("/api/v1/freshness").text
    times = re.findall(r'_(?:at|of)":"([^"]+)"', text)
    assert len(times) > 9
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", time) for time in times)


def test_simulated_data_is_never_attributed_to_the_city(log: ChangeLog, start_server: StartServer) -> None:
    simulated = start_server(log)
    real = start_server(log, {"source": "portal", "portal_url": "http://127.0.0.1:9"})
    for server in (simulated, real):
        server.wait_until_ready()
    assert "Simulated" in simulated.client.get("/api/v1/bays").json()["attribution"]
    assert simulated.client.get("/api/v1/freshness").json()["is_simulated"]
    assert real.client.get("/api/v1/bays").json()["attribution"] == "City of Melbourne Open Data, CC BY 4.0"
    assert real.client.get("/api/v1/bays").json()["source"]["kind"] == "portal"


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/api/v1/bays", "/api/v1/nothing", "/healthz", "/openapi.json"]
)
def test_every_answer_carries_the_security_headers(server: RunningServer, path: str) -> None:
    headers = server.client.get(path).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"


def test_the_policy_lets_nothing_in_from_another_origin() -> None:
    sources = {word for rule in CONTENT_SECURITY_POLICY.split("; ") for word in rule.split()[1:]}
    assert sources == {"'none'", "'self'", "data:", "blob:"}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_a_request_under_another_name_is_refused(server: RunningServer, host: str) -> None:
    answer = server.client.get("/api/v1/bays", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_that_is_not_built_says_what_to_do(
    log: ChangeLog, start_server: StartServer, tmp_path: Any
) -> None:
    server = start_server(log, static_page=tmp_path / "missing")
    answer = server.client.get("/")
    assert answer.status_code == 503
    assert "make up" in answer.text


def test_openapi_describes_every_route_with_its_problems(server: RunningServer) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    assert {
        "/api/v1/bays",
        "/api/v1/bays/{kerbside_id}",
        "/api/v1/stream",
        "/api/v1/freshness",
    } <= paths.keys()
    assert {"/api/v1/streets", "/healthz", "/readyz"} <= paths.keys()
    assert all(route["get"]["summary"] for route in paths.values())
    assert "application/problem+json" in paths["/api/v1/bays"]["get"]["responses"]["422"]["content"]


def test_streets_are_fitted_to_the_bays_in_the_database(
    log: ChangeLog, start_server: StartServer, postgres: Settings, loader_session: psycopg.Connection[Any]
) -> None:
    loader_session.execute(
        "INSERT INTO parking.bays (bay_key, road_segment_description, longitude, latitude, is_retired, observed_at)"
        " SELECT n::text, 'King Street between A Street and B Street', 144.95 + n * 0.0001, -37.81, n = 9, now()"
        " FROM generate_series(0, 9) n"
    )
    where = {"home": postgres.home, "postgres_port": postgres.postgres_port}
    streets = start_server(log, {**where}).client.get("/api/v1/streets").json()
    assert [street["properties"] for street in streets["features"]] == [
        {
            "name": "King Street",
            "description": "King Street between A Street and B Street",
            "is_approximate": True,
        }
    ]
    ends = streets["features"][0]["geometry"]["coordinates"]
    assert sorted(end[0] for end in ends) == pytest.approx([144.95, 144.9508], rel=0, abs=1e-6)
    assert [end[1] for end in ends] == pytest.approx([-37.81, -37.81], rel=0, abs=1e-6)


def test_the_map_does_without_streets_while_the_database_is_away(server: RunningServer) -> None:
    answer = server.client.get("/api/v1/streets")
    assert answer.status_code == 200
    assert answer.json()["features"] == []
