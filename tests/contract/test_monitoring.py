"""Rules, dashboards and the page of metrics speak of metrics that are really exposed, with their labels and values."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from contract.expressions import Expression
from melpark.places import PROJECT, Home
from melpark.serving.webhook.outbox import Outbox
from unit.serving.exposed import AT, Client, Scrape, answered, run_of_a_stack, scrape

MONITORING = PROJECT / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana").glob("*.json"))
PAGE = PROJECT / "docs" / "metrics.md"
# Of Prometheus itself, and the labels that it adds.
OF_PROMETHEUS = {"up": {"job", "instance"}}
ADDED_LABELS = {"job", "instance"}
# Of the process; the library's own names.
OF_THE_PROCESS = "process_"
DURATION = re.compile(r"(\d+(ms|s|m|h|d|w|y))+")
SEVERITIES = {"page", "ticket"}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Scrape:
    """Everything that the server tells of a stack with a history, an outbox and some requests."""
    home = Home(tmp_path_factory.mktemp("home"))
    run_of_a_stack(home)
    outbox = Outbox(home.outbox)
    outbox.put("a", {}, AT)
    outbox.close()
    client = Client(home, answers=answered())
    client.get("/healthz")
    return scrape(client)


@cache
def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    return [rule for group in groups for rule in group["rules"]]


def panels(dashboard: Path) -> list[dict[str, Any]]:
    return [panel for panel in json.loads(dashboard.read_text())["panels"] if panel["type"] != "row"]


def examples() -> list[dict[str, Any]]:
    """Rules that a page gives as an example, indented as code."""
    text = (PROJECT / "docs" / "how-to" / "alerts.md").read_text()
    found = re.findall(r"^    - alert: .*\n(?:      .*\n)+", text, re.MULTILINE)
    return [rule for example in found for rule in yaml.safe_load(example)]


def expressions() -> list[tuple[str, str]]:
    """Where each expression stands, and the expression."""
    assert examples()
    of_rules = [(f"rule {rule['alert']}", rule["expr"]) for rule in (*rules(), *examples())]
    of_panels = [
        (f"{dashboard.name}: {panel['title']}", target["expr"])
        for dashboard in DASHBOARDS
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]
    return of_rules + of_panels


@pytest.mark.parametrize(("where", "text"), expressions())
def test_an_expression_asks_for_series_that_are_there(where: str, text: str, exposed: Scrape) -> None:
    expression = Expression.parse(text)
    assert expression.series, f"{where} asks for nothing"
    known: set[str] = set()
    for series in expression.series:
        if series.metric in OF_PROMETHEUS:
            assert series.labels.keys() <= OF_PROMETHEUS[series.metric]
            known |= OF_PROMETHEUS[series.metric]
            continue
        assert series.metric in exposed.names, f"{where}: there is no metric {series.metric}"
        labels = exposed.labels(series.metric)
        known |= labels.keys()
        for label, value in series.labels.items():
            if label in ADDED_LABELS:
                continue
            assert label in labels, f"{where}: {series.metric} has no label {label}"
            assert value is None or value in labels[label], (
                f"{where}: {label} of {series.metric} is never {value}"
            )
    assert expression.groups <= known


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_is_whole_and_its_words_use_labels_that_its_series_have(
    rule: dict[str, Any], exposed: Scrape
) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"MelPark[A-Z]\w+", rule["alert"])
    assert DURATION.fullmatch(rule.get("for", "0s"))
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"].keys() == {"summary", "action", "runbook"}
    asked = Expression.parse(rule["expr"])
    labels = {label for series in asked.series for label in exposed.labels(series.metric)} | asked.groups
    words = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", words)) <= labels
    assert (
        words.count("{{")
        == words.count("}}")
        == len(re.findall(r"{{ \$(labels\.\w+|value( \| \w+)?) }}", words))
    )


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)


def test_what_must_never_go_unnoticed_has_a_rule() -> None:
    """Silence, a failed run, lag, rejects, restarts, a quiet feed and gold."""
    asked = {series.metric for rule in rules() for series in Expression.parse(rule["expr"]).series}
    assert asked >= {
        "melpark_poll_last_accepted_timestamp_seconds",
        "melpark_poll_failed",
        "melpark_job_failed",
        "melpark_stage_lag_seconds",
        "melpark_stage_up",
        "melpark_rejected_records_total",
        "melpark_quarantined_events",
        "melpark_engine_restarts_total",
        "melpark_source_age_seconds",
        "melpark_capture_whole",
        "melpark_webhook_alerts",
    }


def test_one_failed_run_alerts_without_waiting() -> None:
    found = {rule["alert"]: rule for rule in rules()}
    for name in ("MelParkPollFailed", "MelParkJobFailed"):
        assert "for" not in found[name]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.name)
def test_a_dashboard_is_whole(dashboard: Path) -> None:
    document = json.loads(dashboard.read_text())
    assert document["uid"]
    assert document["title"].startswith("MelPark")
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    cells: set[tuple[int, int]] = set()
    for panel in panels(dashboard):
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & own, f"{panel['title']} lies upon another panel"
        cells |= own
        for target in panel["targets"]:
            labels = Expression.parse(target["expr"])
            assert labels.series
            assert target["datasource"]["uid"] == "${datasource}"


def test_the_examples_name_files_and_receivers_that_are_there() -> None:
    prometheus = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    assert [MONITORING / file for file in prometheus["rule_files"]] == [MONITORING / "rules.yml"]
    assert [one["job_name"] for one in prometheus["scrape_configs"]] == ["melpark"]
    alertmanager = yaml.safe_load((MONITORING / "alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in alertmanager["receivers"]}
    route = alertmanager["route"]
    assert {route["receiver"], *(one["receiver"] for one in route["routes"])} <= receivers
    matched = {matcher for one in route["routes"] for matcher in one["matchers"]}
    assert matched <= {f'severity="{severity}"' for severity in SEVERITIES}
    names = {rule["alert"] for rule in rules()}
    for inhibited in alertmanager["inhibit_rules"]:
        for matcher in (*inhibited["source_matchers"], *inhibited["target_matchers"]):
            _, pattern = re.fullmatch(r'alertname(=~?)"(.+)"', matcher).groups()  # type: ignore[union-attr]
            prefix, choices = re.fullmatch(r"(\w+)(?:\((.+)\))?", pattern).groups()  # type: ignore[union-attr]
            assert {prefix + choice for choice in (choices or "").split("|")} <= names


def test_the_page_of_metrics_names_every_metric_that_is_exposed_and_no_other(exposed: Scrape) -> None:
    listed = re.findall(r"^\| `(melpark_\w+)(?:{([\w, ]+)})?` \|", PAGE.read_text(), flags=re.MULTILINE)
    told = {name: set(filter(None, labels.split(", "))) for name, labels in listed}
    found = {
        metric: set(exposed.labels(metric)) - {"le"}
        for metric in exposed.metrics
        if not metric.startswith(OF_THE_PROCESS)
    }
    assert told == found


def test_the_page_of_metrics_names_every_alert_and_no_other() -> None:
    listed = re.findall(r"^\| `(MelPark\w+)` \|", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(rule["alert"] for rule in rules())
