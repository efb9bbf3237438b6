"""compose.yaml is the plan of `melpark up` in other words: parts, order, ports, memory, secrets, paths are the same."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from pydantic import SecretStr

from melpark.places import AIRFLOW_ADMIN, CDS_TOKEN, GRAFANA_ADMIN, PROJECT, ROLES
from melpark.settings import NOT_SETTINGS, PREFIX, Settings
from melpark.stack import part, plan, workers
from melpark.stack.declaration import Engine, Node

COMPOSE = PROJECT / "compose.yaml"
DOCKERFILES = [*PROJECT.glob("Dockerfile"), *PROJECT.glob("*/Dockerfile")]
BIN = Path(sys.executable).parent
# Not parts of the plan: what shares its network, and what looks at it.
AROUND = {"pod", "home", "watch", "prometheus", "grafana"}
VARIABLE = re.compile(r"\$\{(\w+)")
# Of compose alone: which image.
OF_COMPOSE = {"MELPARK_IMAGE", "MELPARK_AIRFLOW_IMAGE"}
# Delivers alerts.
WITH_WEBHOOK = Settings(alert_webhook_url=SecretStr("https://example.org/hook"))
WAITED_FOR = {True: "service_healthy", False: "service_completed_successfully"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text()))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(compose["services"])


def nodes() -> Mapping[str, Node]:
    """Of everything that settings may add: alerts, and both who poll and build, loop and Airflow.

    Of the sources simulator; a portal has the same without the source.
    """
    by_loop = WITH_WEBHOOK
    by_airflow = by_loop.model_copy(update={"scheduled_by": "airflow"})
    return {node.name: node for node in (*plan.nodes(by_loop), *plan.nodes(by_airflow))}


def profile(services: Mapping[str, Any], name: str) -> set[str]:
    return {one for one, service in services.items() if name in service.get("profiles", [])}


def parts(services: Mapping[str, Any]) -> Iterator[tuple[str, Any, Node]]:
    known = nodes()
    return ((name, service, known[name]) for name, service in services.items() if name in known)


def test_compose_is_what_composes_own_schema_allows() -> None:
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_a_dockerfile_has_no_flaw(file: Path) -> None:
    done = subprocess.run([BIN / "hadolint", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_part_of_the_plan_is_a_service_and_nothing_else_is(services: dict[str, Any]) -> None:
    assert services.keys() - AROUND == nodes().keys()
    for name, service, node in parts(services):
        assert service["command"] == ["part", name]
        restarts = "unless-stopped" if isinstance(node, Engine) else "no"
        assert service["restart"] == restarts, name


def test_flink_is_started_without_a_profile(services: dict[str, Any]) -> None:
    flink = {"jobmanager", "taskmanager", "live"}
    assert not [name for name in flink if "profiles" in services[name]]
    assert services["live"]["environment"]["MELPARK_LIVE"] == "${MELPARK_LIVE:-true}"


def test_either_the_loop_or_airflow_is_started(services: dict[str, Any]) -> None:
    by_loop = {node.name for node in plan.nodes(Settings())}
    by_airflow = {node.name for node in plan.nodes(Settings(scheduled_by="airflow"))}
    assert profile(services, "loop") == by_loop - by_airflow
    assert profile(services, "airflow") == by_airflow - by_loop
    own = {name for name in services if "MELPARK_AIRFLOW_IMAGE" in services[name]["image"]}
    assert own == by_airflow - by_loop
    scheduled_by = {service["environment"]["MELPARK_SCHEDULED_BY"] for _, service, _ in parts(services)}
    assert scheduled_by == {"${MELPARK_SCHEDULED_BY:-loop}"}


def test_alerts_are_delivered_by_a_profile_and_nobody_else_is_told_where_to(
    services: dict[str, Any],
) -> None:
    by_default = {node.name for node in plan.nodes(Settings())}
    assert profile(services, "alerts") == {node.name for node in plan.nodes(WITH_WEBHOOK)} - by_default
    told = {
        name: {key for key in service.get("environment", {}) if "WEBHOOK" in key}
        for name, service in services.items()
    }
    given = {PREFIX + secret.upper() for secret in workers.SECRETS_OF["alerts"]}
    assert {name: keys for name, keys in told.items() if keys} == {"alerts": given}
    # Empty would be a key that is none: without a value compose hands on what is set.
    assert services["alerts"]["environment"]["MELPARK_ALERT_WEBHOOK_SECRET"] is None


def test_what_watches_is_asked_as_a_part_is(services: dict[str, Any]) -> None:
    watch = services["watch"]
    assert watch["command"] == ["part", part.WATCH]
    assert watch["healthcheck"]["test"] == ["CMD", "melpark", "part", part.WATCH, "--check"]
    assert watch["secrets"] == ["melpark_reader"]


def test_a_part_waits_for_what_it_needs_in_the_plan(services: dict[str, Any]) -> None:
    known = nodes()
    for name, service, node in parts(services):
        waits = {one: how["condition"] for one, how in service["depends_on"].items() if one != "home"}
        assert waits == {need: WAITED_FOR[isinstance(known[need], Engine)] for need in node.needs}, name
        assert node.needs or service["depends_on"]["home"]["condition"] == WAITED_FOR[False]


def test_an_engine_is_asked_by_its_own_check_and_held_to_its_memory(services: dict[str, Any]) -> None:
    for name, service, node in parts(services):
        if not isinstance(node, Engine):
            continue
        assert service["healthcheck"]["test"] == ["CMD", "melpark", "part", name, "--check"]
        assert service["mem_limit"] == f"{node.memory_limit_mebibytes}m", name
        assert service.get("stop_signal", "SIGTERM") == node.stop_signal.name


def test_nothing_is_published_but_the_server_and_what_looks_at_it_on_the_loopback(
    services: dict[str, Any],
) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    server, airflow = Settings().serve_port, Settings().airflow_port
    assert published == {"pod": [f"127.0.0.1:{port}:{port}" for port in (server, 9090, 3000, airflow)]}
    assert all(services[name]["network_mode"] == "service:pod" for name in services.keys() - {"pod"})
    used = [port for node in nodes().values() if isinstance(node, Engine) for port in node.ports]
    # Within the pod all share one loopback.
    assert len({*used, 9090, 3000}) == len(used) + 2


def test_every_variable_is_a_setting(compose: dict[str, Any], services: dict[str, Any]) -> None:
    named = set(VARIABLE.findall(COMPOSE.read_text())) - OF_COMPOSE
    for service in services.values():
        named |= {name for name in service.get("environment", {}) if name.startswith(PREFIX)}
    named |= {name for file in DOCKERFILES for name in re.findall(rf"{PREFIX}\w+(?==)", file.read_text())}
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    assert named - settings - NOT_SETTINGS == set()
    environment = services["kafka"]["environment"]
    assert environment["MELPARK_HOME"] == "/var/lib/melpark"
    assert all(volume in compose["volumes"] for volume in ("home", "prometheus", "grafana"))


def test_paths_are_there_and_those_of_the_image(services: dict[str, Any], compose: dict[str, Any]) -> None:
    text = (PROJECT / "Dockerfile").read_text()
    assert "MELPARK_HOME=/var/lib/melpark " in text
    assert "CREDENTIALS_DIRECTORY=/run/secrets " in text
    mounted = [volume for service in services.values() for volume in service.get("volumes", [])]
    ours = [volume.split(":")[0] for volume in mounted if volume.startswith("./")]
    assert ours
    assert [path for path in ours if not (PROJECT / path).exists()] == []
    texts = [file.read_text() for file in DOCKERFILES]
    copied = [line for one in texts for line in re.findall(r"^COPY (?!--)(.*) \S+$", one, re.MULTILINE)]
    assert [path for line in copied for path in line.split() if not (PROJECT / path).exists()] == []
    allowed = {
        line.lstrip("!")
        for line in (PROJECT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert {path.split("/")[0] for line in copied for path in line.split()} == allowed


def test_every_password_is_a_file_and_a_part_is_handed_few(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    assert compose["secrets"] == {
        name: {"file": f"./secrets/{name}"} for name in (*ROLES, AIRFLOW_ADMIN, CDS_TOKEN, GRAFANA_ADMIN)
    }
    handed = {name: set(service.get("secrets", [])) for name, service in services.items()}
    assert {name for name, some in handed.items() if "postgres" in some} == {"postgres", "migrate"}
    assert {name for name, some in handed.items() if "melpark_owner" in some} == {"migrate"}
    assert handed["server"] == {"melpark_reader", CDS_TOKEN}
    assert {name for name, some in handed.items() if AIRFLOW_ADMIN in some} == {"airflow-database"}
    assert set().union(*handed.values()) == compose["secrets"].keys()


def test_a_container_may_do_little(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name in services.keys() - {"grafana"}:
        assert services[name]["read_only"] is True, name


def test_every_image_has_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        image = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", service["image"])
        assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+", image), (name, image)


def test_airflows_image_is_melparks_with_airflows_own_environment() -> None:
    text = (PROJECT / "orchestration" / "Dockerfile").read_text()
    image = re.search(r"^  image: \$\{MELPARK_IMAGE:-(.*)\}$", COMPOSE.read_text(), re.MULTILINE)
    assert image is not None
    assert f"ARG MELPARK={image[1]}\n" in text
    assert "make .tools/airflow/.synced " in text
    assert "/opt/melpark/.tools/airflow /opt/melpark/.tools/airflow\n" in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE)[-1] == "10001"
    assert re.findall(r"^ARG PYTHON=(.*)$", text, re.MULTILINE) == re.findall(
        r"^ARG PYTHON=(.*)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE
    )


def test_the_image_is_built_by_the_targets_and_commands_that_are_there() -> None:
    text = (PROJECT / "Dockerfile").read_text()
    assert "make .venv/.synced " in text
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001"]
    assert f"melpark part {part.FETCH} " in text
    command = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert command is not None
    assert ast.literal_eval(command[1]) == ["part", "server"]
