"""The exposures of dbt name what the server reads of gold, and nothing that it does not read."""

import re

import yaml  # type: ignore[import-untyped]

from melpark.places import DBT_PROJECT, PROJECT

MODELS = {path.stem for path in (DBT_PROJECT / "models").rglob("*.sql")}
# A table by its name in a statement, or a report by its key.
NAMED = re.compile(r"\bgold\.([a-z_]+)|[\"'](rpt_[a-z_]+)[\"']")
REF = re.compile(r"ref\('(\w+)'\)")


def exposed(name: str) -> list[str]:
    exposures = yaml.safe_load((DBT_PROJECT / "models" / "_exposures.yml").read_text())["exposures"]
    (found,) = [one for one in exposures if one["name"] == name]
    return [model for ref in found["depends_on"] for model in REF.findall(ref)]


def read_by_the_server() -> set[str]:
    code = "".join(path.read_text() for path in (PROJECT / "src" / "melpark" / "serving").rglob("*.py"))
    # Its comments name a table that is none of dbt's.
    return {name for found in NAMED.findall(code) for name in found} & MODELS


def test_the_api_reads_the_models_that_its_exposure_names_and_no_other() -> None:
    read = read_by_the_server()
    assert exposed("api") == sorted(read)
    assert {name.partition("_")[0] for name in read} == {"dim", "fact", "int", "rpt"}


def test_the_page_reads_gold_by_the_api_alone() -> None:
    assert set(exposed("web_page")) < set(exposed("api"))
