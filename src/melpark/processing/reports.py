"""Gold's reports are views: dbt makes them in Spark and on Databricks, melpark.processing.query makes them in DuckDB.

Both from the files of dbt_gold/models/reports, which hold SQL that both engines read and no Jinja but `ref`.
"""

import re

from melpark.places import DBT_PROJECT

FOLDER = DBT_PROJECT / "models" / "reports"
REF = re.compile(r"\{\{ ref\('(\w+)'\) \}\}")


def queries() -> dict[str, str]:
    """The query of each report by its name, over the tables `gold.*`."""
    return {path.stem: REF.sub(r"gold.\1", path.read_text()) for path in sorted(FOLDER.glob("*.sql"))}
