"""What the server does not take: too much at once, too often, or from a page elsewhere that nobody allowed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from melpark.errors import ConfigurationError
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.serving.rate_limit import RateLimit
from melpark.settings import Settings, load

ADDRESS = "http://127.0.0.1:8000"
FRESHNESS = "/api/v1/freshness"


def client(home: Path, **settings: Any) -> TestClient:
    found = Settings(home=home, **settings)
    return TestClient(create_app(found, LiveState(found)), base_url=ADDRESS)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[TestClient]:
    with client(tmp_path) as one:
        yield one


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", FRESHNESS + "?a=" + "x" * 9000, b"", 414),
        ("GET", "/" + "x" * 9000, b"", 414),
        ("POST", FRESHNESS, b"x" * 70_000, 413),
        ("POST", FRESHNESS, b"x", 405),
        ("GET", FRESHNESS, b"", 200),
    ],
)
def test_what_is_too_much_is_refused_with_a_problem(
    plain: TestClient, method: str, path: str, content: bytes, status: int
) -> None:
    answer = plain.request(method, path, content=content)
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_asks_too_often_waits_and_is_told_how_long(tmp_path: Path) -> None:
    with client(tmp_path, rate_limit_per_minute=3) as one:
        answers = [one.get(FRESHNESS) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
        refused = answers[-1]
        assert refused.headers["ratelimit-limit"] == "3"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert refused.headers["content-type"] == "application/problem+json"
        assert one.get("/healthz").status_code == 200


def test_without_a_limit_nothing_is_counted(tmp_path: Path) -> None:
    with client(tmp_path, rate_limit_per_minute=0) as one:
        assert "ratelimit-limit" not in one.get(FRESHNESS).headers


class Times:
    """A clock of the tests' own."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def asked(limit: RateLimit, address: str) -> int:
    """The status of one request of an address."""
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "path": "/api/v1/bays", "client": (address, 1), "headers": [], "method": "GET"}
    asyncio.run(limit(scope, receive, send))
    return statuses[0]


async def fine(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_the_bucket_fills_evenly_never_beyond_a_minute_and_each_address_has_its_own() -> None:
    clock = Times()
    limit = RateLimit(fine, per_minute=6, monotonic=clock)
    assert [asked(limit, "a") for _ in range(7)] == [200] * 6 + [429]
    assert asked(limit, "b") == 200
    clock.now = 9.9
    assert asked(limit, "a") == 429
    clock.now = 10.1
    assert [asked(limit, "a") for _ in range(2)] == [200, 429]
    clock.now = 100_000
    assert [asked(limit, "a") for _ in range(7)] == [200] * 6 + [429]


def test_a_page_elsewhere_may_read_only_when_it_is_allowed(tmp_path: Path) -> None:
    ours, other = "https://map.example", "https://evil.example"
    with client(tmp_path) as one:
        assert "access-control-allow-origin" not in one.get(FRESHNESS, headers={"Origin": ours}).headers
    with client(tmp_path, cors_origins=f"{ours}, https://second.example") as one:
        assert one.get(FRESHNESS, headers={"Origin": ours}).headers["access-control-allow-origin"] == ours
        assert "access-control-allow-origin" not in one.get(FRESHNESS, headers={"Origin": other}).headers
        asked = {"Origin": ours, "Access-Control-Request-Method": "GET"}
        assert one.options(FRESHNESS, headers=asked).status_code == 200
        refused = one.get(f"{FRESHNESS}?{'x' * 20_000}", headers={"Origin": ours})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (414, ours)
        asked["Access-Control-Request-Method"] = "DELETE"
        assert one.options(FRESHNESS, headers=asked).status_code == 400


@pytest.mark.parametrize("origins", ["*", "map.example", "https://map.example/", "https://a b"])
def test_what_is_no_origin_is_refused_at_the_start(origins: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an origin"):
        load({"cors_origins": origins}, {}, Path("none.toml"))
