"""The standard beside everything else that the server answers."""

from collections.abc import Mapping

import pytest

from cds.asking import ask_of
from cds.conftest import City
from cds.served import JSON_TYPE, Ask
from melpark.serving.app import create_app
from melpark.serving.live import LiveState


@pytest.fixture(scope="module")
def ask(city: City) -> Ask:
    return ask_of(create_app(city.settings, LiveState(city.settings)), city.token)


def test_it_is_under_a_prefix_of_its_own_with_the_servers_headers(ask: Ask) -> None:
    answer = ask("/cds/curbs/zones")
    assert (answer.status, answer.headers["content-type"]) == (200, JSON_TYPE)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ask("/cds/").body["counts"]["zones"] == 4
    # Beside it the API's errors stay problems.
    assert ask("/api/v1/nothing").headers["content-type"] == "application/problem+json"
    assert ask("/cds/nothing").headers["content-type"] == JSON_TYPE


def test_its_answers_are_counted_by_their_route(ask: Ask) -> None:
    ask("/cds/events/events", headers={"authorization": ""})
    counted: Mapping[str, str] = dict(
        line.rsplit(" ", 1) for line in ask("/metrics").text.splitlines() if not line.startswith("#")
    )
    name = 'melpark_http_requests_total{method="GET",route="/cds/events/events",status="401"}'
    assert float(counted[name]) == 1
