"""Gold is one text of SQL: compiled for one machine and for Databricks, only the catalogue's name differs."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.databricks import tools
from melpark.places import DBT_PROJECT

STATES = ("new", "there")
# What stands for a table: `catalogue`.`schema`.`table` there, schema.table here.
OF_THE_CATALOGUE = re.compile(r"`a_catalogue`\.`(\w+)`\.`(\w+)`")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `target/state`, each with the SQL of every model and test."""
    folder = tmp_path_factory.mktemp("dbt")

    def compile_for(target: str) -> None:
        python = tools.PYTHON if target == "databricks" else Path(sys.executable)
        environment = os.environ | {
            "DBT_PROFILES_DIR": str(DBT_PROJECT),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DATABRICKS_HOST": "nowhere.invalid",
            "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/none",
            "DATABRICKS_TOKEN": "none",
            "DATABRICKS_CATALOG": "a_catalogue",
            "SPARK_REMOTE": "sc://127.0.0.1:1",
        }
        script = ("compile_project.py", target, str(folder / target))
        tools.run(python, *script, environment=environment, cwd=DBT_PROJECT)

    with ThreadPoolExecutor() as pool:
        list(pool.map(compile_for, ("local", "databricks")))
    return folder


def statements(folder: Path) -> dict[str, str]:
    found = folder / "compiled" / "melpark"
    # Files of tests are named by dbt, whose adapters cut long names at different lengths.
    return {path.relative_to(found).as_posix(): path.read_text() for path in found.rglob("*.sql")}


@pytest.mark.parametrize("state", STATES)
def test_a_model_is_the_same_on_databricks_but_for_the_catalogue(compiled: Path, state: str) -> None:
    here, there = (statements(compiled / target / state) for target in ("local", "databricks"))
    models = {
        path.relative_to(DBT_PROJECT).as_posix()
        for path in DBT_PROJECT.glob("models/**/*.sql")
        if state == "new" or "materialized='incremental'" in path.read_text()
    }
    assert models
    assert models <= here.keys() & there.keys()
    unnamed = {name: OF_THE_CATALOGUE.sub(r"\1.\2", text) for name, text in there.items()}
    assert [name for name in here.keys() & there.keys() if here[name] != unnamed[name]] == []
    # The pattern has something to do: every model that reads another names the catalogue.
    assert unnamed != there


def test_an_incremental_model_reads_its_own_table_once_it_is_there(compiled: Path) -> None:
    new, there = (statements(compiled / "databricks" / state) for state in STATES)
    name = "models/intermediate/int_bay_spells.sql"
    assert "`gold`.`int_bay_spells`" in there[name]
    assert "`gold`.`int_bay_spells`" not in new[name]


def test_a_test_of_the_data_is_the_same_on_databricks_but_for_the_catalogue(compiled: Path) -> None:
    here, there = (statements(compiled / target / "new") for target in ("local", "databricks"))
    same = {OF_THE_CATALOGUE.sub(r"\1.\2", text) for text in there.values()}
    assert [name for name, text in here.items() if text not in same] == []
