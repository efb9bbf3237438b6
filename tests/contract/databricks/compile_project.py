"""Compiles the dbt project for one target with no warehouse: `compile_project.py TARGET FOLDER`.

Run by the interpreter of whichever environment holds the adapter. An incremental model asks whether its table is there:
the folder gets `new`, where no table is, and `there`, with the incremental models of a project whose tables are.
"""

import sys
from typing import Any

from dbt.adapters.base import BaseAdapter
from dbt.adapters.spark.impl import SparkAdapter
from dbt.cli.main import dbtRunner

STATES = {"new": [], "there": ["--select", "config.materialized:incremental"]}


def patch(kind: type[BaseAdapter], is_there: bool) -> None:
    def relation(adapter: BaseAdapter, database: str, schema: str, identifier: str, **_: Any) -> Any:
        if not is_there:
            return None
        found = adapter.Relation.create(database=database, schema=schema, identifier=identifier, type="table")
        has_database = adapter.Relation.get_default_include_policy().database
        return found if has_database else found.include(database=False)

    kind.get_relation = relation


def invoke(runner: dbtRunner, *arguments: str) -> Any:
    result = runner.invoke(["--quiet", *arguments])
    if not result.success:
        sys.exit(str(result.exception or "dbt could not compile the project"))
    return result.result


def main(target: str, folder: str) -> None:
    kinds = [SparkAdapter]
    if target == "databricks":
        from dbt.adapters.databricks.impl import DatabricksAdapter

        kinds.append(DatabricksAdapter)
    manifest = invoke(dbtRunner(), "parse", "--target", target, "--target-path", f"{folder}/parsed")
    for state, selection in STATES.items():
        for kind in kinds:
            patch(kind, is_there=state == "there")
        invoke(
            dbtRunner(manifest=manifest),
            *("compile", "--target", target, "--target-path", f"{folder}/{state}", "--no-populate-cache"),
            *selection,
        )


main(*sys.argv[1:])
