"""The code cells of the Databricks notebooks, run as they are on the local server; only the widgets are ours."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from pyspark.sql.connect.session import SparkSession

from integration.lake.changes import Change
from integration.lake.conftest import Lake
from melpark.contracts import POLLS
from melpark.places import PROJECT, topic

NOTEBOOKS = PROJECT / "databricks"


class Widgets:
    """Databricks' widgets: each has its default unless it was given."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given, self.defaults = given, dict[str, str]()

    def text(self, name: str, default: str) -> None:
        self.defaults[name] = default

    def dropdown(self, name: str, default: str, choices: list[str]) -> None:
        assert default in choices
        self.defaults[name] = default

    def get(self, name: str) -> str:
        return self.given.get(name, self.defaults[name])


def no_secret(scope: str, key: str) -> str:
    raise AssertionError(f"nobody told of {scope} {key}")


def run(
    notebook: str,
    session: SparkSession,
    given: Mapping[str, str],
    secret: Callable[[str, str], str] = no_secret,
) -> None:
    """Run every cell, with these widgets."""
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text())["cells"]
    utilities = SimpleNamespace(widgets=Widgets(given), secrets=SimpleNamespace(get=secret))
    names = {"spark": session, "dbutils": utilities}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def land(lake: Lake, folder: Path, number: int) -> None:
    """A file of one change event, as they are landed where no Kafka can be reached: a poll of this number."""
    row = next(change.row for change in lake.history.changes if change.table is POLLS)
    change = Change(POLLS, {**row, "poll_id": number})
    line = {"topic": topic(POLLS.name), "partition": 0, "offset": number, "key": change.key}
    line |= {"value": change.payload, "kafka_at": "2025-08-01T00:00:00Z"}
    folder.mkdir(exist_ok=True)
    (folder / f"{number}.json").write_text(json.dumps(line) + "\n")
