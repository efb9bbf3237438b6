"""docs/cds.md names every field of the standard, tells which are sent, and that is so."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Route

from cds import law, metrics
from cds.served import KINDS, Served
from melpark.places import PROJECT
from melpark.serving.cds import app
from melpark.settings import Settings

PAGE = (PROJECT / "docs" / "cds.md").read_text()
ROW = re.compile(r"\| `(\w+)` \| ([^|]*) \|")
TITLES = {
    "zone": "Zone",
    "area": "Area",
    "space": "Space",
    "policy": "Policy",
    "rule": "Rule",
    "span": "Time span",
    "event": "Event",
    "status": "Status",
}


def table(title: str) -> dict[str, bool]:
    """Each field of the section's table, and whether it is sent."""
    section = re.split(r"^#+ ", PAGE.split(f"### {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return {name: ours != "not sent" for name, ours in ROW.findall(section)}


def records(served: Served, kind: str) -> Iterator[dict[str, object]]:
    if kind == "rule":
        yield from (one for policy in served.records("policies") for one in policy["rules"])
    elif kind == "span":
        yield from (one for policy in served.records("policies") for one in policy.get("time_spans", ()))
    else:
        yield from served.records(next(name for name, (of_kind, _) in KINDS.items() if of_kind == kind))


@pytest.mark.parametrize("kind", TITLES)
def test_the_page_names_every_field_and_tells_which_are_sent(kind: str, served: Served) -> None:
    told = table(TITLES[kind])
    assert told.keys() == law.OBJECTS[kind].keys()
    sent = {name for record in records(served, kind) for name in record}
    # Of a zone that is over, which is not in the list.
    sent |= {"end_date"} if kind == "zone" else set()
    # Of a plate for those with a permit.
    sent |= {"user_classes"} if kind == "rule" else set()
    assert {name for name, is_sent in told.items() if is_sent} == sent


def test_the_page_names_every_column_and_tells_which_are_sent(served: Served) -> None:
    sessions = table("Session")
    assert sessions.keys() == law.SESSION_COLUMNS.keys()
    assert [name for name, is_sent in sessions.items() if is_sent] == list(metrics.rows(served.sessions)[0])
    assert tuple(table("Aggregate")) == law.AGGREGATE_COLUMNS


def test_the_page_names_every_endpoint_and_setting() -> None:
    named = set(re.findall(r"`(/cds/[\w/<>]*)`", PAGE))
    served = {
        app.PREFIX + route.path.replace("{id}", "<id>")
        for route in app.application(Settings()).routes
        if isinstance(route, Route) and route.path not in app.NOT_BUILT
    }
    assert named == served
    settings = {f"MELPARK_{name.upper()}" for name in Settings.model_fields if name.startswith("cds_")}
    assert settings == set(re.findall(r"`(MELPARK_CDS_\w+)`", PAGE))
