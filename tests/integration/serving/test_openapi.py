"""The description of the API is true: whatever it allows is asked, and every operation has examples that fit."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from integration.serving.whole_app import whole_app
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.settings import Settings

OURS = {"Host": "127.0.0.1"}
ADDRESS = "http://127.0.0.1:8000"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# It never ends; its tests are those of the stream.
STREAM = "/api/v1/stream"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return whole_app(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def described(app: Any) -> Any:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=OURS)
    return schema.exclude(path=STREAM)


def paths() -> list[str]:
    document = create_app(Settings(), LiveState(Settings())).openapi()
    return [path for path in document["paths"] if path != STREAM]


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("mode", GenerationMode)
def test_whatever_may_be_asked_is_answered_as_described(
    described: Any, path: str, mode: GenerationMode
) -> None:
    operation = described[path]["GET"]
    try:
        strategy = operation.as_strategy(generation_mode=mode)

        @settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=strategy)
        def ask(case: Any) -> None:
            case.call_and_validate(headers=OURS, checks=CHECKS)

        ask()
    except Unsatisfiable:
        # Without a parameter there is nothing that could be asked wrongly.
        assert mode is GenerationMode.NEGATIVE
        assert not operation.definition.raw.get("parameters")


@pytest.fixture(scope="module")
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app, base_url=ADDRESS) as client:
        yield client


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method == "get"
            yield path, operation


def test_every_operation_has_words_and_an_example_of_its_answer_that_fits_its_schema(
    client: TestClient,
) -> None:
    document = client.get("/openapi.json").json()
    for path, operation in operations(document):
        assert operation["summary"], path
        content = operation["responses"]["200"]["content"]
        assert content, path
        for kind, body in content.items():
            example = body["example"]
            assert example, (path, kind)
            if kind == "application/json":
                whole = {**body["schema"], "components": document["components"]}
                jsonschema_rs.validator_for(whole).validate(example)


def test_every_parameter_is_explained_and_its_examples_are_taken(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operation in operations(document):
        if path == STREAM:
            continue
        query = {}
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (path, parameter["name"])
            examples = parameter["schema"].get("examples") or []
            if parameter["in"] == "query" and examples:
                query[parameter["name"]] = examples[0]
        answer = client.get(path.replace("{kerbside_id}", "7"), params=query)
        assert answer.status_code == 200, (path, query, answer.text)


def test_every_answer_has_the_fields_of_its_example(client: TestClient) -> None:
    """Of each listing the row that comes has the names that the description shows."""
    document = client.get("/openapi.json").json()
    looked_at = 0
    for path, operation in operations(document):
        content = operation["responses"]["200"]["content"]
        if "text/csv" not in content:
            continue
        example = content["application/json"]["example"]
        name = next(name for name, value in example.items() if isinstance(value, list))
        row = client.get(path).json()[name][0]
        assert list(row) == list(example[name][0]), path
        looked_at += 1
    assert looked_at == 18
